"""What a person sees of the matters, and the lists of it.

One object by key: `visible_to` (places or parts). Lists: `page_for`, one indexed arm per place and per kind of part, the top
page of ids of each, UNION, then one fetch by id (rules.md, reading lists): never OR with EXISTS over a large table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef, Q, Subquery

from gridgov.common import clock
from gridgov.common.paging import PAGE_SIZE, Key, Page, order, page_of
from grids.enums import Verb
from grids.querysets import any_of, condition, next_code, places_of
from incidents.enums import Status
from incidents.steps import StepSpec, digits
from members.querysets import Standing, standing_of

if TYPE_CHECKING:
    from incidents.models import (
        AssistTask,
        Category,
        Incident,
        Part,
        PublicRequest,
        ServiceKey,
        Transition,
        Upload,
        WebhookTarget,
    )
    from members.models import Post

RELATED = (
    "grid",
    "category",
    "procedure",
    "responsible_grid",
    "responsible_department",
    "responsible_member",
    "reporter",
)


STILL_AFTER = 30  # days without a step after which a matter without a deadline lies still


@dataclass(frozen=True)
class ListFilters:
    """What a list may be narrowed by. `mine`: a unit I serve on answers, or assists. `q`: an exact number here."""

    status: str = ""
    category: str = ""
    grid: str = ""
    open: bool | None = None
    overdue: bool = False
    mine: bool = False
    mark: str = ""  # listed, supervised or accountable
    q: str = ""

    def on_row(self) -> Q:
        """The part that both incidents and parts carry in their own columns."""
        found = Q()
        if self.status:
            found &= Q(status=self.status)
        if self.open is not None:
            found &= Q(is_open=self.open)
        if self.overdue:
            found &= Q(is_late=True)
        if self.mark:
            found &= Q(**{f"is_{self.mark}": True})
        if self == ListFilters(category=self.category, grid=self.grid):
            found &= ~Q(status=Status.VOID)  # in a list of its own, by its state
        return found


MOST_CHANGES = 2000  # steps that one call looks at; who stayed away longer loads the list anew
OVERLAP = timedelta(seconds=60)  # a step may be written a little after its time


class Changes(NamedTuple):
    """`gone`: ids of what the user saw and may no longer see."""

    page: Page[Incident]
    gone: list[Any]


class IncidentQuerySet(models.QuerySet["Incident"]):
    def visible_to(self, user: Any) -> IncidentQuerySet:
        """By place or part, or because one's unit answers for it; for one object or a handful by key. The one rule of who
        sees which matter."""
        standing = standing_of(user)
        sight = any_of(places_of(user)[Verb.SEE])
        if standing.units:
            sight |= Q(responsible_grid__in=standing.units)
        for part in part_conditions(standing):
            sight |= Q(Exists(self._related("parts").filter(part, incident=OuterRef("pk"))))
        return self.filter(sight)

    def open(self) -> IncidentQuerySet:
        return self.filter(is_open=True)

    def unanswered(self) -> IncidentQuerySet:
        """Open, but whoever answers for it cannot act: no login, or one that is closed."""
        able = Q(responsible_member__is_active=True, responsible_member__user__is_active=True)
        return self.open().exclude(able)

    def lying_still(self, days: int = STILL_AFTER) -> IncidentQuerySet:
        """Open, without a deadline, and without any step for as many days. Annotated with `touched_at`."""
        before = clock.now() - timedelta(days=days)
        last = self._related("history").filter(incident=OuterRef("pk"), seq=OuterRef("version"))
        old = self.open().filter(due_at=None, reported_at__lt=before)
        return old.annotate(touched_at=Subquery(last.values("entered_at")[:1])).filter(touched_at__lt=before)

    def waiting_for(self, user: Any) -> IncidentQuerySet:
        """Open matters that a unit answers for which the user serves on. Index: responsible unit."""
        standing = standing_of(user)
        return self.open().filter(
            Q(responsible_grid__in=standing.units) | Q(responsible_department__in=standing.departments)
        )

    def for_list(self) -> IncidentQuerySet:
        return self.select_related(*RELATED).order_by("-reported_at", "-id")

    def numbered(self, number: str, townships: Iterable[str]) -> IncidentQuerySet:
        return self.filter(township_code__in=list(townships), number=number)

    def page_for(
        self, user: Any, filters: ListFilters | None = None, key: Key | None = None, size: int = PAGE_SIZE
    ) -> Page[Incident]:
        """One page of what the user may see, newest first: one query for the ids, one for the rows."""
        ids = self._ids(user, filters or ListFilters(), key, size + 1)
        backwards = key is not None and key.backwards
        rows = (
            self.visible_to(user)
            .filter(pk__in=ids)
            .select_related(*RELATED)
            .order_by(*order(backwards=backwards))
        )
        return page_of(list(rows), key, size)

    def changed_for(
        self, user: Any, since: datetime, key: Key | None = None, size: int = PAGE_SIZE
    ) -> Changes | None:
        """What changed since then, with a minute's overlap, and what the user may no longer see; four queries.

        Every change is a step of the history, so the history is asked. None: too much has changed, or the user's own posts
        have, so that only the whole list tells what there is.
        """
        if _posts_ended(user, since):
            return None
        steps = self._steps_since(user, since - OVERLAP)
        if len(steps) > MOST_CHANGES:
            return None
        ids = {step["incident_id"] for step in steps}
        visible = set(self.visible_to(user).filter(pk__in=ids).values_list("pk", flat=True))
        backwards = key is not None and key.backwards
        rows = self.filter(pk__in=visible).select_related(*RELATED).order_by(*order(backwards=backwards))
        page = page_of(list((rows.filter(key.condition()) if key else rows)[: size + 1]), key, size)
        seen = _was_seen_by(user)
        return Changes(page, sorted({step["incident_id"] for step in steps if seen(step)} - visible))

    def _steps_since(self, user: Any, since: datetime) -> list[dict[str, Any]]:
        towns = {place.code[:9] for place in places_of(user)[Verb.SEE]} | set(standing_of(user).townships)
        rows = self._related("history").filter(township_code__in=towns, entered_at__gte=since)
        columns = ("incident_id", "changed", "data", "from_grid_id", "from_department_id")
        return list(rows.order_by("entered_at").values(*columns)[: MOST_CHANGES + 1])

    def count_for(self, user: Any, filters: ListFilters | None = None, ceiling: int = 1000) -> int:
        """How many rows the list has; from `ceiling` on it answers `ceiling + 1` (shown as "1000+")."""
        return len(self._ids(user, filters or ListFilters(), None, ceiling + 1))

    def _ids(self, user: Any, filters: ListFilters, key: Key | None, size: int) -> list[Any]:
        backwards = key is not None and key.backwards
        tops = []
        for arm, pk in self._arms(user, filters):
            rows = arm.filter(key.condition(pk=pk)) if key else arm
            top = rows.order_by(*order(backwards=backwards, pk=pk)).values(pk)
            # a person may hold several parts in one matter: without DISTINCT the arm would be cut too early
            top = top if pk == "id" else top.values(pk, "reported_at").distinct()
            tops.append(self._bare().filter(pk__in=top[:size].values(pk)))
        if not tops:
            return []
        union = tops[0] if len(tops) == 1 else tops[0].union(*tops[1:])
        return [
            pk
            for pk, _ in union.order_by(*order(backwards=backwards)).values_list("id", "reported_at")[:size]
        ]

    def _arms(self, user: Any, filters: ListFilters) -> list[tuple[models.QuerySet[Any], str]]:
        """The querysets whose union is the list, each with the name of its incident column."""
        standing = standing_of(user)
        on_row = filters.on_row()
        if filters.category:
            found = self._related("category").filter(code=filters.category, township__in=standing.townships)
            on_row &= _one_or_many("category", list(found.values_list("pk", flat=True)))
        if filters.q:
            return [(self._bare().numbered(filters.q.strip(), standing.townships).filter(on_row), "id")]
        if filters.mine:
            columns = (("responsible_grid", standing.units), ("responsible_department", standing.departments))
            lead: list[tuple[models.QuerySet[Any], str]] = [
                (self._bare().filter(on_row, is_open=True, **{column: unit}), "id")
                for column, units in columns
                for unit in units
            ]
            return [*lead, (self._assisted_by(standing, filters, on_row), "id")] if lead else []
        places = places_of(user)[Verb.SEE]
        if filters.grid:
            places = self._related("grid").cut_down(places, filters.grid)
        arms: list[tuple[models.QuerySet[Any], str]] = [
            (self._bare().filter(condition(place), on_row), "id") for place in places
        ]
        for part in part_conditions(standing):
            rows = self._related("parts").filter(part, on_row)
            if filters.grid:
                rows = rows.filter(
                    incident__grid__gte=filters.grid, incident__grid__lt=next_code(filters.grid)
                )
            arms.append((rows, "incident_id"))
        return arms

    def _assisted_by(self, standing: Standing, filters: ListFilters, on_row: Q) -> IncidentQuerySet:
        """Where one's units have an open assisting task; late by its own clock."""
        tasks = self._related("assist_tasks").open().of(standing)
        if filters.overdue:
            tasks, on_row = tasks.filter(is_late=True), replace(filters, overdue=False).on_row()
        return self._bare().filter(on_row, pk__in=tasks.order_by().values("incident"))

    def _bare(self) -> IncidentQuerySet:
        """Unordered rows of the table: an arm's own order must not reach the union."""
        return self.model._default_manager.all().order_by()

    def _related(self, field: str) -> Any:
        """The rows of the model behind a field; models import this module, so it asks them through the field."""
        return self.model._meta.get_field(field).related_model._default_manager.all()  # type: ignore[union-attr]


