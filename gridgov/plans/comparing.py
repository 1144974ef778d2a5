"""What differs between two plans: every value that a plan has, in words for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from gridgov.plans.schema import CategorySpec, DutySpec, Preset, ProcedurePreset, TierSpec
from grids.models import Tier
from incidents.due import limit_text
from incidents.models import Category
from incidents.spec_form import ARGUMENT_WORDS, LABELS, said
from incidents.step_form import StepForm
from incidents.steps import CLOSE, StepSpec, level_at
from incidents.views.procedures import PLACES, action_name
from incidents.workflow import REQUIREMENTS, TRANSITIONS, ProcedureSpec
from members.actions import DEFAULT_ROLES
from members.models import Duty, Post, Role

Row = tuple[str, str, str]  # what it is, what the first says, what the second says


@dataclass(frozen=True)
class Part:
    """One part of two plans: what each says where they do not say the same. Empty: only the other has it."""

    title: str
    rows: list[Row]


class Value(NamedTuple):
    """`counts` decides whether two plans say the same, `text` says it; nothing in `counts`: not worth a word alone."""

    label: str
    counts: Any
    text: str


class Item(NamedTuple):
    name: str
    values: tuple[Value, ...] = ()


Items = Mapping[Hashable, Item]


def differences(first: Preset, second: Preset) -> list[Part]:
    """Part by part; what is the same in both is left out. Between plans of two numbers clauses have nothing in common."""
    same = first.number == second.number
    one, other = (_Plan(plan, clauses=same) for plan in (first, second))
    parts = [
        Part(_("Plan"), list(_rows(one.heading(), other.heading()))),
        Part(_("Roles"), list(_rows(one.roles(), other.roles()))),
        Part(_("Tiers"), list(_rows(one.tiers(), other.tiers()))),
        Part(_("Departments"), list(_rows(one.departments(), other.departments()))),
        Part(_("Categories"), [*_rows(one.categories(), other.categories()), *_order(one, other)]),
        Part(_("Procedures"), list(_rows(one.procedures(), other.procedures()))),
        Part(_("What recurs"), list(_rows(one.duties(), other.duties()))),
        Part(_("Rules"), list(_rows(one.rules(), other.rules()))),
    ]
    return [part for part in parts if part.rows]


def _rows(one: Items, other: Items) -> Iterator[Row]:
    for key in dict.fromkeys([*one, *other]):
        first, second = one.get(key), other.get(key)
        if first is None or second is None:
            yield (first or second).name, _whole(first), _whole(second)  # type: ignore[union-attr]
            continue
        for was, now in zip(first.values, second.values, strict=True):
            if was.counts != now.counts:
                yield f"{first.name} · {was.label}", was.text, now.text


def _whole(item: Item | None) -> str:
    if item is None:
        return ""
    told = [f"{it.label}：{it.text}" for it in item.values if it.counts and it.text != item.name]
    return "；".join(told) or item.name


def _order(one: _Plan, other: _Plan) -> Iterator[Row]:
    """Of the categories that both have: the order in which they are offered."""
    first, second = (plan.categories() for plan in (one, other))
    orders = [[key for key in items if key in first and key in second] for items in (first, second)]
    if orders[0] != orders[1]:
        texts = [
            "、".join(items[key].name for key in order)
            for items, order in zip((first, second), orders, strict=True)
        ]
        yield _("Order"), texts[0], texts[1]


def _label(model: Any, name: str) -> str:
    return str(model._meta.get_field(name).verbose_name)


def _yes(label: str, *, value: bool) -> Value:
    return Value(label, value, _("yes") if value else _("no"))


def _plain(label: str, value: str) -> Value:
    return Value(label, value, value)


class _Plan:
    """The words of one plan. `clauses`: whether they count."""

    def __init__(self, plan: Preset, *, clauses: bool) -> None:
        self.plan = plan
        self.clauses = clauses
        self.role_names = {
            str(code): plan.roles.get(code, name) for code, (name, _verbs) in DEFAULT_ROLES.items()
        }
        self.rule_names = {rule.id: f"{rule.clause(plan.title)}（{rule.id}）" for rule in plan.rules}
        self.levels = {level_at(it.depth): it.label for it in plan.tiers}
        self.levels |= {name: str(text) for name, text in PLACES.items()}

    def heading(self) -> Items:
        return {"title": Item(_("Plan"), (_plain(_("Title"), self.plan.title),))} if self.clauses else {}

    def roles(self) -> Items:
        label = _label(Role, "name")
        defaults = {str(code): name for code, (name, _verbs) in DEFAULT_ROLES.items()}
        return {code: Item(defaults[code], (_plain(label, name),)) for code, name in self.role_names.items()}

    def departments(self) -> Items:
        return {name: Item(name) for name in self.plan.departments}

    def rules(self) -> Items:
        if not self.clauses:
            return {}
        said_of = {rule.id: (rule.clause(self.plan.title), rule.text) for rule in self.plan.rules}
        return {
            rule: Item(rule, (_plain(_("Clause"), clause), _plain(_("Text"), text)))
            for rule, (clause, text) in said_of.items()
        }

    def tiers(self) -> Items:
        return {tier.depth: Item(tier.label, tuple(self._tier(tier))) for tier in self.plan.tiers}

    def _tier(self, tier: TierSpec) -> Iterator[Value]:
        for name in ("label", "name", "head_title"):
            yield _plain(_label(Tier, name), getattr(tier, name))
        count = tier.expected_count
        yield Value(_("Expected"), count, "" if count is None else str(count))
        yield _plain(_("Note on the number"), tier.count_note)
        answers = _label(Post, "is_responsible")
        posts = [
            (post.title, self.role_names[post.role], *([answers] if post.responsible else []))
            for post in tier.posts
        ]
        text = "、".join(f"{title}（{'，'.join(more)}）" for title, *more in posts)
        yield Value(_("Posts"), tier.posts, text)
        yield self._clause(tier.rule)

    def categories(self) -> Items:
        return {it.code: Item(it.name, tuple(self._category(it))) for it in self.plan.categories}

    def _category(self, it: CategorySpec) -> Iterator[Value]:
        names = {procedure.code: procedure.name for procedure in self.plan.procedures}
        yield _plain(_label(Category, "name"), it.name)
        yield Value(_label(Category, "kind"), it.kind, str(it.kind.label))
        yield Value(_label(Category, "procedure"), it.procedure, names[it.procedure])
        yield _yes(_label(Category, "must_report"), value=it.must_report)
        yield _yes(_label(Category, "for_grids"), value=it.for_grids)
        yield _yes(_label(Category, "is_active"), value=it.active)
        yield _yes(_label(Category, "is_public"), value=it.public)
        yield _plain(_label(Category, "public_note"), it.public_note)
        yield self._clause(it.rule)

    def duties(self) -> Items:
        """By the rule; between two plans by name, of which a plan may have two alike."""
        seen: Counter[str] = Counter()
        found: dict[Hashable, Item] = {}
        for it in self.plan.duties:
            seen[it.name] += 1
            key = it.rule if self.clauses else (it.name, seen[it.name])
            found[key] = Item(it.name, tuple(self._duty(it)))
        return found

    def _duty(self, it: DutySpec) -> Iterator[Value]:
        yield _plain(_label(Duty, "name"), it.name)
        yield Value(_label(Duty, "kind"), it.kind, str(it.kind.label))
        yield Value(_label(Duty, "grid_kind"), it.grid_kind, str(it.grid_kind.label))
        yield Value(_label(Role, "name"), it.role, self.role_names[it.role])
        yield Value(_label(Duty, "times"), it.times, str(it.times or ""))
        yield Value(_label(Duty, "per"), it.per, str(it.per.label) if it.per else "")
        yield _yes(_label(Duty, "is_active"), value=it.active)
        yield self._clause(it.rule)

    def procedures(self) -> Items:
        """Each procedure, and behind it each of its steps."""
        found: dict[Hashable, Item] = {}
        for it in self.plan.procedures:
            found[it.code] = Item(it.name, tuple(self._procedure(it)))
            for step in it.spec.steps:
                name = f"{it.name} · {_('Step “%(name)s”') % {'name': step.name}}"
                found[it.code, step.code] = Item(name, tuple(self._step(step, it.spec)))
        return found

    def _procedure(self, it: ProcedurePreset) -> Iterator[Value]:
        spec = it.spec
        yield _plain(_("name"), it.name)
        chain = " → ".join(f"{step.name}（{step.actor}）" for step in spec.steps)
        yield _plain(_("steps"), chain)
        usual = dict(said(ProcedureSpec.model_validate({})))
        for label, text in said(spec):
            yield Value(str(label), text if text != usual[label] else "", text)
        words = "、".join(f"{action_name(action)}：{word}" for action, word in spec.words.items())
        yield Value(_("Words of its own"), spec.words, words)
        rules = "、".join(f"{_requirement(key)}：{self._named(rule)}" for key, rule in spec.rules.items())
        yield Value(_("Clauses behind what it asks for"), spec.rules if self.clauses else None, rules)
        yield self._clause(it.rule)

    def _step(self, step: StepSpec, spec: ProcedureSpec) -> Iterator[Value]:
        """Name and actor stand in the line of the steps."""
        names = {one.code: one.name for one in spec.steps} | {CLOSE: _("the matter ends")}
        words: dict[str, Mapping[str, str]] = {
            "level": self.levels,
            "also": self.levels,
            "skip_by": self.levels,
            "by": {action: action_name(action) for action in step.by},
            "then": {action: action_name(action) for action in step.then},
            "sets": {key: str(text) for key, text in ARGUMENT_WORDS.items()},
            "requires": {key: str(text) for key, text in ARGUMENT_WORDS.items()},
            "after": names,
            "on_success": names | {"": _("the next step")},
            "on_failure": names,
        }
        for field, shown in StepForm.base_fields.items():
            label, value = str(shown.label), getattr(step, field)
            if field in ("code", "name", "actor"):
                continue
            if field == "rule":
                yield self._clause(value or None)
            elif isinstance(value, bool):
                yield _yes(label, value=value)
            else:
                yield Value(label, value, _text(field, value, words.get(field, {})))

    def _clause(self, rule: str | None) -> Value:
        return Value(_("Clause"), rule if self.clauses else None, self._named(rule) if rule else "")

    def _named(self, rule: str) -> str:
        return self.rule_names.get(rule, rule)


def _requirement(key: str) -> str:
    """What a procedure names a clause for: an action, what it asks for, or what actions answer."""
    if key in TRANSITIONS:
        return action_name(key)
    answers = "、".join(action_name(action) for action in REQUIREMENTS.get(key, ()))
    return str(LABELS.get(key, answers or key))


def _text(field: str, value: Any, words: Mapping[str, str]) -> str:
    """A value of a step."""
    if field == "limit":
        return limit_text(value.limit) if value else _("no limit")
    if field == "on_overdue":
        return str(value.label) if value else _("as the procedure says")
    values: Iterable[str] = value if isinstance(value, tuple) else [value]
    return "、".join(words.get(one, one) for one in values)
