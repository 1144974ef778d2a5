"""What the API takes about matters: shapes, and the codes in them turned into what they name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from gridgov.common.api.fields import Coordinate, Cursor, Moment, Strict, Uuid, Writing
from gridgov.common.enums import Channel, FileKind
from gridgov.common.errors import Forbidden, Invalid
from gridgov.common.models import User
from gridgov.common.prepared import Prepared
from gridgov.common.worktime import Limit, Unit
from grids.api.serializers import CODE
from grids.enums import Verb
from grids.models import Grid
from grids.querysets import places_of
from incidents.actions.bulk import MOST_TOGETHER
from incidents.enums import Card, Grade, PartySide, Source, Status
from incidents.models import Category, Incident
from incidents.models.incident import ORDER_SAID, TREND_FORECAST
from incidents.permissions.conditions import main_matter
from incidents.permissions.steps import people_to_name
from incidents.search.words import LONGEST_QUESTION
from incidents.workflow import TRANSITIONS
from members.models import Department, Member
from members.querysets import standing_of

MOST_EXTRA = 50


class IncidentQuery(Strict):
    status = serializers.ChoiceField(choices=Status.choices, required=False)
    grid = serializers.RegexField(CODE, required=False, help_text=gettext_lazy("This grid and all below it."))
    category = serializers.CharField(max_length=40, required=False)
    overdue = serializers.BooleanField(required=False)
    open = serializers.BooleanField(required=False)
    mark = serializers.ChoiceField(
        choices=["listed", "supervised", "accountable"],
        required=False,
        help_text=gettext_lazy("On the rectification list, under supervision, marked for accountability."),
    )
    mine = serializers.BooleanField(
        required=False,
        help_text=gettext_lazy("Open ones that a unit answers for, or assists in, on which I serve."),
    )
    q = serializers.CharField(
        max_length=LONGEST_QUESTION,
        required=False,
        help_text=gettext_lazy(
            "Words, all of which must be found: in number, title, text, place, the grid's or handler's name, or their pinyin "
            "initials; where one works on the matter also in requester and parties and the end of their phone numbers."
        ),
    )
    updated_since = Moment(
        required=False,
        help_text=gettext_lazy(
            "The `as_of` of an earlier answer: what changed since then. Not together with filters."
        ),
    )
    cursor = Cursor(required=False)

    def validate(self, attrs: Any) -> Any:
        if "updated_since" in attrs and set(attrs) - {"updated_since", "cursor"}:
            raise serializers.ValidationError({"updated_since": [_("Not together with filters.")]})
        return attrs


class RequesterInput(Strict):
    name = serializers.CharField(max_length=40, required=False, allow_blank=True)
    phone = serializers.CharField(max_length=30, required=False, allow_blank=True)
    wants_feedback = serializers.BooleanField(default=True)
    channel = serializers.ChoiceField(choices=Channel.choices, required=False)
    anonymous = serializers.BooleanField(
        source="is_anonymous",
        required=False,
        help_text=gettext_lazy("Wants to stay unnamed: masked also for those who work on the matter."),
    )


class PartyFields(Strict):
    """A party of a dispute."""

    side = serializers.ChoiceField(choices=PartySide.choices, required=False)
    name = serializers.CharField(max_length=40)
    phone = serializers.CharField(max_length=30, required=False, allow_blank=True)
    address = serializers.CharField(max_length=120, required=False, allow_blank=True)


class PartyInput(PartyFields, Writing):
    pass


class RemovalInput(Writing):
    party = Uuid()


class RevealInput(Writing):
    reason = serializers.CharField(max_length=200)


class AnswerInput(Writing):
    """What the requester said, taken down by somebody who did not handle the matter."""

    grade = serializers.ChoiceField(choices=Grade.choices)
    solved = serializers.BooleanField()
    channel = serializers.ChoiceField(
        choices=Channel.choices, help_text=gettext_lazy("How it was said; not `system`, that is the link.")
    )
    comment = serializers.CharField(max_length=500, required=False, allow_blank=True)


class JoinInput(Writing):
    """What one found oneself, for a matter that is already there."""

    note = serializers.CharField(max_length=2000)
    files = serializers.ListField(child=Uuid(), max_length=20, required=False)


class CallInput(Writing):
    """A report by telephone: who was called, whether anybody answered."""

    whom = serializers.CharField(max_length=40)
    answered = serializers.BooleanField()
    happened_at = Moment(required=False, allow_null=True)
    note = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class Extra(serializers.DictField):
    """A few fields of the client's own: texts, numbers, truth values."""

    def __init__(self, **options: Any) -> None:
        super().__init__(child=serializers.JSONField(), **options)

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        if len(value) > MOST_EXTRA or any(
            len(str(inner)) > 500 or len(name) > 40 for name, inner in value.items()
        ):
            raise serializers.ValidationError(
                _("At most 50 fields, names of 40 and values of 500 characters.")
            )
        ours = sorted({TREND_FORECAST, ORDER_SAID} & set(value))
        if ours:
            raise serializers.ValidationError(_("“%(name)s” is a name of gridgov's own.") % {"name": ours[0]})
        if any(isinstance(inner, dict | list) for inner in value.values()):
            raise serializers.ValidationError(_("Only texts, numbers and truth values."))
        return value


