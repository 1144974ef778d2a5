"""One form per action, built from the table of moves."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _

from gridgov.common.worktime import Limit, Unit
from grids.models import Grid
from incidents.actions.notices import TEXTS as NOTICES
from incidents.forms.choices import CHOICES, NAMED
from incidents.forms.fields import FIELDS, FILES, HINTS, NOTE_LABELS, PARTS_OF, RESOLVED, TOGETHER, in_drop
from incidents.models import Category, Incident, Upload
from incidents.permissions.conditions import main_matter
from incidents.permissions.steps import paper_of
from incidents.steps import PAPERS
from incidents.workflow import ARGUMENTS, ENTRY, arguments_of
from members.forms import entry_fields
from members.models import Department, Member

if TYPE_CHECKING:
    from gridgov.common.models import User


class ActionForm(forms.Form):
    """The arguments of one action as fields. `rules`: argument -> the rule behind its being asked for."""

    client_uuid = forms.UUIDField(widget=forms.HiddenInput)
    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)

    LEFT_OUT: tuple[str, ...] = ()  # arguments without a field

    def __init__(
        self,
        data: Any = None,
        files: Any = None,
        *,
        user: User,
        incident: Incident,
        action: str,
        requires: Iterable[str],
        rules: Mapping[str, Mapping[str, str]] | None = None,
        people: Mapping[str, Member] | None = None,
        done_by: str = "",
    ) -> None:
        """`people`: for whom the user may enter it; `done_by`: the one of them who can do it now, where the user cannot."""
        initial = {"client_uuid": uuid.uuid4(), "version": incident.version, "on_behalf_of": done_by}
        super().__init__(data, files, auto_id=f"{action}_%s", initial=initial)
        required = set(requires)
        own = [name for name in arguments_of(action, required) if name in ARGUMENTS[action]]
        for argument in (name for name in own if name not in self.LEFT_OUT):
            for name in PARTS_OF.get(argument, (argument,)):
                field = FIELDS[name]()
                field.required = argument in required
                rule = (rules or {}).get(argument)
                field.basis = rule["clause"] if rule else ""  # type: ignore[attr-defined]
                self.fields[name] = field
        self.user, self.incident, self.action = user, incident, action
        self.people = people or {}
        self.entry = [name for name in ENTRY if self.people and name not in ARGUMENTS[action]]
        for name, field in entry_fields(self.people).items():
            if name in self.entry:
                field.required = bool(done_by) and name != "happened_at"
                self.fields[name] = field
        self._say_what_is_meant()
        for name, choices in CHOICES.items():
            if name in self.fields:
                self.fields[name].choices = choices(user, incident, action)  # type: ignore[attr-defined]
        if action == "correct":
            self.initial.update(self.as_it_is())

    def _say_what_is_meant(self) -> None:
        if PAPERS in self.fields:
            self.fields[PAPERS].label = paper_of(self.user, self.incident, self.action)
        if "note" in self.fields and self.action in NOTE_LABELS:
            self.fields["note"].label = NOTE_LABELS[self.action]
        for name, field in self.fields.items():
            field.help_text = HINTS.get((self.action, name), field.help_text)

    def as_it_is(self) -> dict[str, Any]:
        """What there is to be corrected."""
        row = self.incident
        return {
            "title": row.title,
            "category": row.category.code,
            "grid": row.grid_id,
            "address": row.address,
            "trend_forecast": row.extra.get("trend_forecast", ""),
        }

    @property
    def own_fields(self) -> list[forms.BoundField]:
        return [field for field in self.visible_fields() if field.name not in self.entry]

    @property
    def entered_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.entry]

    @property
    def is_entered(self) -> bool:
        """The fold-out stands open where something is in it, or must be."""
        return any(self[name].value() or self[name].errors for name in self.entry)

    def fresh(self) -> None:
        """For showing it again after a refusal: of the matter as it is now, as a new call."""
        kept: Any = self.data.copy()  # type: ignore[attr-defined]
        for name in {"client_uuid", "version"} & set(self.fields):
            kept[name] = self.get_initial_for_field(self.fields[name], name)
        for name in set(FILES) & set(self.fields):
            sent = kept.getlist(f"{name}_sent")
            own = Upload.objects.filter(uploader=self.user, incident=None)
            self.fields[name].kept = [  # type: ignore[attr-defined]
                in_drop(upload) for upload in own.order_by("created_at") if str(upload.client_uuid) in sent
            ]
        self.data = kept

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for argument, (one, other) in PARTS_OF.items():
            if other in self.fields and bool(cleaned.get(one)) != bool(cleaned.get(other)):
                self.add_error(other, TOGETHER[argument])
        return cleaned

    def arguments(self) -> dict[str, Any]:
        """What `perform` takes, without the files: they are kept first."""
        typed = self.cleaned_data
        given = {name: value for name, value in typed.items() if name not in RESOLVED}
        if typed.get("told_channel"):
            given["told"] = {"channel": typed["told_channel"], "happened_at": typed["told_at"]}
        if typed.get("limit_n"):
            given["limit"] = Limit(typed["limit_n"], Unit(typed["limit_unit"]))
        given |= {name: self._named(name, typed[name]) for name in NAMED if typed.get(name)}
        return given

    def clean_into(self) -> Any:
        asked = self.cleaned_data["into"]
        found = main_matter(self.user, self.incident, asked) if asked else None
        if asked and found is None:
            raise forms.ValidationError(_("There is no such matter here."))
        return found

    def _named(self, name: str, value: Any) -> Any:
        """The object that a choice names; the choices were of this person and this matter."""
        if name == "into":
            return value
        if name == "category":
            return Category.objects.get(township=self.incident.township_code, code=value)
        if name == "grid":
            return Grid.objects.get(pk=value)
        if name == "assisting":
            return [self._named("to", one) for one in value]
        if name in ("case_leader", "responsible_person"):
            return Member.objects.get(pk=value)
        kind, _sep, key = value.partition(":")
        return Department.objects.get(pk=key) if kind == "department" else Grid.objects.get(pk=key)


class BulkForm(ActionForm):
    """The arguments of one action on several matters of a township, once for all. `incident` is one of them: whom and what
    it may name, all may. Files belong to one matter, so none are taken here."""

    version = None  # type: ignore[assignment]  # each matter has its own

    LEFT_OUT = FILES

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in ("category", "grid"):  # what is not chosen stays as it is, in each
            if name in self.fields:
                field: Any = self.fields[name]
                field.choices = [("", _("– as it is –")), *field.choices]

    def as_it_is(self) -> dict[str, Any]:
        return {}


class NoticeForm(forms.Form):
    """Which of the short texts was copied."""

    client_uuid = forms.UUIDField(widget=forms.HiddenInput)
    about = forms.ChoiceField(choices=[(name, name) for name in NOTICES], widget=forms.HiddenInput)
