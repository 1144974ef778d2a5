"""The steps of a procedure as forms: one per step and an empty one, checked as a whole before anything is published."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import ValidationError as SpecError

from grids.models import Tier
from incidents.enums import OnOverdue
from incidents.models import Procedure
from incidents.spec_form import ARGUMENT_WORDS, PROBLEMS, LimitField, clauses, wrong_in
from incidents.steps import CLOSE, DEPARTMENT, REPORT, Steps, StepSpec, digits, level_at, problems
from incidents.views.procedures import action_name, level_names
from incidents.workflow import STEP_ACTIONS, TRANSITIONS
from members.models import Post

# What a person may take a step by, in the order of the table: the way first, then what is beside it.
ACTIONS = (REPORT, *(name for name, move in TRANSITIONS.items() if name in STEP_ACTIONS and move.verbs))
MANY = ("also", "posts", "by", "then", "sets", "requires", "after", "skip_by")


class StepForm(forms.Form):
    """One step. `code` stays: running matters and figures know it by that."""

    code = forms.RegexField(r"^[a-z_]{2,30}$", label=gettext_lazy("code (small letters)"))
    name = forms.CharField(label=gettext_lazy("name"), min_length=2, max_length=40)
    level = forms.ChoiceField(label=gettext_lazy("Where it is taken"))
    actor = forms.CharField(label=gettext_lazy("Who takes it"), max_length=40, required=False)
    posts = forms.MultipleChoiceField(label=gettext_lazy("Only by holders of these posts"), required=False)
    by = forms.MultipleChoiceField(label=gettext_lazy("Taken by"))
    then = forms.MultipleChoiceField(label=gettext_lazy("and finished by"), required=False)
    sets = forms.MultipleChoiceField(label=gettext_lazy("Decides"), required=False)
    requires = forms.MultipleChoiceField(label=gettext_lazy("Asks for"), required=False)
    paper = forms.CharField(
        label=gettext_lazy("Paper to hand in"),
        max_length=40,
        required=False,
        help_text=gettext_lazy("Its title; photos and files beside it do not count as that."),
    )
    after = forms.MultipleChoiceField(label=gettext_lazy("Only after"), required=False)
    also = forms.MultipleChoiceField(
        label=gettext_lazy("May be taken at these levels as well"), required=False
    )
    skip_by = forms.MultipleChoiceField(label=gettext_lazy("May be skipped by"), required=False)
    on_success = forms.ChoiceField(label=gettext_lazy("If it succeeds"), required=False)
    on_failure = forms.ChoiceField(label=gettext_lazy("If it does not"), required=False)
    limit = LimitField(label=gettext_lazy("Limit"))
    on_overdue = forms.ChoiceField(
        label=gettext_lazy("When it is late"),
        choices=[("", gettext_lazy("as the procedure says")), *OnOverdue.choices],
        required=False,
    )
    parallel = forms.BooleanField(label=gettext_lazy("Beside the others, at any time"), required=False)
    owed = forms.BooleanField(label=gettext_lazy("Must be done before closing"), required=False)
    important = forms.BooleanField(label=gettext_lazy("Makes the matter an important one"), required=False)
    rule = forms.ChoiceField(label=gettext_lazy("Clause"), required=False)

    def __init__(self, *args: Any, choices: Mapping[str, Any], **options: Any) -> None:
        super().__init__(*args, **options)
        for name, offered in choices.items():
            self.fields[name].choices = offered  # type: ignore[attr-defined]
            if name in MANY:
                self.fields[name].widget = forms.SelectMultiple(choices=offered, attrs={"size": 5})


class StepsForm(forms.BaseFormSet):  # type: ignore[type-arg]
    """All steps of one procedure, in their order."""

    procedure: Procedure

    def __init__(self, *args: Any, procedure: Procedure, **options: Any) -> None:
        self.procedure = procedure
        options.setdefault("initial", [step.model_dump(mode="json") for step in procedure.spec.steps])
        super().__init__(*args, **options | {"prefix": "steps"})
        self.form_kwargs = {"choices": choices_for(procedure, added(procedure, self.data))}

    def clean(self) -> None:
        """What does not fit is said at the step that it is about."""
        if any(self.errors):
            return
        kept = self._kept()
        forms_of: dict[str, list[StepForm]] = {}
        steps = []
        for form in kept:
            forms_of.setdefault(form.cleaned_data["code"], []).append(form)
            try:
                steps.append(StepSpec.model_validate(_said(form)))
            except SpecError as error:
                form.add_error(None, wrong_in(error.errors()[0])[0][1])
        if len(steps) == len(kept):
            for code, what in [*_known(steps), *posts_missing(steps, self.procedure)]:
                for form in forms_of[code]:
                    form.add_error(None, what)

    def _kept(self) -> list[StepForm]:
        """In order and without those taken out."""
        kept = [form for form in self.forms if form.has_changed() or form.initial]
        kept = [form for form in kept if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        return sorted(kept, key=lambda form: form.cleaned_data.get("ORDER") or len(self.forms))

    def steps(self) -> Steps:
        """As typed. SpecError where one step alone is not possible."""
        return [StepSpec.model_validate(_said(form)) for form in self._kept()]

    def data_of_steps(self) -> list[dict[str, Any]]:
        return [step.model_dump(mode="json", exclude_defaults=True) for step in self.steps()]


def _known(steps: Steps) -> Iterator[tuple[str, Any]]:
    for code, what in dict.fromkeys(problems(steps, STEP_ACTIONS)):
        yield code, PROBLEMS[what]


def posts_missing(steps: Steps, procedure: Procedure) -> Iterator[tuple[str, str]]:
    """(step, what to say) of posts that nobody has at the step's level: anybody could take it."""
    titles = titles_at(str(procedure.township_id))
    for step in steps:
        unknown = [title for title in step.posts if title not in titles.get(step.level, ())]
        if unknown and digits(step.level):
            text = _("There is no such post at this level: %(posts)s")
            yield step.code, text % {"posts": "、".join(unknown)}


