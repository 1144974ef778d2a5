"""A procedure as a form: built from the fields of its spec, so that what a spec may say and what the form asks agree."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from string import ascii_lowercase
from typing import Any, NamedTuple, get_args, get_origin

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import ValidationError as SpecError

from gridgov.common.worktime import Limit, Unit
from grids.models import Grid, Rule
from incidents.due import limit_text
from incidents.models import Procedure
from incidents.steps import MAIN, StepSpec
from incidents.workflow import CODE, LIMIT_KEYS, TRANSITIONS, ProcedureSpec, Unfit

LABELS: Mapping[str, Any] = {
    "start": gettext_lazy("Who receives a report"),
    "helpers": gettext_lazy("Levels that are told and keep it in sight"),
    "important": gettext_lazy("Always an important matter"),
    "feedback": gettext_lazy("Feedback to the requester before closing"),
    "return_visit": gettext_lazy("Return visit before closing"),
    "verify": gettext_lazy("Verification of the result"),
    "approval": gettext_lazy("Approval by the township before handling"),
    "keeps_helper": gettext_lazy("Who passes it up stays on as a helper"),
    "tells_leaders": gettext_lazy("The leaders of the township hear of a report"),
    "on_overdue": gettext_lazy("When it is late"),
    "calendar": gettext_lazy("Calendar"),
}
VALUES: Mapping[tuple[str, str], Any] = {
    ("start", "own"): gettext_lazy("the unit where it is reported"),
    ("start", "village"): gettext_lazy("the village"),
    ("start", "township"): gettext_lazy("the township"),
    ("start", "reporter"): gettext_lazy("the unit of whoever reports it"),
    ("feedback", "requester"): gettext_lazy("where somebody asked"),
    ("feedback", "none"): gettext_lazy("not needed"),
    ("return_visit", "none"): gettext_lazy("not needed"),
    ("return_visit", "important"): gettext_lazy("for important matters"),
    ("return_visit", "all"): gettext_lazy("for all"),
    ("verify", "above"): gettext_lazy("by the unit above"),
    ("verify", "own"): gettext_lazy("by the unit itself"),
    ("verify", "none"): gettext_lazy("not needed"),
    ("approval", "none"): gettext_lazy("not needed"),
    ("approval", "important"): gettext_lazy("for important matters"),
    ("approval", "all"): gettext_lazy("for all"),
    ("calendar", "office"): gettext_lazy("working time of the office"),
    ("calendar", "urgent"): gettext_lazy("of urgent matters, through nights and holidays"),
}
LIMITS: Mapping[str, Any] = {
    "group": gettext_lazy("Limit of a group"),
    "village": gettext_lazy("Limit of a village"),
    "township": gettext_lazy("Limit of the township"),
    "department": gettext_lazy("Limit of a department"),
    "verify": gettext_lazy("Limit for verifying"),
    "follow_up": gettext_lazy("Limit for feedback and return visit"),
    "card": gettext_lazy("Limit of a level that was told of lateness"),
    "total": gettext_lazy("Limit in all"),
    "refusal": gettext_lazy("Limit for refusing"),
    "ruling": gettext_lazy("Limit for ruling on a refusal"),
    "referral": gettext_lazy("Limit for the reply of a superior body"),
    "assist": gettext_lazy("Limit for assisting"),
    "whistle": gettext_lazy("Limit for departments that are called"),
}
# What a step may decide or ask for.
ARGUMENT_WORDS: Mapping[str, Any] = {
    "to": gettext_lazy("Responsible unit"),
    "assisting": gettext_lazy("Assisting units"),
    "case_leader": gettext_lazy("Case leader"),
    "responsible_person": gettext_lazy("Responsible person"),
    "deadline": gettext_lazy("Deadline"),
    "files": gettext_lazy("Photos and files"),
    "note": gettext_lazy("Note"),
    "number": gettext_lazy("Its reference"),
    "trend_forecast": gettext_lazy("How it may develop"),
    "occurred_at": gettext_lazy("When it happened"),
    "address": gettext_lazy("Place"),
    "requester": gettext_lazy("Requester"),
}
UNITS = [
    (Unit.MINUTES.value, gettext_lazy("minutes")),
    (Unit.HOURS.value, gettext_lazy("hours")),
    (Unit.WORKING_HOURS.value, gettext_lazy("working hours")),
    (Unit.WORKING_DAYS.value, gettext_lazy("working days")),
    (Unit.CALENDAR_DAYS.value, gettext_lazy("calendar days")),
]
# What may be wrong with the steps as a whole.
PROBLEMS: Mapping[str, Any] = {
    "double": gettext_lazy("There are two steps of this code."),
    "unknown_step": gettext_lazy("It names a step that is not there."),
    "unknown_action": gettext_lazy("It names an action that is not there."),
    "unknown_argument": gettext_lazy("None of its actions can decide or ask for that."),
    "no_actor": gettext_lazy("Nobody is named who takes it."),
    "unreachable": gettext_lazy("No way leads to it."),
    "shadowed": gettext_lazy(
        "Its turn never comes: steps before it at the same level are taken by the same actions."
    ),
    "only_settled": gettext_lazy("The township settles nothing on the spot: choose another action as well."),
    "owed_nowhere": gettext_lazy("What is owed beside the others stands at a level of the grids."),
    "no_posts": gettext_lazy("It takes over within its level: choose the posts that do."),
    "dead_end": gettext_lazy("From here no way leads to the end."),
}
# The clauses behind requirements stay the plan's; the others have fields of their own.
KEPT = ("rules", "limits", "steps", "words")
# What every way has, with steps or without.
USUAL = ("accept", *MAIN, "escalate", "verify", "feed_back", "return_visit", "close")


def wrong_in(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(step, or nothing; what is wrong) for people, of one finding of the checker."""
    cause = found.get("ctx", {}).get("error")
    if isinstance(cause, Unfit):
        return [(code, str(PROBLEMS.get(what, what))) for code, what in cause.found]
    return [("", str(cause or found["msg"]))]


