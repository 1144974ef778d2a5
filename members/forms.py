"""Forms of the members room."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.hashers import make_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gridgov.common import clock
from gridgov.common.models import User
from gridgov.common.passwords import readable_secret
from members.actions import NewPerson
from members.models import Leave, Member, Post

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
