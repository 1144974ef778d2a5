"""Forms of matters: the report, and one form per action, built from the table of moves."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import Q
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from gridgov.common.enums import Channel, FileKind
from gridgov.common.forms import FilesField, MomentField
from gridgov.common.worktime import Limit, Unit
from grids.enums import Kind, Verb
from grids.models import Grid
from grids.querysets import any_of, places_of
from incidents.actions.notices import TEXTS as NOTICES
from incidents.enums import Card, Source
from incidents.models import AssistTask, Category, Incident, Upload
from incidents.permissions.conditions import main_matter
from incidents.workflow import ARGUMENTS, ENTRY
from members.forms import entry_fields, people_named
from members.models import Department, Member
from members.permissions import enters_for_others
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User

Choices = list[tuple[str, Any]]
MOST_FILES = 20
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
    "files": files_field,
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
    "title": lambda: forms.CharField(label=_("Title"), max_length=80),
    "category": lambda: forms.ChoiceField(label=_("Category")),
    "grid": lambda: forms.ChoiceField(label=_("Where (grid)")),
    "address": lambda: forms.CharField(label=_("Place"), max_length=120),
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
    "files",
    "to",
    "into",
    "category",
    "grid",
    "assisting",
    *PARTS_OF["told"],
    *PARTS_OF["limit"],
)

HINTS: Mapping[tuple[str, str], Any] = {
    ("suspend", "until"): gettext_lazy("Then the clock goes on by itself. Empty: until somebody resumes it."),
    ("request_extension", "until"): gettext_lazy("Either so much longer, or until when."),
    ("correct", "category"): gettext_lazy("The procedure that it began with stays."),
    ("merge", "into"): gettext_lazy(
        "This matter ends; the requester gets the answer when the main matter ends."
    ),
    ("void", "reason"): gettext_lazy("It leaves every statistic and stands in a list of its own."),
}


class ActionForm(forms.Form):
    """The arguments of one action as fields. `rules`: argument -> the rule behind its being asked for."""

    client_uuid = forms.UUIDField(widget=forms.HiddenInput)
    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)

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
        for argument in ARGUMENTS[action]:
            for name in PARTS_OF.get(argument, (argument,)):
                field = FIELDS[name]()
                field.required = argument in required
                rule = (rules or {}).get(argument)
                field.basis = rule["clause"] if rule else ""  # type: ignore[attr-defined]
                self.fields[name] = field
        self.user, self.incident, self.action = user, incident, action
        self.entry = [name for name in ENTRY if people and name not in ARGUMENTS[action]]
        for name, field in entry_fields(people or {}).items():
            if name in self.entry:
                field.required = bool(done_by) and name != "happened_at"
                self.fields[name] = field
        if "note" in self.fields and action in NOTE_LABELS:
            self.fields["note"].label = NOTE_LABELS[action]
        for name, field in self.fields.items():
            field.help_text = HINTS.get((action, name), field.help_text)
        for name, choices in CHOICES.items():
            if name in self.fields:
                self.fields[name].choices = choices(user, incident, action)  # type: ignore[attr-defined]
        if action == "correct":
            self.initial.update(
                title=incident.title,
                category=incident.category.code,
                grid=incident.grid_id,
                address=incident.address,
            )

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
        for name in ("client_uuid", "version"):
            kept[name] = self.get_initial_for_field(self.fields[name], name)
        if "files" in self.fields:
            sent = kept.getlist("files_sent")
            own = Upload.objects.filter(uploader=self.user, incident=None)
            self.fields["files"].kept = [  # type: ignore[attr-defined]
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
        kind, _sep, key = value.partition(":")
        return Department.objects.get(pk=key) if kind == "department" else Grid.objects.get(pk=key)


def targets(user: User, incident: Incident, action: str) -> Choices:
    """Whom this person may name: for `dispatch` what lies below, by the township also departments; for `hand_over`
    the other grids one co-ordinates."""
    places = [place for place in places_of(user)[Verb.COORDINATE] if place.code[:9] == incident.township_code]
    if action == "dispatch":
        places = [place for place in places if place.covers(incident.unit_code)]
    grids = Grid.objects.active().filter(any_of(places, grid="code"))
    if action == "dispatch":
        grids = grids.exclude(pk__in=[place.code for place in places])
    else:
        grids = grids.exclude(pk=incident.responsible_grid_id)
    found = by_village(grids)
    if action == "dispatch" and any(place.kind == Kind.TOWNSHIP for place in places):
        departments = Department.objects.active().filter(township_code=incident.township_code).order_by("pk")
        rows = [(f"department:{pk}", name) for pk, name in departments.values_list("pk", "name")]
        found = [(_("Departments"), rows), *found]
    return [("", _("– choose –")), *found]


def _assistants(_user: User, incident: Incident, action: str) -> Choices:
    """Departments and villages of the township; for a release those whose task is open."""
    if action == "release_assist":
        tasks = AssistTask.objects.open_in(incident)
        return [
            (f"department:{t.department_id}" if t.department_id else f"grid:{t.grid_id}", str(t.unit))
            for t in tasks
        ]
    town = {"township_code": incident.township_code}
    departments = Department.objects.active().filter(**town).order_by("pk").values_list("pk", "name")
    villages = (
        Grid.objects.active().filter(kind=Kind.VILLAGE, **town).order_by("pk").values_list("pk", "name")
    )
    found = [(_("Departments"), [(f"department:{pk}", name) for pk, name in departments])]
    return (
        found
        if action == "whistle"
        else [*found, (_("Villages"), [(f"grid:{pk}", name) for pk, name in villages])]
    )


def _categories(user: User, incident: Incident, _action: str) -> Choices:
    rows = Category.objects.active().filter(township=incident.township_code)
    return [
        (incident.category.code, str(incident.category)),
        *((row.code, row.name) for row in rows if row.pk != incident.category_id),
    ]


def _places(user: User, incident: Incident, _action: str) -> Choices:
    places = [place for place in places_of(user)[Verb.COORDINATE] if place.code[:9] == incident.township_code]
    return by_village(
        Grid.objects.active().filter(any_of(places, grid="code") | Q(pk=incident.grid_id)), value="%s"
    )


def by_village(grids: Any, value: str = "grid:%s", first: Sequence[str] = ()) -> Choices:
    """Grids as choices in groups: those of `first` on top, then one group per village."""
    rows = list(grids.order_by("code").values_list("code", "name", "kind", "village_code"))
    names = {code: name for code, name, kind, _village in rows if kind == Kind.VILLAGE}
    on_top = [(value % code, name) for code, name, *_rest in rows if code in first]
    groups: dict[str, Choices] = {}
    for code, name, _kind, village in rows:
        groups.setdefault(names.get(village, _("Township") if not village else _("Grids")), []).append(
            (value % code, name)
        )
    return ([(_("Mine"), on_top)] if on_top else []) + list(groups.items())


CHOICES: Mapping[str, Callable[[User, Incident, str], Choices]] = {
    "to": targets,
    "category": _categories,
    "grid": _places,
    "assisting": _assistants,
}
NAMED = ("to", "into", "category", "grid", "assisting")


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


def _named(category: Category) -> str:
    return (
        _("%(name)s (must be reported)") % {"name": category.name} if category.must_report else category.name
    )


class NoticeForm(forms.Form):
    """Which of the short texts was copied."""

    client_uuid = forms.UUIDField(widget=forms.HiddenInput)
    about = forms.ChoiceField(choices=[(name, name) for name in NOTICES], widget=forms.HiddenInput)


class UploadForm(forms.Form):
    """One file that the script of a form sends ahead."""

    client_uuid = forms.UUIDField()
    incident_client_uuid = forms.UUIDField(required=False)
    file = forms.FileField(max_length=255)
