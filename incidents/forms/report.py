"""The report, and the files that are sent ahead of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gridgov.common.enums import Channel
from gridgov.common.forms import MomentField
from grids.enums import Verb
from grids.models import Grid
from grids.querysets import places_of
from incidents.enums import Source
from incidents.forms.choices import by_village
from incidents.forms.fields import files_field, in_drop
from incidents.models import Category, Upload
from incidents.steps import REPORT, naming
from members.forms import entry_fields, people_named
from members.permissions import enters_for_others
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User


class ReportForm(forms.Form):
    """A report. `client_uuid` makes a double click one matter, and keeps its photos when something is missing."""

    grid = forms.ChoiceField(label=gettext_lazy("Where (grid)"))
    category = forms.ChoiceField(label=gettext_lazy("Category"))
    description = forms.CharField(
        label=gettext_lazy("What happened"), max_length=4000, widget=forms.Textarea(attrs={"rows": 5})
    )
    title = forms.CharField(
        label=gettext_lazy("Title"),
        max_length=80,
        required=False,
        help_text=gettext_lazy("In a few words and without names: the requester sees it too."),
    )
    photos = files_field()
    address = forms.CharField(label=gettext_lazy("Place"), max_length=120, required=False)
    occurred_at = MomentField(label=gettext_lazy("When it happened"), required=False)
    trend_forecast = forms.CharField(
        label=gettext_lazy("How it may develop"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    escalate = forms.BooleanField(
        label=gettext_lazy("Pass it up at once: my grid cannot solve it"), required=False
    )
    requester_name = forms.CharField(label=gettext_lazy("Name"), max_length=40, required=False)
    requester_phone = forms.CharField(label=gettext_lazy("Phone"), max_length=30, required=False)
    wants_feedback = forms.BooleanField(label=gettext_lazy("wants an answer"), required=False, initial=True)
    is_anonymous = forms.BooleanField(label=gettext_lazy("wants to stay unnamed"), required=False)
    source = forms.ChoiceField(
        label=gettext_lazy("Where it comes from"),
        choices=Source.choices,
        initial=Source.BELOW,
        required=False,
    )
    channel = forms.ChoiceField(
        label=gettext_lazy("How it reached us"),
        choices=Channel.choices,
        initial=Channel.SYSTEM,
        required=False,
    )
    client_uuid = forms.UUIDField(widget=forms.HiddenInput)

    REQUESTER = ("requester_name", "requester_phone", "wants_feedback", "is_anonymous")
    MORE = ("source", "channel")
    ENTERED = ("on_behalf_of", "happened_at")

    def __init__(self, data: Any = None, files: Any = None, *, user: User, grid: str = "") -> None:
        units = standing_of(user).units
        super().__init__(
            data, files, initial={"client_uuid": uuid.uuid4(), "grid": grid or next(iter(units), "")}
        )
        grids = by_village(Grid.objects.named_by(user), value="%s", first=units)
        self.fields["grid"].choices = [("", _("– choose –")), *grids]  # type: ignore[attr-defined]
        self.categories = {
            category.code: category
            for category in Category.objects.visible_to(user).active().select_related("procedure")
        }
        named = [(code, _named(category)) for code, category in self.categories.items()]
        self.fields["category"].choices = [("", _("– choose –")), *named]  # type: ignore[attr-defined]
        asking = [row for row in self.categories.values() if "trend_forecast" in _asked_of_report(row)]
        self.fields["trend_forecast"].help_text = _("Needed for: %(categories)s.") % {
            "categories": "、".join(one.name for one in asking)
        }
        if not asking:
            del self.fields["trend_forecast"]
        if not places_of(user)[Verb.HANDLE]:
            del self.fields["escalate"]
        self.people = people_named(user) if enters_for_others(user) else {}
        if self.people:
            entered = entry_fields(self.people)
            entered["on_behalf_of"].label = _("Reported by")
            self.fields |= {name: entered[name] for name in self.ENTERED}

    def show_kept(self, uploads: Iterable[Upload]) -> None:
        """What has arrived for this report need not be chosen again."""
        self.fields["photos"].kept = [in_drop(upload) for upload in uploads]  # type: ignore[attr-defined]

    def arguments(self) -> dict[str, Any]:
        """What `report` takes, without the files: they are kept first."""
        given = dict(self.cleaned_data)
        for name in (*self.REQUESTER, "photos", "client_uuid"):
            given.pop(name, None)
        given["source"] = given.get("source") or Source.BELOW
        given["channel"] = given.get("channel") or Channel.SYSTEM
        name, phone, wants, unnamed = (self.cleaned_data.get(field) for field in self.REQUESTER)
        if name or phone:
            given["requester"] = {
                "name": name,
                "phone": phone,
                "wants_feedback": wants,
                "channel": given["channel"],
                "is_anonymous": bool(unnamed),
            }
        return given

    @property
    def main_fields(self) -> list[forms.BoundField]:
        apart = (*self.REQUESTER, *self.MORE, *self.ENTERED)
        return [field for field in self.visible_fields() if field.name not in apart]

    @property
    def requester_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.REQUESTER]

    @property
    def more_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.MORE if not (self.people and name == "channel")]

    @property
    def entered_fields(self) -> list[forms.BoundField]:
        """Who reported it to whoever types, how and when."""
        names = ("on_behalf_of", "channel", "happened_at") if self.people else ()
        return [self[name] for name in names]

    @property
    def is_entered(self) -> bool:
        return any(self[name].value() or self[name].errors for name in self.ENTERED if name in self.fields)

    @property
    def has_requester(self) -> bool:
        """The fold-out stands open where something is in it."""
        return any(self[name].value() or self[name].errors for name in self.REQUESTER[:2])


def _asked_of_report(category: Category) -> set[str]:
    steps = category.procedure.spec.steps
    return {name for step in naming(steps, REPORT) for name in step.asks(REPORT)}


def _named(category: Category) -> str:
    return (
        _("%(name)s (must be reported)") % {"name": category.name} if category.must_report else category.name
    )


class UploadForm(forms.Form):
    """One file that the script of a form sends ahead."""

    client_uuid = forms.UUIDField()
    incident_client_uuid = forms.UUIDField(required=False)
    file = forms.FileField(max_length=255)