class EntryInput(Strict):
    """Of what somebody else did and the caller only types."""

    on_behalf_of = Uuid(
        required=False,
        allow_null=True,
        help_text=gettext_lazy("The member who really did it; then `channel` says how it reached you."),
    )
    channel = serializers.ChoiceField(choices=Channel.choices, required=False)
    happened_at = Moment(required=False, allow_null=True)


class MatterInput(Strict):
    """What is known about a matter, wherever it is entered."""

    title = serializers.CharField(max_length=80, required=False, allow_blank=True)
    occurred_at = Moment(required=False, allow_null=True)
    requester = RequesterInput(required=False, allow_null=True)
    parties = PartyFields(many=True, required=False, help_text=gettext_lazy("Only of a dispute."))
    latitude = Coordinate(min_value=-90, max_value=90, required=False, allow_null=True)
    longitude = Coordinate(min_value=-180, max_value=180, required=False, allow_null=True)
    accuracy_m = serializers.IntegerField(min_value=0, max_value=100_000, required=False, allow_null=True)
    address = serializers.CharField(max_length=120, required=False, allow_blank=True)
    photos_expected = serializers.IntegerField(min_value=0, max_value=20, required=False)
    escalate = serializers.BooleanField(required=False, help_text=gettext_lazy("At once to the level above."))
    extra = Extra(required=False)
    trend_forecast = serializers.CharField(
        max_length=500,
        required=False,
        allow_blank=True,
        help_text=gettext_lazy("How it may develop; some procedures ask for it."),
    )

    def validate(self, attrs: Any) -> Any:
        if (attrs.get("latitude") is None) != (attrs.get("longitude") is None):
            raise serializers.ValidationError({"longitude": [_("Latitude and longitude belong together.")]})
        return attrs


class ReportInput(EntryInput, MatterInput, Writing):
    grid = serializers.RegexField(CODE)
    category = serializers.CharField(max_length=40)
    description = serializers.CharField(max_length=4000)
    source = serializers.ChoiceField(choices=Source.choices, required=False)
    external_no = serializers.CharField(max_length=40, required=False, allow_blank=True)
    external_due = Moment(required=False, allow_null=True)


class ReceiptQuery(Strict):
    day = serializers.DateField(required=False, help_text=gettext_lazy("In Asia/Shanghai; without it today."))


class UnitInput(Strict):
    """`{"grid": code}` or `{"department": id}`."""

    grid = serializers.RegexField(CODE, required=False)
    department = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)

    def validate(self, attrs: Any) -> Any:
        if len(attrs) != 1:
            raise serializers.ValidationError(_("Name a grid or a department."))
        return attrs


class ToldInput(Strict):
    channel = serializers.ChoiceField(choices=Channel.choices)
    happened_at = Moment()


class LimitInput(Strict):
    """So much longer: n of a unit."""

    n = serializers.IntegerField(min_value=1, max_value=10_000)
    unit = serializers.ChoiceField(choices=[(unit.value, unit.value) for unit in Unit])

    def validate(self, attrs: Any) -> Limit:
        return Limit(attrs["n"], Unit(attrs["unit"]))


