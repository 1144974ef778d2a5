"""What the list of matters may be narrowed by, as it stands in the address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import Q
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gridgov.common import clock
from gridgov.common.paging import PAGE_SIZE, Key, Page, order, page_of
from grids.enums import Verb
from grids.models import Grid
from grids.querysets import places_of
from incidents.enums import Status
from incidents.models import Category, Incident
from incidents.querysets import IncidentQuerySet, ListFilters
from incidents.search.reading import Found, search
from incidents.search.words import LONGEST_QUESTION

if TYPE_CHECKING:
    from gridgov.common.models import User

CEILING = 1000
TODAY = "today"
SENT_AT_ONCE = {"data-submit-on-change": True}


class FilterForm(forms.Form):
    """Unknown values narrow by nothing. `due=today` is of what waits for one's own units."""

    status = forms.ChoiceField(label=gettext_lazy("State"), required=False, widget=forms.Select(SENT_AT_ONCE))
    category = forms.ChoiceField(
        label=gettext_lazy("Category"), required=False, widget=forms.Select(SENT_AT_ONCE)
    )
    grid = forms.ChoiceField(label=gettext_lazy("Grid"), required=False, widget=forms.Select(SENT_AT_ONCE))
    open = forms.BooleanField(
        label=gettext_lazy("open"), required=False, widget=forms.CheckboxInput(SENT_AT_ONCE)
    )
    overdue = forms.BooleanField(
        label=gettext_lazy("late"), required=False, widget=forms.CheckboxInput(SENT_AT_ONCE)
    )
    mine = forms.BooleanField(
        label=gettext_lazy("waits for me"), required=False, widget=forms.CheckboxInput(SENT_AT_ONCE)
    )
    mark = forms.ChoiceField(
        label=gettext_lazy("Marked"),
        required=False,
        choices=[
            ("", gettext_lazy("all")),
            ("listed", gettext_lazy("on the rectification list")),
            ("supervised", gettext_lazy("under supervision")),
            ("accountable", gettext_lazy("marked for accountability")),
        ],
        widget=forms.Select(SENT_AT_ONCE),
    )
    due = forms.ChoiceField(required=False, choices=[(TODAY, TODAY)], widget=forms.HiddenInput)
    q = forms.CharField(required=False, max_length=LONGEST_QUESTION, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict, *, user: User) -> None:
        super().__init__(data, auto_id="filter_%s")
        self.choose("status", _("all states"), Status.choices)
        categories = Category.objects.visible_to(user).active().values_list("code", "name")
        self.choose("category", _("all categories"), dict(categories).items())
        self.choose("grid", _("all grids"), _grids(user, data.get("grid", "")))
        self.full_clean()

    def choose(self, name: str, everything: str, choices: Any) -> None:
        self.fields[name].choices = [("", everything), *choices]  # type: ignore[attr-defined]

    @property
    def asked(self) -> dict[str, Any]:
        """What is really asked for, by name."""
        return {name: value for name, value in self.cleaned_data.items() if value}

    @property
    def filters(self) -> ListFilters:
        asked = dict(self.asked)
        asked.pop("due", None)
        return ListFilters(**{**asked, "open": True if asked.get("open") else None})

    def chips(self) -> Iterator[dict[str, str]]:
        """What is in force, each with the address without it."""
        for name, value in self.asked.items():
            yield {"label": self._words(name, value), "remove_url": self._without(name)}

    def _words(self, name: str, value: Any) -> str:
        if name == "due":
            return _("due today, waits for me")
        if name == "q":
            return _("“%(words)s”") % {"words": value}
        field = self.fields[name]
        return str(dict(field.choices)[value] if isinstance(field, forms.ChoiceField) else field.label)

    def _without(self, name: str) -> str:
        query = QueryDict(mutable=True)
        query.update(
            {key: "1" if value is True else value for key, value in self.asked.items() if key != name}
        )
        return f"?{query.urlencode()}" if query else "?"


def _grids(user: User, asked: str) -> list[tuple[str, str]]:
    """The level below one's places, and the one that is asked for if it lies deeper."""
    tops = [place.code for place in places_of(user)[Verb.SEE]]
    wanted = Q(parent__in=tops) | Q(pk__in=tops) | Q(pk=asked)
    rows = Grid.objects.visible_to(user).filter(wanted).order_by("code")
    return list(rows.values_list("code", "name"))


def found_by_words(user: User, form: FilterForm, key: Key | None) -> Found | None:
    """What the words in the search box find; None where nothing was asked in words."""
    words = form.asked.get("q")
    return search(user, form.filters, key) if words and form.asked.get("due") != TODAY else None


def page_asked(user: User, form: FilterForm, key: Key | None) -> Page[Incident]:
    if form.asked.get("due") == TODAY:
        return _page_of_today(user, form, key)
    return Incident.objects.page_for(user, form.filters, key)


def count_asked(user: User, form: FilterForm) -> int:
    """Up to CEILING exactly, one more where there are more."""
    if form.asked.get("due") == TODAY:
        return _today(user, form).order_by()[: CEILING + 1].count()
    return Incident.objects.count_for(user, form.filters, CEILING)


def _today(user: User, form: FilterForm) -> IncidentQuerySet:
    """What waits for one's units and is due from now to the end of the day: what the desk counts."""
    end = clock.start_of(clock.today() + timedelta(days=1))
    rows = Incident.objects.waiting_for(user).filter(due_at__gte=clock.now(), due_at__lte=end)
    return rows.filter(form.filters.on_row())


def _page_of_today(user: User, form: FilterForm, key: Key | None) -> Page[Incident]:
    rows = _today(user, form).for_list()
    if key is not None:
        rows = rows.filter(key.condition())
    rows = rows.order_by(*order(backwards=key is not None and key.backwards))
    return page_of(list(rows[: PAGE_SIZE + 1]), key, PAGE_SIZE)


def counted(count: int) -> Mapping[str, Any]:
    """For the chips: the number, or that there are more than are counted."""
    return {"count": None, "more_than": CEILING} if count > CEILING else {"count": count, "more_than": None}
