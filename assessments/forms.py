"""Which month is to be assessed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from assessments.permissions import townships_to_score
from gridgov.common import clock
from grids.models import Grid

if TYPE_CHECKING:
    from gridgov.common.models import User

MONTHS_OFFERED = 12


class MonthForm(forms.Form):
    """The last month stands first: it is complete."""

    township: forms.ModelChoiceField[Grid] = forms.ModelChoiceField(
        queryset=None, label=_("Township"), empty_label=None
    )
    month = forms.TypedChoiceField(label=_("Month"), coerce=date.fromisoformat)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        township, month = self.fields["township"], self.fields["month"]
        codes = townships_to_score(user)
        township.queryset = Grid.objects.filter(pk__in=codes).order_by("code")  # type: ignore[attr-defined]
        if len(codes) == 1:
            township.widget, township.initial = forms.HiddenInput(), codes[0]
        months = recent_months(clock.today())
        month.choices = [(str(first), date_format(first, "YEAR_MONTH_FORMAT")) for first in months]  # type: ignore[attr-defined]


def recent_months(today: date) -> list[date]:
    """First days: last month, those before it, and at the end the running one."""
    running = today.replace(day=1)
    months = [running]
    while len(months) < MONTHS_OFFERED:
        months.append((months[-1] - timedelta(days=1)).replace(day=1))
    return [*months[1:], running]
