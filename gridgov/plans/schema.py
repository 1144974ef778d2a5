"""What a preset may say: a plan (方案) as data. Names, titles and rules in it are Chinese; codes are ours."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from django.utils.translation import gettext as _
from pydantic import BaseModel, ConfigDict, Field, model_validator

from grids.enums import Kind
from incidents.enums import CategoryKind
from incidents.steps import digits, level_at
from incidents.workflow import CODE, ProcedureSpec
from members.enums import DutyKind, Per, RoleCode

# No letter Z or N: what a plan asks of people by belief, petitions, crime, drugs or births is not in gridgov.
RuleId = Annotated[str, Field(pattern=r"^P\d+-[ACDGILMOQRSTVX]\d+$", max_length=20)]
NUMERALS = "零一二三四五六七八九十"
PLACE = r"[一二三四五六七八九十]+(\([一二三四五六七八九十]+\))?(\.\d+)?"


LONGEST_CLAUSE = 60
LONGEST_DEPARTMENT = 37  # the title of its duty officer begins with it
Place = tuple[int | str, ...]  # the way to a value: ("rules", 3, "id")


class Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RuleSpec(Spec):
    """A rule of the plan in our own words, and where the plan has it: `八.5`, `七; 八.4`, `二(二).3`."""

    id: RuleId
    at: str = Field("", pattern=f"^$|^{PLACE}(; {PLACE})*$")
    cite: str = Field("", max_length=LONGEST_CLAUSE)  # instead of `at`: the clause as it is shown
    text: str = Field(min_length=2, max_length=300)

    @model_validator(mode="after")
    def _stands_somewhere(self) -> RuleSpec:
        if bool(self.at) == bool(self.cite):
            raise ValueError(_("either at or cite says where the plan has it"))
        return self

    def clause(self, title: str) -> str:
        """Ready for display: 《镇网格化服务管理实施意见》第八部分（五）."""
        return self.cite or f"《{title}》" + "、".join(_part(place) for place in self.at.split("; "))


def _part(place: str) -> str:
    """八.5 is 第八部分（五）, 二(二).3 第二部分（二）第3项."""
    where, _dot, item = place.partition(".")
    part, bracket, section = where.rstrip(")").partition("(")
    if bracket:
        return f"第{part}部分（{section}）" + (f"第{item}项" if item else "")
    return f"第{part}部分" + (f"（{chinese_number(int(item))}）" if item else "")


def chinese_number(number: int) -> str:
    """1 to 99 in Chinese: 11 is 十一."""
    tens, ones = divmod(number, 10)
    return (NUMERALS[tens] if tens > 1 else "") + ("十" if tens else "") + (NUMERALS[ones] if ones else "")


class PostSpec(Spec):
    title: str = Field(min_length=2, max_length=40)
    role: RoleCode
    responsible: bool = False


class TierSpec(Spec):
    """The plan's words for a depth of the tree, and the posts of each grid there."""

    depth: int = Field(ge=0, le=7)
    kind: Kind
    label: str = Field(max_length=30)
    name: str = Field(max_length=30)
    head_title: str = Field(max_length=40)
    expected_count: int | None = Field(None, ge=0, le=1_000_000)
    count_note: str = Field("", max_length=60)
    rule: RuleId | None = None
    posts: tuple[PostSpec, ...]

    @model_validator(mode="after")
    def _one_answers(self) -> TierSpec:
        if self.kind != {0: Kind.TOWNSHIP, 1: Kind.VILLAGE}.get(self.depth, Kind.GROUP):
            raise ValueError(_("the township has depth 0, villages 1, groups 2 and more"))
        if sum(post.responsible for post in self.posts) != 1:
            raise ValueError(_("exactly one post of a tier answers for the grid"))
        return self


class ProcedurePreset(Spec):
    code: str = Field(pattern=CODE)
    name: str = Field(max_length=60)
    rule: RuleId | None = None
    spec: ProcedureSpec


