"""Forms of the grids room."""

from __future__ import annotations

import re
from datetime import time
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gridgov.common import clock
from grids.models import Calendar

WEEKDAYS = [
    (0, gettext_lazy("Monday")), (1, gettext_lazy("Tuesday")), (2, gettext_lazy("Wednesday")),
    (3, gettext_lazy("Thursday")), (4, gettext_lazy("Friday")), (5, gettext_lazy("Saturday")),
    (6, gettext_lazy("Sunday")),
]  # fmt: skip
MOST_FRAMES = 6
_FRAME = re.compile(r"(\d{1,2})[:：](\d{2})\s*[-~～至–—]\s*(\d{1,2})[:：](\d{2})")


class FramesField(forms.CharField):
    """`08:30-12:00, 14:00-17:30`; 24:00 ends a day. Cleaned: [("08:30", "12:00"), …]."""

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return ", ".join(f"{begin}-{'24:00' if end == '00:00' else end}" for begin, end in value)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        parts = [part for part in re.split(r"[,，、;；\s]*[,，、;；][,，、;；\s]*|\n", text.strip()) if part]
        found = []
        for part in parts:
            given = _FRAME.fullmatch(part.strip())
            try:
                if given is None:
                    raise ValueError
                begin_hour, begin_minute, end_hour, end_minute = map(int, given.groups())
                begin, end = time(begin_hour, begin_minute), time(end_hour % 24, end_minute)
            except ValueError:
                raise ValidationError(_("Write frames as 08:30-12:00, 14:00-17:30."), code="frames") from None
            found.append((f"{begin:%H:%M}", f"{end:%H:%M}"))
        if len(found) > MOST_FRAMES:
            raise ValidationError(_("At most %(most)d frames a day.") % {"most": MOST_FRAMES}, code="frames")
        return found


class TreeForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("Workbook"),
        widget=forms.FileInput(attrs={"accept": ".xlsx,.csv"}),
        help_text=gettext_lazy(
            "xlsx or csv with the columns 编码, 名称, 上级编码 and 类型, at most 10,000 rows and 10 MB."
        ),
    )


class CalendarForm(forms.Form):
    frames = FramesField(label=gettext_lazy("Working time of the office"), max_length=200)
    weekdays = forms.TypedMultipleChoiceField(
        label=gettext_lazy("working days of the week"),
        choices=WEEKDAYS,
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
    )
    urgent_frames = FramesField(
        label=gettext_lazy("Working time for urgent matters"),
        max_length=200,
        help_text=gettext_lazy(
            "On every day of the week, through all holidays. 00:00-24:00: round the clock."
        ),
    )

    def __init__(self, data: Any = None, *, calendar: Calendar) -> None:
        initial = {
            "frames": calendar.frames,
            "weekdays": calendar.weekdays,
            "urgent_frames": calendar.urgent_frames,
        }
        super().__init__(data, initial=initial)


class YearForm(forms.Form):
    """A file fills the lines; only lines are imported."""

    year = forms.IntegerField(label=gettext_lazy("year"), min_value=2020, max_value=2100)
    file = forms.FileField(
        label=gettext_lazy("File"),
        required=False,
        widget=forms.FileInput(attrs={"accept": ".xlsx,.csv"}),
        help_text=gettext_lazy("xlsx or csv with the columns 日期, 结束日期, 类型 (放假 or 上班) and 名称."),
    )
    lines = forms.CharField(
        label=gettext_lazy("Days off and make-up days"),
        required=False,
        max_length=8000,
        widget=forms.Textarea(attrs={"rows": 10, "placeholder": "2027-01-01~2027-01-03 放假 元旦"}),
        help_text=gettext_lazy("One line for each span: first day, last day, 放假 or 上班, name."),
    )
    source = forms.CharField(
        label=gettext_lazy("source"),
        required=False,
        max_length=80,
        help_text=gettext_lazy("Empty: the State Council's notice for that year."),
    )

    def __init__(self, data: Any = None, files: Any = None) -> None:
        super().__init__(data, files, initial={"year": clock.today().year + 1})
