"""A category of the township: what it is called, which way it goes, and the clause behind it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gridgov.common.admin import ActionForm
from incidents.spec_form import CodeField, clause_field


class CategoryForm(ActionForm):
    code = CodeField()
    position = forms.IntegerField(
        label=gettext_lazy("Place in lists"),
        min_value=0,
        max_value=32767,
        required=False,
        help_text=gettext_lazy("Categories are offered in this order, the smallest number first."),
    )

    class Meta:
        labels = {"township": gettext_lazy("township")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["rule_id"] = clause_field(self._township(), self.instance.rule_id)
        chosen: Any = self.fields["procedure"]
        chosen.label_from_instance = lambda row: f"{row} · {row.code}"  # two may have one name
        if self.instance.procedure_id:
            page = reverse("admin:incidents_procedure_change", args=[self.instance.procedure_id])
            chosen.help_text = format_html('<a href="{}">{}</a>', page, self.instance.procedure)

    def _township(self) -> str | None:
        """The one it is about, as far as that is known before anything is chosen."""
        if self.instance.pk:
            return str(self.instance.township_id)
        towns: Any = self.fields["township"]
        only = list(towns.queryset[:2])
        return str(only[0].pk) if len(only) == 1 else None

    def clean_position(self) -> int:
        given: int | None = self.cleaned_data["position"]
        return self.instance.position if given is None else given

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        township = cleaned.get("township") or (self.instance.pk and self.instance.township)
        procedure = cleaned.get("procedure")
        if township and procedure and procedure.township_id != township.pk:
            self.add_error("procedure", _("This procedure is of another township."))
        return cleaned
