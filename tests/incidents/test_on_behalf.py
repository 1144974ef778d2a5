"""Entered by one, done by another (代录): whose rights count, what history says, for whom it counts."""

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from gridgov.common import clock as gridgov_clock
from gridgov.common.enums import Channel
from gridgov.common.errors import Forbidden, Invalid
from incidents.actions import perform, report
from incidents.enums import PartRole
from incidents.models import Incident, Part, Transition
from inspections.actions import record_patrol
from inspections.models import Patrol
from members.actions import appoint, take_leave
from members.enums import RoleCode
from members.models import Member, Post, Role
from members.permissions import enters_for_others
from tests.factories import client_for, fresh, incident, login

pytestmark = pytest.mark.django_db

PHONE = Channel.PHONE


@pytest.fixture
def volunteer(town) -> Member:
    """A person of the first group who holds a post and has no login."""
    member = Member.objects.create(name="无账号网格员", township_code=town.code)
    role = Role.objects.get(township=town.grid, code=RoleCode.WORKER)
    appoint(member=member, post=Post.objects.create(grid=town.groups[0], role=role, title="协管员"))
    return member


def entered(town, matter, action, *, by="clerk", whose="worker", **arguments):
    row = Incident.objects.for_list().get(pk=matter.pk)
    member = whose if isinstance(whose, Member) else getattr(town, whose).member
    arguments.setdefault("channel", PHONE)
    return perform(
        user=fresh(getattr(town, by)), incident=row, action=action, on_behalf_of=member, **arguments
    ).incident


def last(matter) -> Transition:
    return Transition.objects.filter(incident=matter).order_by("-seq")[0]


def test_clerk_accepts_for_the_worker_who_phoned(town, new, clock):
    matter = new()
    clock("2026-11-23T10:00")
    happened = gridgov_clock.now() - timedelta(minutes=20)
    entered(town, matter, "accept", happened_at=happened)
    row = last(matter)
    assert (row.actor, row.entered_by, row.user) == (town.worker.member, town.clerk.member, town.clerk)
    assert (row.channel, row.happened_at, row.entered_at) == (PHONE, happened, gridgov_clock.now())


def test_result_counts_for_whoever_handled_it(town, new):
    matter = new()
    for action, more in (("accept", {}), ("start", {}), ("submit_result", {"note": "修好了"})):
        matter = entered(town, matter, action, by="village_head", **more)
    assert matter.handler_member == town.worker.member
    assert matter.handler_grid == town.groups[0]


def test_what_one_did_oneself_names_nobody_else(town, new):
    matter = new()
    entered(town, matter, "accept", by="worker", whose="worker", channel="")
    assert (last(matter).actor, last(matter).entered_by) == (town.worker.member, None)


@pytest.mark.parametrize(
    ("by", "whose"),
    [
        ("village_head", "worker2"),  # of the other village
        ("village_head", "clerk"),
        ("village_head", "officer"),
        ("worker", "group_head"),  # co-ordinates nothing
        ("officer", "worker"),
        ("leader", "worker"),
    ],
)
def test_nobody_enters_for_people_of_other_places(town, new, by, whose):
    with pytest.raises(Forbidden) as refused:
        entered(town, new(), "accept", by=by, whose=whose)
    assert refused.value.code == "not_entered_for"


def test_rights_of_the_person_acted_for_count_and_not_those_of_whoever_types(town, new):
    matter = new()
    with pytest.raises(Forbidden) as refused:  # the clerk may reject it, a worker may not
        entered(town, matter, "reject", reason="不属实")
    assert refused.value.code == "forbidden"
    with pytest.raises(Forbidden):  # a worker of another group
        entered(town, matter, "accept", whose="worker2")
    assert Transition.objects.filter(incident=matter).count() == 1


def test_person_without_login_may_be_acted_for(town, new, volunteer):
    matter = entered(town, new(), "accept", by="village_head", whose=volunteer)
    assert last(matter).actor == volunteer
    outcome = report(
        user=fresh(town.village_head), grid=town.groups[0], category=town.categories["request"],
        description="井盖破损", on_behalf_of=volunteer, channel=Channel.WECHAT,
    )  # fmt: skip
    assert outcome.incident.reporter == volunteer


def test_whoever_is_switched_off_is_not_acted_for(town, new, volunteer):
    Member.objects.filter(pk=volunteer.pk).update(is_active=False)
    with pytest.raises(Forbidden):
        entered(town, new(), "accept", whose=Member.objects.get(pk=volunteer.pk))


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"channel": ""}, "channel"),
        ({"channel": Channel.SYSTEM}, "channel"),
        ({"happened_at": "2026-11-23T11:30"}, "happened_at"),  # the future
        ({"happened_at": "2026-11-23T08:59"}, "happened_at"),  # before the report
    ],
)
def test_impossible_entry_is_refused_by_field(town, new, clock, arguments, field):
    matter = new()
    clock("2026-11-23T11:00")
    if "happened_at" in arguments:
        at = datetime.fromisoformat(arguments["happened_at"]).replace(tzinfo=gridgov_clock.SHANGHAI)
        arguments = {"happened_at": at}
    with pytest.raises(Invalid) as refused:
        entered(town, matter, "accept", **arguments)
    assert set(refused.value.errors) == {field}