class ArgumentsInput(EntryInput, Writing):
    """The arguments of all actions; `allowed_actions` of the matter says which one takes which."""

    note = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    to = UnitInput(required=False)
    deadline = Moment(required=False, allow_null=True)
    important = serializers.BooleanField(required=False)
    told = ToldInput(required=False)
    happened = serializers.BooleanField(required=False)
    solved = serializers.BooleanField(required=False)
    upheld = serializers.BooleanField(required=False)
    granted = serializers.BooleanField(required=False)
    limit = LimitInput(required=False)
    until = Moment(required=False, allow_null=True)
    level = serializers.ChoiceField(choices=Card.choices, required=False)
    reply_due = Moment(required=False, allow_null=True)
    body = serializers.CharField(
        max_length=80, required=False, help_text=gettext_lazy("The superior body that it is referred to.")
    )
    number = serializers.CharField(
        max_length=40,
        required=False,
        allow_blank=True,
        help_text=gettext_lazy("The reference of the superior body."),
    )
    reply = serializers.CharField(max_length=2000, required=False)
    about = serializers.CharField(
        max_length=80, required=False, help_text=gettext_lazy("The unit or person to be held accountable.")
    )
    into = serializers.CharField(
        max_length=40, required=False, help_text=gettext_lazy("The main matter: its number or its id.")
    )
    assisting = serializers.ListField(
        child=UnitInput(),
        required=False,
        max_length=50,
        help_text=gettext_lazy("Units that assist or are called."),
    )
    case_leader = Uuid(required=False, help_text=gettext_lazy("A leader of the township: the member's id."))
    responsible_person = Uuid(
        required=False, help_text=gettext_lazy("Somebody of the unit: the member's id.")
    )
    title = serializers.CharField(max_length=80, required=False)
    category = serializers.CharField(max_length=40, required=False)
    grid = serializers.RegexField(CODE, required=False)
    address = serializers.CharField(max_length=120, required=False)
    trend_forecast = serializers.CharField(
        max_length=500,
        required=False,
        allow_blank=True,
        help_text=gettext_lazy("How it may develop; some procedures ask for it."),
    )


class ActionInput(ArgumentsInput):
    version = serializers.IntegerField(
        min_value=1,
        max_value=2**31 - 1,
        required=False,
        help_text=gettext_lazy("As read; a change since then answers 409."),
    )
    files = serializers.ListField(child=Uuid(), max_length=20, required=False)
    papers = serializers.ListField(
        child=Uuid(),
        max_length=20,
        required=False,
        help_text=gettext_lazy("The paper that the step asks for, as uploads; `allowed_actions` names it."),
    )


class BulkInput(ArgumentsInput):
    """One action, its arguments once, and the matters. `client_uuid` is the batch, by which it is taken back."""

    action = serializers.ChoiceField(choices=sorted(set(TRANSITIONS) - {"undo"}))
    incidents = serializers.ListField(child=Uuid(), min_length=1, max_length=MOST_TOGETHER)


class BulkUndoInput(Writing):
    pass


class UploadInput(Writing):
    incident_client_uuid = Uuid()
    kind = serializers.ChoiceField(choices=FileKind.choices)
    sha256 = serializers.RegexField(r"^[0-9a-fA-F]{64}$", help_text=gettext_lazy("Of the bytes of the file."))
    file = serializers.FileField(use_url=False)


class DueQuery(Strict):
    start = Moment(required=False, help_text=gettext_lazy("What if the clock had begun then."))


