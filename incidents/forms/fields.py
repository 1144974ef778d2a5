"""The fields of a matter's forms: one per argument of an action."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from gridgov.common.enums import Channel, FileKind
from gridgov.common.forms import FilesField, MomentField
from gridgov.common.worktime import Unit
from incidents.enums import Card
from incidents.models import Upload
from incidents.steps import PAPERS

MOST_FILES = 20
FILES = ("files", PAPERS)
WORDS = {"max_length": 2000, "widget": forms.Textarea(attrs={"rows": 3})}
UNITS: Mapping[Unit, str] = {
    Unit.MINUTES: gettext_noop("minutes"),
    Unit.HOURS: gettext_noop("hours"),
    Unit.WORKING_HOURS: gettext_noop("working hours"),
    Unit.WORKING_DAYS: gettext_noop("working days"),
    Unit.CALENDAR_DAYS: gettext_noop("calendar days"),
}
YES_NO = [("yes", gettext_lazy("yes")), ("no", gettext_lazy("no"))]

# What the words of an action are about; others take a note.
NOTE_LABELS: Mapping[str, Any] = {
    "settle": gettext_lazy("What was done"),
    "submit_result": gettext_lazy("What was done"),
    "feed_back": gettext_lazy("What the requester was told"),
    "return_visit": gettext_lazy("What was said"),
    "review": gettext_lazy("Opinion"),
    "supervise": gettext_lazy("What is to be done"),
    "reply_supervision": gettext_lazy("Reply"),
}


def yes_no(label: Any) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=label, choices=YES_NO, coerce=lambda value: value == "yes", widget=forms.RadioSelect
    )


def files_field() -> FilesField:
    return FilesField(
        label=gettext_lazy("Photos and files"),
        required=False,
        url=reverse_lazy("incidents:upload"),
        most=MOST_FILES,
    )


def in_drop(upload: Upload) -> dict[str, str]:
    """An upload that has arrived, as components/drop.html and its script show it."""
    is_photo = upload.kind == FileKind.PHOTO
    return {
        "client_uuid": str(upload.client_uuid),
        "name": upload.name or str(upload.get_kind_display()),
        "thumbnail_url": reverse("incidents:small-photo", args=[upload.pk]) if is_photo else "",
        "drop_url": reverse("incidents:drop-upload", args=[upload.pk]),
    }


FIELDS: Mapping[str, Callable[[], forms.Field]] = {
    "note": lambda: forms.CharField(label=_("Note"), **WORDS),  # type: ignore[arg-type]
    "reason": lambda: forms.CharField(label=_("Reason"), **WORDS),  # type: ignore[arg-type]
    "to": lambda: forms.ChoiceField(label=_("To")),
    "deadline": lambda: MomentField(
        label=_("Deadline"), help_text=_("Without one the limit of the procedure counts.")
    ),
    "important": lambda: forms.BooleanField(label=_("This is an important matter")),
    **dict.fromkeys(FILES, files_field),
    "happened": lambda: yes_no(_("Did it happen as reported?")),
    "solved": lambda: yes_no(_("Is it solved?")),
    "channel": lambda: forms.ChoiceField(label=_("How"), choices=Channel.choices, initial=Channel.PHONE),
    "happened_at": lambda: MomentField(label=_("When"), help_text=_("Empty: now.")),
    "told_channel": lambda: forms.ChoiceField(
        label=_("How the requester was told"), choices=[("", "–"), *Channel.choices]
    ),
    "told_at": lambda: MomentField(label=_("When the requester was told")),
    "upheld": lambda: yes_no(_("Is the refusal right?")),
    "granted": lambda: yes_no(_("Is the extension granted?")),
    "limit_n": lambda: forms.IntegerField(label=_("How much longer"), min_value=1, max_value=10_000),
    "limit_unit": lambda: forms.ChoiceField(
        label=_("counted in"), choices=[("", "–"), *((unit.value, _(name)) for unit, name in UNITS.items())]
    ),
    "until": lambda: MomentField(label=_("Until when")),
    "level": lambda: forms.ChoiceField(label=_("Level"), choices=Card.choices, widget=forms.RadioSelect),
    "reply_due": lambda: MomentField(label=_("Reply by")),
    "assisting": lambda: forms.MultipleChoiceField(
        label=_("Assisting units"),
        widget=forms.SelectMultiple(attrs={"size": 6}),
        help_text=_("Hold Ctrl to choose several."),
    ),
    "body": lambda: forms.CharField(label=_("Superior body"), max_length=80),
    "number": lambda: forms.CharField(label=_("Its reference"), max_length=40),
    "reply": lambda: forms.CharField(label=_("Reply"), **WORDS),  # type: ignore[arg-type]
    "about": lambda: forms.CharField(label=_("Unit or person"), max_length=80),
    "into": lambda: forms.CharField(label=_("Number of the main matter"), max_length=40),
    "case_leader": lambda: forms.ChoiceField(label=_("Case leader")),
    "responsible_person": lambda: forms.ChoiceField(label=_("Responsible person")),
    "title": lambda: forms.CharField(label=_("Title"), max_length=80),
    "category": lambda: forms.ChoiceField(label=_("Category")),
    "grid": lambda: forms.ChoiceField(label=_("Where (grid)")),
    "address": lambda: forms.CharField(label=_("Place"), max_length=120),
    "trend_forecast": lambda: forms.CharField(label=_("How it may develop"), max_length=500),
}
# An argument that is typed in two fields.
PARTS_OF = {"told": ("told_channel", "told_at"), "limit": ("limit_n", "limit_unit")}
TOGETHER = {
    "told": gettext_lazy("How and when belong together."),
    "limit": gettext_lazy("Say how many of what."),
}
# Fields whose value is not the argument itself.
RESOLVED = (
    "client_uuid",
    "version",
    *FILES,
    "to",
    "into",
    "category",
    "grid",
    "assisting",
    "case_leader",
    "responsible_person",
    *PARTS_OF["told"],
    *PARTS_OF["limit"],
)

HINTS: Mapping[tuple[str, str], Any] = {
    ("suspend", "until"): gettext_lazy("Then the clock goes on by itself. Empty: until somebody resumes it."),
    ("request_extension", "until"): gettext_lazy("Either so much longer, or until when."),
    ("correct", "category"): gettext_lazy(
        "As long as nobody has begun on it, the procedure of the right category is followed; later its own stays."
    ),
    ("correct", "trend_forecast"): gettext_lazy("Where the report of the right category has to say it."),
    ("merge", "into"): gettext_lazy(
        "This matter ends; the requester gets the answer when the main matter ends."
    ),
    ("void", "reason"): gettext_lazy("It leaves every statistic and stands in a list of its own."),
}
