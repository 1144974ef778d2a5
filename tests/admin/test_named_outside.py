"""Whatever a form of the admin pages lets one name lies within scope: every field that names a row, of every form."""

from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.test import RequestFactory

from grids.models import Grid
from tests.factories import fresh, township

STAFF = ("clerk", "village_head", "admin")
# The technical administrator looks after every township: names grids and people, never a matter.
ALL_TOWNS = {"admin"}


def named_fields(request: Any) -> dict[tuple[str, str], forms.ModelChoiceField]:
    """(model, field) of every form of a page that this person may add to or change."""
    found: dict[tuple[str, str], forms.ModelChoiceField] = {}
    for model, pages in admin.site._registry.items():
        if not (pages.has_add_permission(request) or pages.has_change_permission(request)):
            continue
        fields = [
            name
            for name in flatten_fieldsets(pages.get_fieldsets(request))
            if name not in pages.get_readonly_fields(request)
        ]
        form = pages.get_form(request, None, fields=fields)
        for name, field in form.base_fields.items():
            if isinstance(field, forms.ModelChoiceField):
                found[model._meta.label_lower, name] = field
    return found


def town_of(row: Any) -> str:
    if isinstance(row, Grid):
        return row.township_code
    if getattr(row, "township_code", ""):
        return str(row.township_code)
    return str(getattr(row, "township_id", "") or "")


@pytest.mark.parametrize("who", STAFF)
def test_no_form_offers_a_row_of_another_township(db, who):
    town, other = township(), township("320371102", name="邻镇")
    request = RequestFactory().get("/admin/")
    request.user = fresh(getattr(town, who))
    fields = named_fields(request)
    assert fields, "no form names anything: then this test proves nothing"
    outside = {
        key: [str(row) for row in field.queryset if town_of(row) == other.code][:3]
        for key, field in fields.items()
    }
    if who not in ALL_TOWNS:
        assert {key: rows for key, rows in outside.items() if rows} == {}
    assert not {field.queryset.model._meta.model_name for field in fields.values()} & {"incident", "party"}


def test_village_head_names_nobody_and_nothing_of_the_next_village(db):
    town = township()
    request = RequestFactory().get("/admin/")
    request.user = fresh(town.village_head)
    beyond = {}
    for key, field in named_fields(request).items():
        codes = [str(getattr(row, "village_code", "") or getattr(row, "code", "")) for row in field.queryset]
        if field.queryset.model is Grid:
            beyond[key] = [code for code in codes if code.startswith(town.villages[1].code)]
    assert beyond
    assert not any(beyond.values()), beyond
