"""What a preset may say: a plan (方案) as data. Names, titles and rules in it are Chinese; codes are ours."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gridgov.plans.fitting import misplaced
from grids.enums import Kind
from incidents.enums import CategoryKind
from incidents.workflow import CODE, ProcedureSpec
from members.enums import DutyKind, Per, RoleCode

# No letter Z or N: what a plan asks of people by belief, petitions, crime, drugs or births is not in gridgov.
RuleId = Annotated[str, Field(pattern=r"^P\d+-[ACDGILMOQRSTVX]\d+$")]
NUMERALS = "零一二三四五六七八九十"
PLACE = r"[一二三四五六七八九十]+(\([一二三四五六七八九十]+\))?(\.\d+)?"


class Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RuleSpec(Spec):
    """A rule of the plan in our own words, and where the plan has it: `八.5`, `七; 八.4`, `二(二).3`."""

    id: RuleId
    at: str = Field("", pattern=f"^$|^{PLACE}(; {PLACE})*$")
    cite: str = Field("", max_length=60)  # instead of `at`: the clause as it is shown
    text: str = Field(min_length=2, max_length=300)

    @model_validator(mode="after")
    def _stands_somewhere(self) -> RuleSpec:
        if bool(self.at) == bool(self.cite):
            raise ValueError("either at or cite says where the plan has it")
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
    expected_count: int | None = Field(None, ge=0)
    count_note: str = Field("", max_length=60)
    rule: RuleId | None = None
    posts: tuple[PostSpec, ...]

    @model_validator(mode="after")
    def _one_answers(self) -> TierSpec:
        if self.kind != {0: Kind.TOWNSHIP, 1: Kind.VILLAGE}.get(self.depth, Kind.GROUP):
            raise ValueError("the township has depth 0, villages 1, groups 2 and more")
        if sum(post.responsible for post in self.posts) != 1:
            raise ValueError("exactly one post of a tier answers for the grid")
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
    rule: RuleId | None = None


class DutySpec(Spec):
    """What falls due for a role in each grid of a kind: `times` per span."""

    rule: RuleId
    name: str = Field(max_length=40)
    kind: DutyKind
    grid_kind: Kind
    role: RoleCode
    times: int | None = Field(None, ge=1)
    per: Per | None = None


class Preset(Spec):
    """One plan. Everything that names a rule, role or procedure names one that the preset has."""

    number: int = Field(ge=1, le=99)  # 1 to 10 come with gridgov
    title: str = Field(max_length=100)
    roles: dict[RoleCode, str] = {}
    departments: tuple[str, ...] = ()
    tiers: tuple[TierSpec, ...]
    procedures: tuple[ProcedurePreset, ...]
    categories: tuple[CategorySpec, ...]
    duties: tuple[DutySpec, ...] = ()
    rules: tuple[RuleSpec, ...]

    @model_validator(mode="after")
    def _names_what_is_there(self) -> Preset:
        known = {rule.id for rule in self.rules}
        _no_doubles("rules", [rule.id for rule in self.rules])
        _no_doubles("tiers", [str(tier.depth) for tier in self.tiers])
        _no_doubles("procedures", [procedure.code for procedure in self.procedures])
        _no_doubles("categories", [category.code for category in self.categories])
        procedures = {procedure.code for procedure in self.procedures}
        problems = [
            f"no rule {rule} (named by {who})" for who, rule in self._named_rules() if rule not in known
        ]
        problems += [
            f"no procedure {category.procedure} (named by category {category.code})"
            for category in self.categories
            if category.procedure not in procedures
        ]
        titles = {post.title for tier in self.tiers for post in tier.posts}
        problems += [
            f"no post {title} (named by step {step.code} of {procedure.code})"
            for procedure in self.procedures
            for step in procedure.spec.steps
            for title in step.posts
            if title not in titles
        ]
        problems += [f"rule {it} is of another plan" for it in known if number_of(it) != self.number]
        problems += [
            f"rule {rule.id} cites more than fits" for rule in self.rules if len(rule.clause(self.title)) > 60
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @model_validator(mode="after")
    def _steps_fit_the_tiers(self) -> Preset:
        wrong = "; ".join(misplaced(self))
        if wrong:
            raise ValueError(wrong)
        return self

    def _named_rules(self) -> Iterable[tuple[str, str]]:
        for tier in self.tiers:
            yield f"tier {tier.depth}", tier.rule or self.rules[0].id
        for procedure in self.procedures:
            yield f"procedure {procedure.code}", procedure.rule or self.rules[0].id
            yield from ((f"procedure {procedure.code}", rule) for rule in procedure.spec.rules.values())
            steps = [step for step in procedure.spec.steps if step.rule]
            yield from ((f"step {step.code} of {procedure.code}", step.rule) for step in steps)
        for category in self.categories:
            yield f"category {category.code}", category.rule or self.rules[0].id
        for duty in self.duties:
            yield f"duty {duty.name}", duty.rule

    @property
    def expected(self) -> dict[str, int]:
        """By kind, as far as the plan gives counts."""
        found: dict[str, int] = {}
        for tier in self.tiers:
            if tier.expected_count is not None:
                found[tier.kind.value] = found.get(tier.kind.value, 0) + tier.expected_count
        return found


def _no_doubles(what: str, codes: list[str]) -> None:
    doubles = sorted({code for code in codes if codes.count(code) > 1})
    if doubles:
        raise ValueError(f"{what} appear twice: {', '.join(doubles)}")


def number_of(rule_id: str) -> int:
    """The plan a rule belongs to: P6-C1 is of plan 6."""
    found = re.match(r"P(\d+)-", rule_id)
    return int(found[1]) if found else 0
