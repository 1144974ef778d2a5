"""A patrol entered in the browser."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from gridgov.common import clock
from gridgov.common.errors import DomainError
from grids.models import Grid
from incidents.models import Category
from inspections.actions import LONGEST_TEXT
from inspections.querysets import grids_to_patrol
from members.forms import entry_fields, people_named
from members.permissions import enters_for_others

if TYPE_CHECKING:
    from gridgov.common.models import User

ENTERED = ("on_behalf_of", "channel")
MINUTES = "%Y-%m-%dT%H:%M"


class MomentField(forms.DateTimeField):
    """A day and time as the browser's own picker gives it, read in Asia/Shanghai."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=MINUTES)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(input_formats=[MINUTES], **kwargs)


class PatrolForm(forms.Form):
    grid: forms.ModelChoiceField[Grid] = forms.ModelChoiceField(
        queryset=None, label=_("Grid"), empty_label=None
    )
    started_at = MomentField(label=_("Began"))
    ended_at = MomentField(label=_("Ended"))
    note = forms.CharField(
        label=_("Note"), required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3})
    )
    client_uuid = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        now = clock.local(clock.now()).replace(second=0, microsecond=0)
        kwargs.setdefault(
            "initial", {"client_uuid": uuid.uuid4(), "started_at": now - timedelta(hours=1), "ended_at": now}
        )
        super().__init__(*args, **kwargs)
        self.fields["grid"].queryset = grids_to_patrol(user)  # type: ignore[attr-defined]
        self.people = people_named(user) if enters_for_others(user) else {}
        if self.people:
            entered = entry_fields(self.people)
            entered["on_behalf_of"].label = _("Patrolled by")
            self.fields |= {name: entered[name] for name in ENTERED}

    @property
    def own_fields(self) -> list[forms.BoundField]:
        return [field for field in self.visible_fields() if field.name not in ENTERED]

    @property
    def entered_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in ENTERED if name in self.fields]

    @property
    def is_entered(self) -> bool:
        return any(field.value() or field.errors for field in self.entered_fields)

    def refuse(self, error: DomainError) -> None:
        """Shows a refusal beside the fields it is about, or above the form."""
        beside = {name: texts for name, texts in error.errors.items() if name in self.fields}
        for name, texts in beside.items():
            for text in texts:
                self.add_error(name, text)
        if not beside:
            self.add_error(None, str(error.detail))


class FindingForm(forms.Form):
    text = forms.CharField(label=_("Finding"), required=False, max_length=LONGEST_TEXT)
    category: forms.ModelChoiceField[Category] = forms.ModelChoiceField(
        queryset=None, required=False, label=_("Report it as"), empty_label=_("only note it")
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        categories = Category.objects.visible_to(user).active()
        self.fields["category"].queryset = categories  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("category") and not cleaned.get("text"):
            self.add_error("text", _("Say what was found."))
        return cleaned


FindingFormSet = forms.formset_factory(FindingForm, extra=3, max_num=3)


def findings_of(formset: forms.BaseFormSet[FindingForm]) -> list[Mapping[str, Any]]:
    """The rows that say something."""
    return [
        {"text": row["text"], "category": row.get("category")}
        for row in formset.cleaned_data
        if row.get("text")
    ]
