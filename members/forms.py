"""Forms of the members room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from gridgov.common import clock
from members.models import Leave, Member

if TYPE_CHECKING:
    from gridgov.common.models import User

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