def test_a_step_does_not_happen_before_the_one_before_it(town, new, clock):
    matter = entered(town, new(), "accept")
    accepted = gridgov_clock.now()
    clock("2026-11-23T11:00")
    with pytest.raises(Invalid) as refused:
        entered(town, matter, "start", happened_at=accepted - timedelta(minutes=1))
    assert set(refused.value.errors) == {"happened_at"}
    matter = entered(town, matter, "start", happened_at=accepted)
    late = entered(town, matter, "add_note", note="上门看过", happened_at=accepted)
    assert last(late).happened_at == accepted


def test_every_action_takes_it(town, new):
    """The three arguments are refused by none: what fails fails for another reason."""
    from incidents.workflow import ENTRY, TRANSITIONS, arguments_of

    assert all(set(ENTRY) <= set(arguments_of(name, ())) for name in TRANSITIONS)


def test_report_for_a_worker_counts_for_the_worker(town, clock):
    happened = gridgov_clock.now() - timedelta(minutes=30)
    matter = report(
        user=fresh(town.clerk), grid=town.groups[0], category=town.categories["request"],
        description="路灯不亮", on_behalf_of=town.worker.member, channel=PHONE, happened_at=happened, escalate=True,
    ).incident  # fmt: skip
    rows = list(Transition.objects.filter(incident=matter).order_by("seq"))
    assert [row.actor for row in rows] == [town.worker.member] * 2
    assert [row.entered_by for row in rows] == [town.clerk.member] * 2
    assert rows[0].happened_at == happened
    assert (matter.reporter, matter.reporter_user) == (town.worker.member, town.clerk)
    assert Part.objects.filter(incident=matter, role=PartRole.REPORTER, member=town.worker.member).exists()
    assert Incident.objects.visible_to(fresh(town.worker)).filter(pk=matter.pk).exists()


def test_patrol_for_a_worker_counts_for_the_worker(town):
    now = gridgov_clock.now()
    patrol = record_patrol(
        user=fresh(town.village_head), grid=town.groups[0], on_behalf_of=town.worker.member, channel=Channel.PAPER,
        started_at=now - timedelta(hours=1), ended_at=now,
        findings=[{"text": "路灯不亮", "category": town.categories["request"]}],
    ).patrol  # fmt: skip
    assert (patrol.member, patrol.entered_by, patrol.channel) == (
        town.worker.member, town.village_head.member, Channel.PAPER,
    )  # fmt: skip
    assert patrol.findings.get().incident.reporter == town.worker.member


def test_patrol_is_refused_where_the_worker_has_no_grid(town):
    now = gridgov_clock.now()
    given = {"started_at": now - timedelta(hours=1), "ended_at": now, "channel": PHONE}
    with pytest.raises(Forbidden):
        record_patrol(
            user=fresh(town.clerk), grid=town.groups[1], on_behalf_of=town.worker.member, **given
        )  # fmt: skip
    assert not Patrol.objects.exists()


def test_whoever_stands_in_for_nobody_is_named_alone(town, new, clock):
    matter = new()
    deputy = town.group_head.member
    start = gridgov_clock.today()
    take_leave(member=town.worker.member, deputy=deputy, since=start, until=start + timedelta(days=2))
    matter = Incident.objects.for_list().get(pk=matter.pk)
    perform(user=fresh(town.clerk), incident=matter, action="add_note", note="已知悉")
    assert last(matter).in_place_of is None


@pytest.fixture
def colleague(town) -> Member:
    from gridgov.common.models import User

    user = User.objects.create_user("colleague")
    return Member.objects.create(user=user, name="张三", township_code=town.code)


def test_history_and_page_say_in_whose_place(client: Client, town, new, colleague):
    matter, start = new(), gridgov_clock.today()
    absent = town.worker.member
    take_leave(member=absent, deputy=colleague, since=start, until=start + timedelta(days=2))
    row = Incident.objects.for_list().get(pk=matter.pk)
    perform(user=fresh(colleague.user), incident=row, action="accept")
    assert (last(matter).actor, last(matter).in_place_of) == (colleague, absent)
    login(client, town.clerk)
    assert f"张三（代{absent}）" in client.get(reverse("incidents:detail", args=[matter.pk])).content.decode()
    steps = client_for(town.clerk).get(f"/api/v1/incidents/{matter.pk}/history/").json()["results"]
    assert steps[-1]["in_place_of"]["name"] == absent.name


# --- REST ----------------------------------------------------------------------------------------------------------