class CategorySpec(Spec):
    code: str = Field(pattern=CODE)
    name: str = Field(max_length=60)
    kind: CategoryKind
    procedure: str
    must_report: bool = False
    for_grids: bool = True  # the township may send it down (准入清单)
    active: bool = True  # offered; a township switches categories on and off
    public: bool = False  # open to the public by Open311, and what it reads about it
    public_note: str = Field("", max_length=200)
    rule: RuleId | None = None


class DutySpec(Spec):
    """What falls due for a role in each grid of a kind: `times` per span."""

    rule: RuleId
    name: str = Field(max_length=40)
    kind: DutyKind
    grid_kind: Kind
    role: RoleCode
    times: int | None = Field(None, ge=1, le=32767)
    per: Per | None = None
    active: bool = True  # falls due; a township switches duties on and off


class Misfit(ValueError):
    """What does not fit together in a plan: where it stands, and what is wrong there."""

    def __init__(self, found: Sequence[tuple[Place, str]]) -> None:
        super().__init__("; ".join(what for _where, what in found))
        self.found = found


class Preset(Spec):
    """One plan. Everything that names a rule, role or procedure names one that the preset has."""

    number: int = Field(ge=1, le=99)  # 1 to 10 come with gridgov
    title: str = Field(min_length=2, max_length=100)
    roles: dict[RoleCode, Annotated[str, Field(min_length=1, max_length=40)]] = {}
    departments: tuple[Annotated[str, Field(min_length=2, max_length=LONGEST_DEPARTMENT)], ...] = ()
    tiers: tuple[TierSpec, ...]
    procedures: tuple[ProcedurePreset, ...]
    categories: tuple[CategorySpec, ...]
    duties: tuple[DutySpec, ...] = ()
    rules: tuple[RuleSpec, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _plain_texts(cls, data: Any) -> Any:
        if found := [(place, _("there is a control character in it")) for place in _unwritable(data)]:
            raise Misfit(found)
        return data

    @model_validator(mode="after")
    def _names_what_is_there(self) -> Preset:
        found = [
            *self._tiers_missing(),
            *self._doubles(),
            *self._unknown_rules(),
            *self._unknown_procedures(),
            *self._unknown_posts(),
            *self._misplaced(),
            *self._unfit_rules(),
        ]
        if found:
            raise Misfit(found)
        return self

    def _tiers_missing(self) -> Iterator[tuple[Place, str]]:
        depths = sorted({tier.depth for tier in self.tiers})
        if len(depths) < 2 or depths != list(range(len(depths))):
            yield (
                ("tiers",),
                _("there must be a tier 0 (the township), a tier 1 (its villages), and none left out"),
            )

    def _doubles(self) -> Iterator[tuple[Place, str]]:
        keyed = {
            "tiers": [tier.depth for tier in self.tiers],
            "departments": self.departments,
            "procedures": [procedure.code for procedure in self.procedures],
            "categories": [category.code for category in self.categories],
            "duties": [duty.rule for duty in self.duties],
            "rules": [rule.id for rule in self.rules],
        }
        for part, keys in keyed.items():
            for n, key in enumerate(keys):
                if key in keys[:n]:
                    yield (part, n), _("%(name)s appears twice") % {"name": key}

    def _unknown_rules(self) -> Iterator[tuple[Place, str]]:
        known = {rule.id for rule in self.rules}
        for where, who, rule in self._named_rules():
            if rule and rule not in known:
                yield where, _("no rule %(rule)s (named by %(who)s)") % {"rule": rule, "who": who}

    def _named_rules(self) -> Iterator[tuple[Place, str, str | None]]:
        for n, tier in enumerate(self.tiers):
            yield ("tiers", n, "rule"), f"tier {tier.depth}", tier.rule
        for n, procedure in enumerate(self.procedures):
            spec: Place = ("procedures", n, "spec")
            who = f"procedure {procedure.code}"
            yield ("procedures", n, "rule"), who, procedure.rule
            yield from (((*spec, "rules", key), who, rule) for key, rule in procedure.spec.rules.items())
            for m, step in enumerate(procedure.spec.steps):
                yield (*spec, "steps", m, "rule"), f"step {step.code} of {procedure.code}", step.rule
        for n, category in enumerate(self.categories):
            yield ("categories", n, "rule"), f"category {category.code}", category.rule
        for n, duty in enumerate(self.duties):
            yield ("duties", n, "rule"), f"duty {duty.name}", duty.rule

    def _unknown_procedures(self) -> Iterator[tuple[Place, str]]:
        known = {procedure.code for procedure in self.procedures}
        for n, category in enumerate(self.categories):
            if category.procedure not in known:
                said = {"procedure": category.procedure, "category": category.code}
                yield (
                    ("categories", n, "procedure"),
                    _("no procedure %(procedure)s (named by category %(category)s)") % said,
                )

    def _unknown_posts(self) -> Iterator[tuple[Place, str]]:
        known = {post.title for tier in self.tiers for post in tier.posts}
        for n, procedure in enumerate(self.procedures):
            for m, step in enumerate(procedure.spec.steps):
                for title in step.posts:
                    if title not in known:
                        said = {"title": title, "step": step.code, "procedure": procedure.code}
                        yield (
                            ("procedures", n, "spec", "steps", m, "posts"),
                            _("no post %(title)s (named by step %(step)s of %(procedure)s)") % said,
                        )

    def _unfit_rules(self) -> Iterator[tuple[Place, str]]:
        for n, rule in enumerate(self.rules):
            if number_of(rule.id) != self.number:
                yield ("rules", n), _("rule %(rule)s is of another plan") % {"rule": rule.id}
            if len(rule.clause(self.title)) > LONGEST_CLAUSE:
                yield ("rules", n), _("rule %(rule)s cites more than fits") % {"rule": rule.id}

    def _misplaced(self) -> Iterator[tuple[Place, str]]:
        """Steps at a level that the plan does not have, or of posts that its level does not have but another one has."""
        posts = {level_at(tier.depth): {it.title for it in tier.posts} for tier in self.tiers}
        everywhere = set().union(*posts.values())
        for n, procedure in enumerate(self.procedures):
            for m, step in enumerate(procedure.spec.steps):
                where: Place = ("procedures", n, "spec", "steps", m)
                said = {"step": step.code, "procedure": procedure.code, "level": step.level}
                absent = [level for level in (step.level, *step.also) if digits(level) and level not in posts]
                if absent:
                    text = _("no tier of level %(level)s (named by step %(step)s of %(procedure)s)")
                    yield (*where, "level"), text % {**said, "level": absent[0]}
                elif digits(step.level):
                    text = _("no post %(title)s at level %(level)s (named by step %(step)s of %(procedure)s)")
                    for title in sorted((set(step.posts) & everywhere) - posts[step.level]):
                        yield (*where, "posts"), text % {**said, "title": title}

    @property
    def expected(self) -> dict[str, int]:
        """By kind, as far as the plan gives counts."""
        found: dict[str, int] = {}
        for tier in self.tiers:
            if tier.expected_count is not None:
                found[tier.kind.value] = found.get(tier.kind.value, 0) + tier.expected_count
        return found


def _unwritable(data: Any) -> Iterator[Place]:
    """Where there is a text that not every database can hold, or that nobody could read. What a file names more than once
    is looked at once."""
    todo: list[tuple[Place, Any]] = [((), data)]
    seen = set()
    while todo:
        place, value = todo.pop()
        if isinstance(value, str):
            if any(unicodedata.category(it) in {"Cc", "Cs"} for it in value if it not in "\n\r\t"):
                yield place
        elif isinstance(value, (dict, list, tuple)) and id(value) not in seen:
            seen.add(id(value))
            below = list(value.items() if isinstance(value, dict) else enumerate(value))
            todo += [((*place, key), it) for key, it in reversed(below)]


def number_of(rule_id: str) -> int:
    """The plan a rule belongs to: P6-C1 is of plan 6."""
    found = re.match(r"P(\d+)-", rule_id)
    return int(found[1]) if found else 0
