"""What happens in a township: invented, nobody and no place in it exists. Chinese, because it becomes data."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Matter(NamedTuple):
    """What is reported, and what the one who handled it writes."""

    title: str
    description: str
    result: str


# Category -> how often, of all matters.
SHARES: Mapping[str, float] = {
    "request": 50,
    "dispute": 25,
    "fire_hazard": 7,
    "social_security": 6,
    "security_hazard": 5,
    "weak_group_rights": 4,
    "fire": 2,
    "abnormal_death": 0.2,
}
FOUND_ON_PATROL = ("request", "request", "request", "fire_hazard", "security_hazard", "dispute")

MATTERS: Mapping[str, Sequence[Matter]] = {
    "request": (
        Matter("路灯不亮", "村口往南第三盏路灯不亮，晚上出行不便。", "更换灯泡和触发器，当晚已亮。"),
        Matter("水渠堵塞", "东头水渠被秸秆和塑料袋堵住，浇地水下不来。", "组织人员清淤，渠水已通。"),
        Matter("垃圾清运不及时", "垃圾桶满溢三天，有异味。", "联系保洁清运，调整了清运时间。"),
        Matter("道路坑洼", "进组水泥路有一处塌陷，下雨积水。", "用碎石和水泥填平，设了警示。"),
        Matter("自来水压力小", "早晚用水高峰二楼没有水。", "检修阀门，压力恢复。"),
        Matter("下水道反水", "雨后巷口窨井反水，污水流到门前。", "疏通管道并清掏窨井。"),
        Matter("电线低垂", "巷口线缆下垂，车辆通过会刮到。", "产权单位已重新绑扎升高。"),
        Matter("化肥补贴咨询", "想了解今年种粮补贴申报的时间和材料。", "当面说明政策，帮助填表。"),
        Matter("健身器材损坏", "文化广场一台健身器材螺丝松脱。", "已紧固，并检查了其余器材。"),
        Matter("树枝挡路", "大风后树枝折断，挡住半边路。", "已清理运走。"),
        Matter("网络经常中断", "组里宽带最近每天晚上掉线。", "运营商更换了分光器，回访正常。"),
        Matter("医保缴费帮办", "老人不会用手机缴医保，请求代办。", "上门代办，票据已交本人。"),
        Matter("公厕无水", "广场公厕水箱不上水。", "更换浮球阀。"),
        Matter("广场夜间噪音", "广场音响晚上十点以后还在响，影响休息。", "与领队约定九点前结束。"),
    ),
    "dispute": (
        Matter("邻里噪音纠纷", "两家因夜间装修噪音争吵。", "双方约定施工时间，达成口头协议。"),
        Matter("宅基地边界争议", "两户对院墙位置有争议。", "按登记材料现场丈量，双方签字认可。"),
        Matter("土地流转费拖欠", "承包户反映流转费未按期支付。", "核对合同，对方当场补付。"),
        Matter("赡养纠纷", "老人反映子女对赡养费分担意见不一。", "召集家庭会议，写下分担协议。"),
        Matter("养殖异味", "邻居反映养鸡棚气味大。", "养殖户答应每日清粪并加盖。"),
        Matter("排水流向争执", "屋檐水流到邻家院内。", "加装檐沟改变流向。"),
        Matter("车辆刮擦", "停车刮擦后对赔偿金额有分歧。", "双方协商一致，当场了结。"),
        Matter("农机作业费争议", "收割作业面积计算有出入。", "重新量地，按实际面积结算。"),
        Matter("婚姻家庭矛盾", "夫妻因家务和照看孩子争执，请求调解。", "上门调解，情绪平稳，约定再回访。"),
    ),
    "fire_hazard": (
        Matter("楼道堆放杂物", "安置楼二单元楼道堆满纸箱。", "当场清走，张贴提示。"),
        Matter("电动车飞线充电", "从窗户拉线给电动车充电。", "拆除飞线，引导到集中充电点。"),
        Matter("秸秆堆靠近电线", "场边秸秆堆紧靠配电箱。", "已移走，留出安全距离。"),
        Matter("灭火器过期", "小卖部灭火器压力不足。", "督促更换，已复查。"),
        Matter("煤气罐放在卧室", "走访发现老人把煤气罐放在卧室。", "移到室外并更换软管。"),
    ),
    "security_hazard": (
        Matter("陌生人频繁敲门推销", "有人以检测水质为名上门推销滤芯。", "巡逻劝离，群内发布提示。"),
        Matter("水塘无护栏", "村西水塘边护栏缺一段，孩子常去玩。", "补装护栏，设警示牌。"),
        Matter("监控失灵", "路口监控黑屏。", "更换电源，恢复录像。"),
        Matter("空置房门锁损坏", "空置房门被撬开，怕有人进出。", "联系房主换锁，列入巡查点。"),
        Matter("疑似电信诈骗", "老人接到要求转账的电话，来问真假。", "当场劝阻，未造成损失。"),
    ),
    "social_security": (
        Matter("低保申请", "家庭主要劳动力生病，申请低保。", "入户核查，材料已按程序上报，结果已告知。"),
        Matter("残疾补贴未到账", "本月残疾人护理补贴没有到账。", "核对账号有误，更正后已补发。"),
        Matter("养老金认证", "行动不便，无法到镇上做养老金资格认证。", "上门完成认证。"),
        Matter("临时救助申请", "家中失火后生活困难，申请临时救助。", "救助金已发放。"),
    ),
    "weak_group_rights": (
        Matter("独居老人需要照料", "独居老人生病，无人做饭。", "安排助餐，联系其亲属轮流照看。"),
        Matter("务工人员讨薪", "在外做工两个月工资未结，请求帮助。", "协调后工资已结清。"),
        Matter("留守儿童无人接送", "祖辈住院，孩子上学无人接送。", "安排志愿者接送，家长已返乡。"),
    ),
    "fire": (
        Matter("麦茬地起火", "地头有明火和浓烟。", "二十分钟内扑灭，无人受伤，现场留人看守。"),
        Matter("厨房油锅起火", "邻居家厨房冒烟。", "已扑灭，检查线路和燃气无异常。"),
        Matter("垃圾堆冒烟", "村外垃圾堆冒烟，风大。", "浇水扑灭并清运。"),
    ),
    "abnormal_death": (
        Matter(
            "河道发现溺亡人员", "村民在河边发现一名溺亡者，已报警。", "公安机关已处理，家属已联系，善后完成。"
        ),
    ),
}
# For categories that only one plan has, by their kind.
BY_KIND: Mapping[str, Sequence[Matter]] = {
    "request": MATTERS["request"],
    "dispute": MATTERS["dispute"],
    "hazard": (*MATTERS["fire_hazard"], *MATTERS["security_hazard"]),
    "emergency": MATTERS["fire"],
    "environment": (
        Matter("垃圾倒在路边", "路口有人倒了一堆生活垃圾。", "已清运，立了提示牌。"),
        Matter("柴草堆在村道", "村道边堆着玉米秸，占了半边路。", "住户已搬进院内。"),
        Matter("墙面小广告", "文化墙上新贴了十几张小广告。", "已铲除，墙面重新粉刷。"),
        Matter("水沟污水", "巷子水沟有泔水，气味大。", "已疏通冲洗，提醒住户倒进下水道。"),
        Matter("鸡鸭散养", "鸡鸭在广场上跑，粪便没人扫。", "住户已圈养，广场已清扫。"),
    ),
}
OTHERS = 5.0  # share of a category that is not named above
SUPERIOR = "县（区）有关部门"
REFERENCE = "报告第1号"
REPLIED = "已由上级部门协调解决。"
ASSISTED = "已到场配合，任务完成。"
TREND = "双方情绪较激动，可能有多人到场，已派人稳住。"
APPROVED = "同意办理。"
ANY = (Matter("群众反映事项", "群众反映生活中的一件难事，请求帮助解决。", "已核实办结，本人认可。"),)


def of(category: str, kind: str) -> Sequence[Matter]:
    """What may happen in a category, known by its code or else by its kind."""
    return MATTERS.get(category) or BY_KIND.get(kind, ANY)


PATROL_NOTES = (
    "一切正常。",
    "走访三户，无异常。",
    "提醒两户注意用电安全。",
    "与老人聊了近况。",
    "查看水塘和路口，正常。",
)
NOT_TRUE = ("现场核实情况不符。", "与前日一件重复。", "不属于本镇管辖，已告知反映渠道。")
SENT_BACK = ("现场照片看不出处理结果，请补充。", "当事人说还没有解决。", "只处理了一半，请继续。")
PASSED_UP = ("需要村里协调。", "超出本组能力，请村里安排。", "涉及两个组，请村里处理。")
PASSED_TO_TOWN = ("需要站所专业人员。", "村里没有经费和设备，请镇里协调。", "涉及政策，请镇里答复。")
HANDED_OVER = ("地点属于隔壁小组。", "当事人住在隔壁小组。")
REOPENED = ("当事人反映又出现，重新办理。",)
COMMENTS = {
    True: ("", "", "", "处理得快，谢谢。", "态度好。", "希望以后也这样。"),
    False: ("还是老样子。", "只来看了一眼。", "修了又坏。"),
}
# Which department is asked for what, by a part of its name; any of them where none fits.
DEPARTMENT_FOR = {
    "dispute": "司法",
    "fire": "派出",
    "fire_hazard": "派出",
    "security_hazard": "派出",
    "abnormal_death": "派出",
    "social_security": "民政",
    "weak_group_rights": "民政",
}