def part_conditions(standing: Standing) -> list[Q]:
    """One condition per kind of part that gives sight: own parts, and those of one's departments."""
    own = [Q(member=standing.member.pk)] if standing.member else []
    return own + [Q(department=department) for department in standing.departments]


def _one_or_many(column: str, values: Sequence[Any]) -> Q:
    return Q(**{column: values[0]}) if len(values) == 1 else Q(**{f"{column}__in": values})


def _posts_ended(user: Any, since: datetime) -> bool:
    """Whether the user lost a post since then: what it gave sight of is gone as a whole."""
    member = standing_of(user).member
    if member is None:
        return False
    held = apps.get_model("members", "Appointment")._default_manager.filter(member=member)
    ended: bool = held.filter(until__gte=clock.local(since).date(), until__lte=clock.today()).exists()
    return ended


def _was_seen_by(user: Any) -> Callable[[Mapping[str, Any]], bool]:
    """Whether the step's matter lay, before the step, where the user sees: by its place then, or the unit that had it."""
    places, departments = places_of(user)[Verb.SEE], standing_of(user).departments

    def seen(step: Mapping[str, Any]) -> bool:
        before = step["changed"].get("fields", {})
        codes = (step["from_grid_id"], before.get("grid_id"), step["data"].get("old"))
        return step["from_department_id"] in departments or any(
            place.covers(str(code)) for code in codes if code for place in places
        )

    return seen


