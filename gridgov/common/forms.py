"""What forms of several rooms share."""

from __future__ import annotations

from typing import Any

from django import forms

from gridgov.common.errors import DomainError

MINUTES = "%Y-%m-%dT%H:%M"


class MomentField(forms.DateTimeField):
    """A day and time as the browser's own picker gives it, read in Asia/Shanghai."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=MINUTES)

    def __init__(self, **options: Any) -> None:
        super().__init__(input_formats=[MINUTES, f"{MINUTES}:%S"], **options)


class PhotosInput(forms.FileInput):
    allow_multiple_selected = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[Any]:
        return files.getlist(name) if hasattr(files, "getlist") else list(files.get(name) or ())


class PhotosField(forms.FileField):
    """Several photos at once; always a list. Whether they are photos is asked when they are kept."""

    widget = PhotosInput(
        attrs={"multiple": True, "accept": "image/jpeg,image/png,image/webp", "data-preview": True}
    )

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = [data] if data and not isinstance(data, list) else data or []
        if not files and self.required:
            raise forms.ValidationError(self.error_messages["required"], code="required")
        return [super(PhotosField, self).clean(file, initial) for file in files]


def show_refusal(form: forms.BaseForm, error: DomainError) -> None:
    """A refusal beside the fields it is about, or above the form."""
    beside = {name: texts for name, texts in error.errors.items() if name in form.fields}
    for name, texts in beside.items():
        for text in texts:
            form.add_error(name, str(text))
    if not beside:
        form.add_error(None, str(error.detail))