def of_step(step: str, problem: str) -> str:
    """`step`: what people call it; empty where the problem is of no step."""
    return _("Step “%(step)s”: %(problem)s") % {"step": step, "problem": problem} if step else problem


class CodeField(forms.RegexField):
    """The name by which files and figures know a procedure or a category."""

    def __init__(self, **options: Any) -> None:
        attrs = {"maxlength": 40, "autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}
        defaults: dict[str, Any] = {
            "label": gettext_lazy("code (small letters)"),
            "error_messages": {
                "invalid": gettext_lazy("Only small Latin letters and underscores (_), 2 to 40 of them.")
            },
            "widget": forms.TextInput(attrs=attrs),
            "strip": True,
        }
        super().__init__(CODE, **defaults | options)


class BeginForm(forms.Form):
    """A procedure that is not there yet. `base`: the version that it copies, without one it begins empty."""

    township = forms.ModelChoiceField(Grid.objects.none(), label=gettext_lazy("township"))
    code = CodeField(
        help_text=gettext_lazy(
            "2 to 40 small Latin letters and underscores, a code that no other procedure of the township has. "
            "It is for files and figures and stays as it is; people read the name."
        )
    )
    name = forms.CharField(label=gettext_lazy("name"), max_length=60)

    def __init__(
        self, *args: Any, towns: QuerySet[Grid], base: Procedure | None = None, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.base = base
        town: Any = self.fields["township"]
        town.queryset, only = towns, list(towns[:2])
        if len(only) == 1:
            town.empty_label, town.initial = None, only[0].pk
        taken = Procedure.objects.filter(township__in=towns).values_list("code", flat=True).distinct()
        stem = f"{base.code}_copy" if base else "new_procedure"
        self.fields["code"].initial = free_code(set(taken), stem)
        if len(only) == 1:
            initial = base.rule_id if base else ""
            self.fields["rule_id"] = clause_field(only[0].pk, initial)
        if base is not None:
            self.fields["name"].initial = (_("%(name)s (copy)") % {"name": base.name})[:60]

    def clean(self) -> dict[str, Any]:
        """What was published before a check came may not pass it."""
        try:
            ProcedureSpec.model_validate(self.data_of_spec)
        except SpecError as error:
            text = _(
                "This version does not pass the checks of today; change it first, its editor says where."
            )
            raise ValidationError(text, code="outdated") from error
        return super().clean() or {}

    @property
    def data_of_spec(self) -> Mapping[str, Any]:
        return self.base.spec.model_dump(mode="json", exclude_defaults=True) if self.base else {}


def clause_field(township_code: str | None, initial: str = "") -> forms.ChoiceField:
    """One of the township's rules, or none; the one that stands there is kept, known or not."""
    choices = clauses(township_code, *([initial] if initial else []))
    return forms.ChoiceField(label=_("Clause"), choices=choices, initial=initial, required=False)


def clauses(township_code: str | None, *named: str) -> list[tuple[str, str]]:
    rules = Rule.objects.filter(township=township_code).order_by("pk")
    known = {rule.rule_id: f"{rule.clause} – {rule.text}"[:100] for rule in rules}
    return [("", "–"), *({name: name for name in named} | known).items()]


def free_code(taken: Collection[str], stem: str) -> str:
    """The stem, or with a letter behind it, as a code that is not taken; empty where all are."""
    tails = ("", *(f"_{letter}" for letter in ascii_lowercase[1:]))
    return next((code for tail in tails if (code := stem[: 40 - len(tail)] + tail) not in taken), "")


class LimitInput(forms.MultiWidget):
    def __init__(self) -> None:
        number = forms.NumberInput(attrs={"min": 1, "max": 10000, "aria-label": _("how many")})
        super().__init__([number, forms.Select(choices=UNITS, attrs={"aria-label": _("unit of time")})])

    def decompress(self, value: Any) -> list[Any]:
        return [value["n"], value["unit"]] if value else [None, Unit.WORKING_DAYS.value]


class LimitField(forms.MultiValueField):
    """n of a unit; without n there is no limit."""

    widget = LimitInput

    def __init__(self, **options: Any) -> None:
        number = forms.IntegerField(min_value=1, max_value=10000, required=False)
        unit = forms.ChoiceField(choices=UNITS, required=False)
        super().__init__(fields=(number, unit), require_all_fields=False, required=False, **options)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """A unit alone says nothing."""
        return bool(initial or (data and data[0])) and super().has_changed(initial, data)

    def compress(self, data_list: list[Any]) -> dict[str, Any] | None:
        number, unit = data_list or (None, "")
        return {"n": number, "unit": unit} if number else None


class Change(NamedTuple):
    label: Any
    before: str
    after: str


class SpecForm(forms.Form):
    """What a township may change of a procedure. `data_of_spec` and `changes` hold once the form is valid."""

    def __init__(self, *args: Any, procedure: Procedure, steps: Any = None, **options: Any) -> None:
        """`steps`: the bound form of its steps; without one they stay."""
        super().__init__(*args, **options)
        self.procedure = procedure
        self.steps = steps
        self.before = procedure.spec.model_dump(mode="json")
        self.fields["name"] = forms.CharField(label=_("name"), max_length=60, initial=procedure.name)
        for name, field in _asked():
            field.initial = self.before[name]
            self.fields[name] = field
        for key in LIMIT_KEYS:
            limit = self.before["limits"].get(key)
            self.fields[f"limit_{key}"] = LimitField(label=LIMITS.get(key, key), initial=limit)
        self.fields["rule_id"] = clause_field(str(procedure.township_id), procedure.rule_id)
        for action in _actions_of(procedure.spec):
            self.fields[f"word_{action}"] = forms.CharField(
                label=str(TRANSITIONS[action].label),
                max_length=20,
                required=False,
                initial=self.before["words"].get(action, ""),
            )
        if self.is_bound:
            self._say_what_was_not_asked()

    def _say_what_was_not_asked(self) -> None:
        """A draft that was kept before clause and words were asked says nothing of them: they stay."""
        self.data: Any = self.data.copy()
        for name, field in self.fields.items():
            if name == "rule_id" or name.startswith("word_"):
                self.data.setdefault(name, field.initial)

    @property
    def plain(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if not name.startswith("word_")]

    @property
    def words(self) -> list[forms.BoundField]:
        """What the plan itself calls the actions."""
        return [self[name] for name in self.fields if name.startswith("word_")]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        limits = {key: cleaned.get(f"limit_{key}") for key in LIMIT_KEYS}
        asked = {name: cleaned[name] for name, _field in _asked() if name in cleaned}
        if self.steps is not None:
            if not self.steps.is_valid():
                raise ValidationError(_("The steps do not fit together yet."), code="steps")
            asked["steps"] = self.steps.data_of_steps()
        asked["limits"] = {key: limit for key, limit in limits.items() if limit}
        words = {action: cleaned.get(f"word_{action}") for action in _actions_of(self.procedure.spec)}
        asked["words"] = {action: word for action, word in words.items() if word}
        try:
            spec = ProcedureSpec.model_validate(self.before | asked)
        except SpecError as error:
            for found in error.errors():
                where = str(found["loc"][0]) if found["loc"] else ""
                names = {step.code: step.name for step in self.procedure.spec.steps}
                for code, what in wrong_in(found):
                    text = of_step(names.get(code, code), what)
                    self.add_error(where if where in self.fields else None, text)
            return cleaned
        self.data_of_spec = spec.model_dump(mode="json", exclude_defaults=True)
        same = self.data_of_spec == self.procedure.spec.model_dump(mode="json", exclude_defaults=True)
        same = same and cleaned.get("rule_id") == self.procedure.rule_id
        if not self.errors and same and cleaned.get("name") == self.procedure.name:
            raise ValidationError(_("Nothing is changed yet."), code="unchanged")
        return cleaned

    @property
    def changes(self) -> list[Change]:
        after = ProcedureSpec.model_validate(self.data_of_spec)
        pairs = zip(said(self.procedure.spec), said(after), strict=True)
        found = [Change(_("name"), self.procedure.name, self.cleaned_data["name"])]
        found.append(
            Change(_("Clause"), *map(self._clause, (self.procedure.rule_id, self.cleaned_data["rule_id"])))
        )
        found += [Change(label, old, new) for (label, old), (_label, new) in pairs]
        found += _words_changed(self.procedure.spec, after)
        found += _steps_changed(self.procedure.spec, after)
        return [change for change in found if change.before != change.after]

    def _clause(self, rule_id: str) -> str:
        choices: Any = self.fields["rule_id"]
        return str(dict(choices.choices).get(rule_id, rule_id))


def _actions_of(spec: ProcedureSpec) -> list[str]:
    """The actions that a procedure uses, in the order of the table."""
    used = {*USUAL, *spec.words, *(action for step in spec.steps for action in step.actions)}
    return [name for name in TRANSITIONS if name in used]


def _words_changed(before: ProcedureSpec, after: ProcedureSpec) -> Iterator[Change]:
    for action in _actions_of(before):
        label = _("Word for “%(action)s”") % {"action": TRANSITIONS[action].label}
        yield Change(label, before.words.get(action, "–"), after.words.get(action, "–"))


def _steps_changed(before: ProcedureSpec, after: ProcedureSpec) -> Iterator[Change]:
    """Each step that is new, gone or different, and the order."""
    old, new = ({step.code: step for step in spec.steps} for spec in (before, after))
    for code in dict.fromkeys([*old, *new]):
        if old.get(code) != new.get(code):
            label = _("Step “%(name)s”") % {"name": (new.get(code) or old[code]).name}
            yield Change(label, _in_brief(old.get(code)), _in_brief(new.get(code)))
    if list(old) != list(new) and set(old) == set(new):
        yield Change(
            _("Order of the steps"),
            "、".join(s.name for s in before.steps),
            "、".join(s.name for s in after.steps),
        )


def _in_brief(step: StepSpec | None) -> str:
    if step is None:
        return "–"
    limit = limit_text(step.limit.limit) if step.limit else ""
    important = _("important") if step.important else ""
    return " · ".join(
        filter(None, [step.name, step.actor, "、".join(step.posts), asked_in_words(step), limit, important])
    )


def asked_in_words(step: StepSpec) -> str:
    """What a step decides and asks for; a paper by its title."""
    named = [str(ARGUMENT_WORDS.get(name, name)) for name in (*step.sets, *step.requires)]
    return "、".join([*named, *([f"《{step.paper}》"] if step.paper else [])])


def said(spec: ProcedureSpec) -> Iterator[tuple[Any, str]]:
    """The spec in words: every field and every limit with its label."""
    values = spec.model_dump(mode="json")
    for name, field in _asked():
        yield field.label, _in_words(field, values[name])
    for key in LIMIT_KEYS:
        limit = values["limits"].get(key)
        text = limit_text(Limit(limit["n"], Unit(limit["unit"]))) if limit else _("no limit")
        yield LIMITS.get(key, key), text


def _in_words(field: forms.Field, value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    choices = {str(key): str(text) for key, text in getattr(field, "choices", ())}
    if isinstance(value, list):
        return "、".join(choices.get(str(one), str(one)) for one in value) or "–"
    return choices.get(str(value), str(value))


def _asked() -> Iterator[tuple[str, forms.Field]]:
    """A form field for each field of the spec that can be chosen or ticked."""
    for name, info in ProcedureSpec.model_fields.items():
        label = LABELS.get(name, name)
        alternatives = _alternatives(name, info)
        if name in KEPT:
            continue
        if info.annotation is bool:
            yield name, forms.BooleanField(label=label, required=False)
        elif get_origin(info.annotation) is tuple:
            choices = _choices_of(get_args(info.annotation)[0])
            widget = forms.CheckboxSelectMultiple
            yield name, forms.MultipleChoiceField(label=label, choices=choices, required=False, widget=widget)
        elif alternatives:
            yield name, forms.ChoiceField(label=label, choices=alternatives)


def _alternatives(name: str, info: Any) -> list[tuple[str, Any]]:
    """The words that a field of the spec admits, by its enum or by its pattern `^(a|b)$`."""
    if isinstance(info.annotation, type) and issubclass(info.annotation, Enum):
        return _choices_of(info.annotation)
    pattern = next((found for it in info.metadata if (found := getattr(it, "pattern", None))), "")
    words = re.fullmatch(r"\^\(([a-z_|]+)\)\$", str(pattern))
    return [(word, VALUES.get((name, word), word)) for word in words[1].split("|")] if words else []


def _choices_of(kind: Any) -> list[tuple[str, Any]]:
    return [(str(value), text) for value, text in kind.choices]