class AssistTaskQuerySet(models.QuerySet["AssistTask"]):
    def open(self) -> AssistTaskQuerySet:
        return self.filter(done_at=None)

    def open_in(self, incident: Incident) -> AssistTaskQuerySet:
        return (
            self.open().filter(incident=incident).select_related("grid", "department", "member", "asked_by")
        )

    def of(self, standing: Standing) -> AssistTaskQuerySet:
        """Of the units on which somebody serves."""
        return self.filter(Q(grid__in=standing.units) | Q(department__in=standing.departments))

    def for_list(self) -> AssistTaskQuerySet:
        """The most urgent first."""
        rows = self.select_related("incident", "grid", "department", "member")
        return rows.order_by(models.F("due_at").asc(nulls_last=True), "asked_at", "id")


class PartQuerySet(models.QuerySet["Part"]):
    def current(self) -> PartQuerySet:
        return self.filter(until=None)


class TransitionQuerySet(models.QuerySet["Transition"]):
    def standing(self) -> TransitionQuerySet:
        """Steps that count: neither undone, nor the undoing of another."""
        undone = self.model._default_manager.filter(incident=OuterRef("incident"), undoes=OuterRef("seq"))
        return self.filter(~Exists(undone), undoes=None)

    def passed_up(self) -> TransitionQuerySet:
        """To the level above; within its unit it passes only to other posts."""
        return self.standing().filter(action="escalate").exclude(from_grid=models.F("to_grid"))