def titles_at(township_code: str) -> dict[str, list[str]]:
    """Level -> titles of posts there: those of the plan, then the township's own; under `department` those of departments."""
    found: dict[str, list[str]] = {}
    for tier in Tier.objects.filter(township=township_code).order_by("depth"):
        found.setdefault(level_at(tier.depth), []).extend(post["title"] for post in tier.posts)
    own: Any = Post.objects.filter(township_code=township_code).order_by("title")
    for title, depth in own.values_list("title", "grid__depth").distinct():
        found.setdefault(DEPARTMENT if depth is None else level_at(depth), []).append(title)
    return {level: list(dict.fromkeys(titles)) for level, titles in found.items()}


def _said(form: StepForm) -> dict[str, Any]:
    """What was typed, on top of what the form does not ask."""
    typed = {name: value for name, value in form.cleaned_data.items() if name not in ("ORDER", "DELETE")}
    before = form.initial or {}
    for name in MANY:  # the order in which they are offered says nothing
        if set(typed[name]) == set(before.get(name, ())):
            typed[name] = before.get(name, [])
    return {**typed, "on_overdue": typed["on_overdue"] or None}


StepForms: Any = forms.formset_factory(StepForm, formset=StepsForm, extra=1, can_delete=True, can_order=True)


def steps_form(procedure: Procedure, data: Any = None) -> StepsForm | None:
    """Bound to what was sent; None where a form without steps was sent."""
    if data is not None and "steps-TOTAL_FORMS" not in data:
        return None
    form: StepsForm = StepForms(data, procedure=procedure)
    return form


def added(procedure: Procedure, data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(code, name) of the steps typed beside those of the procedure: the others may name them."""
    known = {step.code for step in procedure.spec.steps}
    codes = {name: code for name, code in data.items() if re.fullmatch(r"steps-\d+-code", name)}
    return [
        (code, str(data.get(f"{name.removesuffix('code')}name") or code))
        for name, code in codes.items()
        if code and code not in known
    ]


def room_for_another(typed: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """With an empty form at the end of the steps, where the last is filled in."""
    total = (typed.get("steps-TOTAL_FORMS") or [""])[0]
    last = int(total) - 1 if total.isdecimal() and len(total) < 5 else -1
    if any(any(typed.get(f"steps-{last}-{name}", ())) for name in ("code", "name")):
        return {**typed, "steps-TOTAL_FORMS": [str(last + 2)]}
    return dict(typed)


def choices_for(
    procedure: Procedure, further: Sequence[tuple[str, str]]
) -> dict[str, Sequence[tuple[str, Any]]]:
    steps = procedure.spec.steps
    codes = [*((step.code, step.name) for step in steps), *further]
    actions = [(name, action_name(name)) for name in ACTIONS]
    levels = list(level_names(str(procedure.township_id)).items())
    rules = clauses(str(procedure.township_id), *(step.rule for step in steps if step.rule))
    asked = list(ARGUMENT_WORDS.items())
    titles = dict.fromkeys(title for at in titles_at(str(procedure.township_id)).values() for title in at)
    return {
        "level": [("", _("– choose –")), *levels],
        "posts": _and_named(steps, "posts", [(title, title) for title in titles]),
        "by": _and_named(steps, "by", actions),
        "then": _and_named(steps, "then", actions),
        "sets": _and_named(steps, "sets", asked),
        "requires": _and_named(steps, "requires", asked),
        "after": codes,
        "also": _and_named(steps, "also", levels),
        "skip_by": _and_named(steps, "skip_by", levels),
        "on_success": [("", _("the next step")), *codes, (CLOSE, _("the matter ends"))],
        "on_failure": [("", "–"), *codes],
        "rule": rules,
    }


def _and_named(steps: Steps, field: str, offered: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """With what a step names already: it is kept, whether the township has such a thing or not."""
    named = dict.fromkeys(value for step in steps for value in getattr(step, field))
    return [*offered, *((value, value) for value in named if value not in dict(offered))]