def call(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def test_rest_names_the_member_by_id(town, new):
    matter = new()
    rest = client_for(town.clerk)
    url = f"/api/v1/incidents/{matter.pk}/actions/accept/"
    body = {"client_uuid": call(1), "on_behalf_of": str(town.worker.member.pk), "channel": "phone"}
    first = rest.post(url, body)
    assert first.status_code == 200
    assert first.json()["status"] == "accepted"
    again = rest.post(url, body)
    assert again.headers["Idempotent-Replayed"] == "true"
    row = rest.get(f"/api/v1/incidents/{matter.pk}/history/").json()["results"][-1]
    assert row["actor"]["name"] == town.worker.member.name
    assert row["entered_by"]["name"] == town.clerk.member.name


def test_rest_knows_nobody_outside_scope(town, new):
    matter = new()
    rest = client_for(town.village_head)
    url = f"/api/v1/incidents/{matter.pk}/actions/accept/"
    for stranger in (town.worker2.member.pk, town.clerk.member.pk, call(9)):
        answer = rest.post(url, {"client_uuid": call(2), "on_behalf_of": str(stranger), "channel": "phone"})
        assert (answer.status_code, answer.json()["code"]) == (400, "unknown_member")
    body = {
        "client_uuid": call(3), "grid": town.groups[0].code, "category": "request", "description": "x",
        "on_behalf_of": str(town.worker2.member.pk), "channel": "phone",
    }  # fmt: skip
    assert rest.post("/api/v1/incidents/", body).json()["code"] == "unknown_member"
    assert Incident.objects.count() == 1


# --- pages ---------------------------------------------------------------------------------------------------------


def form_of(page, action):
    offers = [*page.context["offers"], *page.context["for_others"]]
    return next(offer.form for offer in offers if offer.name == action)


def test_clerk_finds_the_workers_next_step_and_enters_it(client: Client, town, new):
    matter = new()
    login(client, town.clerk)
    page = client.get(reverse("incidents:detail", args=[matter.pk]))
    form = form_of(page, "accept")
    assert town.worker.member.name in form.initial["on_behalf_of"]
    sent = {
        "client_uuid": call(1), "version": matter.version,
        "on_behalf_of": form.initial["on_behalf_of"], "channel": "phone", "happened_at": "",
    }  # fmt: skip
    url = reverse("incidents:act", args=[matter.pk, "accept"])
    missing = client.post(url, {**sent, "channel": ""})
    assert missing.status_code == 400
    assert form_of(missing, "accept")["channel"].errors
    assert client.post(url, sent).status_code == 302
    assert (last(matter).actor, last(matter).entered_by) == (town.worker.member, town.clerk.member)


def test_unknown_name_is_said_beside_the_field(client: Client, town, new):
    matter = new()
    login(client, town.clerk)
    sent = {"client_uuid": call(1), "version": matter.version, "on_behalf_of": "查无此人", "channel": "phone"}
    page = client.post(reverse("incidents:act", args=[matter.pk, "accept"]), sent)
    assert page.status_code == 400
    assert "查无此人" in page.content.decode()
    assert Transition.objects.filter(incident=matter).count() == 1


def test_worker_sees_no_part_for_entering(client: Client, town, new):
    login(client, town.worker)
    page = client.get(reverse("incidents:detail", args=[new().pk]))
    assert 'name="on_behalf_of"' not in page.content.decode()
    assert not enters_for_others(fresh(town.worker))
    assert 'name="on_behalf_of"' not in client.get(reverse("incidents:new")).content.decode()


def test_report_form_takes_the_reporter_by_name(client: Client, town):
    login(client, town.village_head)
    name = town.worker.member.name
    sent = {
        "client_uuid": call(5), "grid": town.groups[0].code, "category": "request", "description": "路灯不亮",
        "on_behalf_of": name, "channel": "wechat", "happened_at": "2026-11-23T08:30",
    }  # fmt: skip
    assert client.post(reverse("incidents:new"), sent).status_code == 302
    matter = Incident.objects.get()
    assert (matter.reporter, last(matter).entered_by) == (town.worker.member, town.village_head.member)
    page = client.get(reverse("incidents:detail", args=[matter.pk])).content.decode()
    assert f"实际办理人{name}，代录人{town.village_head.member}" in page


def test_page_asks_the_same_number_of_queries_with_few_people_and_many(client: Client, town):
    matter = incident(town)
    login(client, town.clerk)
    url = reverse("incidents:detail", args=[matter.pk])
    client.get(url)
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as few:
        client.get(url)
    role = Role.objects.get(township=town.grid, code=RoleCode.WORKER)
    for number in range(3):
        member = Member.objects.create(name=f"新{number}", township_code=town.code)
        appoint(member=member, post=Post.objects.create(grid=town.groups[0], role=role, title=f"岗{number}"))
    with CaptureQueriesContext(connection) as many:
        client.get(url)
    assert len(many) == len(few)
