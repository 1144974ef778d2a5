"""Admin pages of the grids room: names of grids by whoever manages them, the special days of a township's calendar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from gridgov.common.admin import Rows, ScopedAdmin, is_technical
from grids.actions import SpecialDay, change_calendar
from grids.enums import Verb
from grids.models import Calendar, CalendarDay, Grid
from grids.querysets import holds, managed_townships, places_of


class ManagedAdmin(ScopedAdmin):
    """For whoever manages a place."""

    def opens_to(self, user: Any) -> bool:
        return bool(places_of(user)[Verb.MANAGE])


class TownshipAdmin(ScopedAdmin):
    """What a township sets for itself: for its office, and for the technical administrator."""

    township_field = "township"

    def opens_to(self, user: Any) -> bool:
        return bool(managed_townships(user)) or is_technical(user)

    def seen_by(self, user: Any) -> Rows:
        rows = self.model._default_manager.all()
        return (
            rows
            if is_technical(user)
            else rows.filter(**{f"{self.township_field}__in": managed_townships(user)})
        )

    def may_change(self, user: Any, row: Any = None) -> bool:
        return True


@admin.register(Grid)
class GridAdmin(ManagedAdmin):
    """Code, kind and dates are never edited: they change by setting up and by succession."""

    list_display = ("code", "name", "kind", "use", "started_on", "ended_on")
    list_filter = ("kind", "use")
    search_fields = ("code", "name")
    ordering = ("code",)
    fields = list_display
    readonly_fields = ("code", "kind", "started_on", "ended_on")

    def seen_by(self, user: Any) -> Rows:
        return Grid.objects.visible_to(user, Verb.MANAGE)

    def may_change(self, user: Any, row: Any = None) -> bool:
        return row is None or holds(user, Verb.MANAGE, row.code)


@admin.register(CalendarDay)
class CalendarDayAdmin(TownshipAdmin):
    """Holidays and make-up days. Running deadlines do not move with them."""

    township_field = "calendar"
    list_display = ("day", "name", "working", "source", "calendar")
    list_filter = ("working",)
    list_select_related = ("calendar",)
    ordering = ("-day", "calendar")
    fields = ("calendar", "day", "name", "working", "source")

    def may_add(self, user: Any) -> bool:
        return True

    def choices(self, user: Any) -> Mapping[str, Rows]:
        own = Calendar.objects.all()
        return {"calendar": own if is_technical(user) else own.filter(pk__in=managed_townships(user))}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("calendar", "day") if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        day = SpecialDay(obj.day, obj.working, obj.name, obj.source, obj.table_year)
        change_calendar(township_code=obj.calendar_id, days=[day])
        obj.pk = CalendarDay.objects.get(calendar=obj.calendar_id, day=obj.day).pk
