"""What forms of several rooms share."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _

from gridgov.common.errors import DomainError

MINUTES = "%Y-%m-%dT%H:%M"


class MomentField(forms.DateTimeField):
    """A day and time as the browser's own picker gives it, read in Asia/Shanghai."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=MINUTES)

    def __init__(self, **options: Any) -> None:
        super().__init__(input_formats=[MINUTES, f"{MINUTES}:%S"], **options)


class FilesInput(forms.FileInput):
    """Chosen files, and the ids of those that the page's script has already sent (components/drop.html)."""

    allow_multiple_selected = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[Any]:
        chosen = files.getlist(name) if hasattr(files, "getlist") else list(files.get(name) or ())
        sent = (
            data.getlist(f"{name}_sent") if hasattr(data, "getlist") else list(data.get(f"{name}_sent") or ())
        )
        return [*chosen, *sent]


class FilesField(forms.FileField):
    """Several files at once; always a list of files and of ids. What they are is asked when they are kept.

    `url`: where the script sends one file; `kept`: what has arrived, as components/drop.html shows it.
    """

    widget = FilesInput(
        attrs={
            "multiple": True,
            "accept": "image/jpeg,image/png,image/webp,image/heic,image/heif,.heic,.pdf,.docx,.xlsx,.mp4,.m4a,.amr",
        }
    )

    def __init__(self, *, url: Any, most: int, **options: Any) -> None:
        self.url, self.most, self.kept = url, most, list[dict[str, str]]()
        self.most_bytes = settings.UPLOAD_MAX_BYTES
        super().__init__(**options)

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        given = [data] if data and not isinstance(data, list) else data or []
        if not given and self.required:
            raise forms.ValidationError(self.error_messages["required"], code="required")
        if len(given) > self.most:
            raise forms.ValidationError(_("At most %(most)s files at once.") % {"most": self.most})
        return [self._one(one, initial) for one in given]

    def _one(self, given: Any, initial: Any) -> Any:
        if not isinstance(given, str):
            return super().clean(given, initial)
        try:
            return UUID(given)
        except ValueError as error:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error


def show_refusal(form: forms.BaseForm, error: DomainError) -> None:
    """A refusal beside the fields it is about, or above the form."""
    beside = {name: texts for name, texts in error.errors.items() if name in form.fields}
    for name, texts in beside.items():
        for text in texts:
            form.add_error(name, str(text))
    if not beside:
        form.add_error(None, str(error.detail))