def last_step(incident: Incident, action: str) -> Transition:
    """The latest step of this kind; of the steps that may come once at a time, the one in force."""
    row: Transition = incident.history.filter(action=action).select_related("actor").latest("seq")
    return row


class UploadQuerySet(models.QuerySet["Upload"]):
    def visible_to(self, user: Any) -> UploadQuerySet:
        """The files of what one sees, and one's own that still wait for their report."""
        incidents: Any = self.model._meta.get_field("incident").related_model
        seen = incidents._default_manager.filter(pk=OuterRef("incident")).visible_to(user)
        return self.filter(Q(Exists(seen)) | Q(incident=None, uploader=user.pk))


class CategoryQuerySet(models.QuerySet["Category"]):
    def active(self) -> CategoryQuerySet:
        return self.filter(is_active=True)

    def visible_to(self, user: Any) -> CategoryQuerySet:
        towns = standing_of(user).townships
        return self.filter(township__in=towns)


class WebhookTargetQuerySet(models.QuerySet["WebhookTarget"]):
    def hearing(self) -> dict[str, list[tuple[int, frozenset[str]]]]:
        """Township -> its active targets, each with the events it wants (none: all)."""
        found: dict[str, list[tuple[int, frozenset[str]]]] = {}
        for pk, town, events in self.filter(is_active=True).values_list("pk", "township", "events"):
            found.setdefault(town, []).append((pk, frozenset(events)))
        return found


class ServiceKeyQuerySet(models.QuerySet["ServiceKey"]):
    def valid(self) -> ServiceKeyQuerySet:
        return self.filter(revoked_at=None)


class PublicRequestQuerySet(models.QuerySet["PublicRequest"]):
    def of(self, township_code: str) -> PublicRequestQuerySet:
        """What the public may see of a township: what still counts, in categories that are still public."""
        shown = self.filter(township_code=township_code, incident__category__is_public=True)
        return shown.exclude(incident__status=Status.VOID)

    def for_list(self) -> PublicRequestQuerySet:
        related = (
            "incident__category",
            "incident__grid",
            "incident__responsible_grid",
            "incident__responsible_department",
        )
        return self.select_related(*related).order_by("-requested_at", "-incident")


def newest_step() -> datetime | None:
    """When the row of history that came in last was written."""
    rows = apps.get_model("incidents", "Transition")._default_manager.order_by("-pk")
    return rows.values_list("entered_at", flat=True).first()


def lost_by_renaming(post: Post, title: str) -> list[str]:
    """Procedures that count now and have a step of this post, known by its title, that does not know the new one."""
    rows = apps.get_model("incidents", "Procedure")._default_manager.filter(is_current=True)
    own = rows.filter(township=post.township_code).order_by("pk")
    return [
        str(row.name) for row in own if any(_knows_only_now(step, post, title) for step in row.spec.steps)
    ]


def _knows_only_now(step: StepSpec, post: Post, title: str) -> bool:
    here = digits(step.level) in (None, len(str(post.grid_id or "")))
    return here and post.title in step.posts and title not in step.posts
