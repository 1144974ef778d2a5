"""Forms of the members room."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.contrib.auth.hashers import make_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gridgov.common import clock
from gridgov.common.enums import Channel
from gridgov.common.forms import MomentField
from gridgov.common.models import User
from gridgov.common.passwords import readable_secret
from members.actions import NewPerson
from members.models import Appointment, Leave, Member, Post

DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class LeaveForm(forms.ModelForm):  # type: ignore[type-arg]
    """One's own leave. Who stands in: somebody of the same unit or the one above; a manager may name anybody."""

    class Meta:
        model = Leave
        fields = ("kind", "since", "until", "deputy", "reason")
        widgets = {"since": DAY, "until": DAY}

    def __init__(self, *args: Any, user: User, member: Member, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {"since": clock.today()})
        super().__init__(*args, **kwargs)
        self.fields["deputy"].queryset = Member.objects.to_stand_in_for(member)  # type: ignore[attr-defined]
        self.fields["deputy"].empty_label = _("– nobody named –")  # type: ignore[attr-defined]
        self.fields["until"].help_text = _("The first day at work again.")


class NewPersonForm(forms.Form):
    """`optional`: an empty form is nobody."""

    name = forms.CharField(label=_("Name"), max_length=Member._meta.get_field("name").max_length)
    username = forms.CharField(
        label=_("User name"),
        max_length=64,
        validators=[UnicodeUsernameValidator()],
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    phone = forms.CharField(
        label=_("Phone"),
        max_length=30,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "tel"}),
    )

    vacancy: Post  # the post to be filled

    def __init__(
        self, *args: Any, vacancy: Post | None = None, optional: bool = False, **options: Any
    ) -> None:
        options |= {"empty_permitted": optional, "use_required_attribute": not optional}
        super().__init__(*args, **options)
        self.password = ""
        if vacancy is not None:
            self.vacancy = vacancy

    def clean_username(self) -> str:
        name = User.normalize_username(self.cleaned_data["username"].strip())
        if User.objects.filter(username=name).exists():
            raise ValidationError(gettext("This user name is taken."))
        return name

    def person(self) -> NewPerson:
        """With a password of the machine's, which `password` keeps to be shown once."""
        given = self.cleaned_data
        self.password = readable_secret(2)
        return NewPerson(
            name=given["name"].strip(),
            username=given["username"],
            phone=given["phone"].strip(),
            password=make_password(self.password),
            is_initial=True,
        )


def people_named(
    user: User, *, grids: Iterable[str] | None = None, departments: Iterable[int] = ()
) -> dict[str, Member]:
    """Name and post -> the people in office for whom the user may enter things; with `grids`, only those of these units.

    Two of the same name and post are told apart by the end of their phone numbers. One query.
    """
    held = Appointment.objects.current().filter(member__in=Member.objects.entered_by(user))
    if grids is not None:
        held = held.filter(Q(post__grid__in=list(grids)) | Q(post__department__in=list(departments)))
    rows = held.select_related("member", "post__grid", "post__department").order_by("post__grid", "id")
    found: dict[str, Member] = {}
    for row in rows:
        label = f"{row.member.name}（{row.post.called}）"
        if found.get(label, row.member) != row.member:
            label = f"{label}{row.member.phone[-4:]}"
        found.setdefault(label, row.member)
    return found


class PersonField(forms.CharField):
    """Somebody, typed by name with the list of people beside it (templates/components/people.html)."""

    def __init__(self, people: Mapping[str, Member], **options: Any) -> None:
        self.people = people
        options.setdefault("widget", forms.TextInput(attrs={"list": "people", "autocomplete": "off"}))
        super().__init__(max_length=120, **options)

    def clean(self, value: Any) -> Any:
        text = super().clean(value).strip()
        if not text:
            return None
        if text in self.people:
            return self.people[text]
        named = {member.pk: member for member in self.people.values() if member.name == text}
        if len(named) == 1:
            return next(iter(named.values()))
        if named:
            raise ValidationError(_("There are several people of this name: choose one from the list."))
        raise ValidationError(_("There is no such person for whom you enter things."))


def entry_fields(people: Mapping[str, Member]) -> dict[str, Any]:
    """What is said of something that somebody else did and the user only types."""
    channels = [(value, label) for value, label in Channel.choices if value != Channel.SYSTEM]
    return {
        "on_behalf_of": PersonField(people, label=_("Done by"), required=False),
        "channel": forms.ChoiceField(
            label=_("How it reached you"), choices=[("", "–"), *channels], required=False
        ),
        "happened_at": MomentField(label=_("When"), help_text=_("Empty: now."), required=False),
    }


class RosterForm(forms.Form):
    first = forms.DateField(label=_("First day"), widget=DAY)
    last = forms.DateField(label=_("Last day"), widget=DAY)
    leader = forms.ModelChoiceField(label=_("leading on duty"), queryset=Member.objects.none())
    officer = forms.ModelChoiceField(label=_("on duty"), queryset=Member.objects.none())
    second = forms.ModelChoiceField(label=_("second on duty"), queryset=Member.objects.none(), required=False)
    phone = forms.CharField(
        label=_("Phone"),
        max_length=30,
        required=False,
        help_text=_("Empty: the township's duty telephone."),
        widget=forms.TextInput(attrs={"inputmode": "tel"}),
    )

    def __init__(self, data: Any = None, *, township_code: str) -> None:
        super().__init__(data, initial={"first": clock.today(), "last": clock.today()})
        people = Member.objects.filter(township_code=township_code).active().order_by("name", "pk")
        for name in ("leader", "officer", "second"):
            self.fields[name].queryset = people  # type: ignore[attr-defined]


class RosterFileForm(forms.Form):
    file = forms.FileField(
        label=_("Workbook"),
        widget=forms.FileInput(attrs={"accept": ".xlsx,.csv"}),
        help_text=_(
            "xlsx or csv with the columns 日期, 带班领导, 值班员, 副班 and 值班电话, at most 400 days."
        ),
    )


class DutyPhoneForm(forms.Form):
    phone = forms.CharField(
        label=_("duty telephone"),
        max_length=30,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "tel"}),
    )
    call_after = forms.IntegerField(
        label=_("call the next one after (minutes)"),
        min_value=1,
        max_value=1440,
        help_text=_("An urgent matter that nobody has accepted by then calls the next one on the roster."),
    )