class Named:
    """The grids and categories that these reports name, as far as the user may: asked once, however many they are."""

    def __init__(self, user: User, reports: Sequence[Mapping[str, Any]]) -> None:
        self.may_report = bool(places_of(user)[Verb.REPORT])
        codes = {report["grid"] for report in reports}
        rows = Grid.objects.named_by(user).filter(code__in=codes) if codes and self.may_report else ()
        self.grids = {grid.code: grid for grid in rows}
        towns = {grid.township_code for grid in self.grids.values()}
        kinds = {report["category"] for report in reports if "category" in report}
        found = CATEGORIES_NAMED(list(towns), list(kinds)) if towns and kinds else ()
        self.categories = {(str(row.township_id), row.code): row for row in found}

    def grid(self, code: str) -> Grid:
        """Any other grid is unknown. Who may report nowhere hears that first."""
        if not self.may_report:
            raise Forbidden(_("You may not report here."))
        if code not in self.grids:
            raise unknown("unknown_grid", "grid", _("There is no such grid here."))
        return self.grids[code]

    def category(self, township_code: str, code: str) -> Category:
        if (township_code, code) not in self.categories:
            raise unknown("unknown_category", "category", _("There is no such category here."))
        return self.categories[township_code, code]


def named_grid(user: User, code: str) -> Grid:
    """A grid that the user may name in a report."""
    return Named(user, [{"grid": code}]).grid(code)


def named_category(township_code: str, code: str) -> Category:
    found = CATEGORIES_NAMED([township_code], [code])
    if not found:
        raise unknown("unknown_category", "category", _("There is no such category here."))
    return found[0]


CATEGORIES_NAMED = Prepared(
    lambda townships, codes: (
        Category.objects.active()
        .filter(township__in=townships, code__in=codes)
        .select_related("procedure")
        .order_by()
    )
)


def named_unit(
    user: User, incident: Incident, to: Mapping[str, Any], field: str = "to.grid"
) -> Grid | Department:
    """Whom a matter goes to: a grid or a department of its township that the user may know of."""
    if "grid" in to:
        grids = Grid.objects.named_by(user) | Grid.objects.active().visible_to(user)
        grid = grids.filter(code=to["grid"], township_code=incident.township_code).first()
        if grid is None:
            raise unknown("unknown_grid", field, _("There is no such grid here."))
        return grid
    departments = Department.objects.visible_to(user).active()
    department = departments.filter(pk=to["department"], township_code=incident.township_code).first()
    if department is None:
        raise unknown(
            "unknown_department",
            field if field != "to.grid" else "to.department",
            _("There is no such department here."),
        )
    return department


def named_units(
    user: User, incident: Incident, units: Sequence[Mapping[str, Any]]
) -> list[Grid | Department]:
    return [named_unit(user, incident, unit, "assisting") for unit in units]


def named_member(user: User, pk: Any) -> Member:
    """Whom one may enter something for; anybody else is unknown."""
    own = standing_of(user).member
    if own is not None and own.pk == pk:
        return own
    member = Member.objects.entered_by(user).filter(pk=pk).first()
    if member is None:
        raise unknown(
            "unknown_member", "on_behalf_of", _("There is no such person for whom you enter things.")
        )
    return member


def named_place(user: User, incident: Incident, code: str) -> Grid:
    """A grid of the matter's township that the user may know of."""
    return named_unit(user, incident, {"grid": code}, "grid")  # type: ignore[return-value]


def named_category_of(_user: User, incident: Incident, code: str) -> Category:
    return named_category(incident.township_code, code)


def named_main(user: User, incident: Incident, into: str) -> Incident:
    """Another matter of the same township that the user sees, by number or id."""
    found = main_matter(user, incident, into)
    if found is None:
        raise unknown("unknown_incident", "into", _("There is no such matter here."))
    return found


def named_person(argument: str) -> Callable[[User, Incident, Any], Member]:
    """Somebody whom a step names; anybody else is unknown."""

    def find(_user: User, incident: Incident, pk: Any) -> Member:
        if people_to_name(incident, argument).filter(member=pk).exists():
            return Member.objects.get(pk=pk)
        raise unknown("unknown_member", argument, _("Nobody of this name can be named here."))

    return find


# Arguments that name something, and how they find it.
NAMED: Mapping[str, Callable[[User, Incident, Any], Any]] = {
    "to": named_unit,
    "grid": named_place,
    "category": named_category_of,
    "into": named_main,
    "assisting": named_units,
    "case_leader": named_person("case_leader"),
    "responsible_person": named_person("responsible_person"),
}


def unknown(code: str, name: str, text: str) -> Invalid:
    return Invalid(text, code=code, errors={name: [text]})
