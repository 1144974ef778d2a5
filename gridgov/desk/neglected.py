"""What nobody able answers for, and what lies still: the township's daily list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from grids.enums import Kind, Verb
from grids.querysets import places_of
from incidents.models import Incident
from members.models import Appointment, Post

MOST = 100


def towns_to_watch(user: Any) -> list[str]:
    """Townships that the user co-ordinates or supervises as a whole."""
    places = places_of(user)
    held = [*places[Verb.COORDINATE], *places[Verb.SUPERVISE]]
    return sorted({place.code for place in held if place.kind == Kind.TOWNSHIP})


@dataclass(frozen=True)
class Counts:
    """How long each of the three lists is."""

    posts: int
    unanswered: int
    still: int

    def __bool__(self) -> bool:
        return bool(self.posts or self.unanswered or self.still)


def counts_of(towns: Sequence[str]) -> Counts:
    """Three queries."""
    open_ones = Incident.objects.filter(township_code__in=towns).order_by()
    return Counts(
        Post.objects.filter(township_code__in=towns).without_holder().count(),
        open_ones.unanswered().count(),
        open_ones.lying_still().count(),
    )


@dataclass(frozen=True)
class EmptyPost:
    """A post without anybody able. `held_by`: who holds it and cannot act; empty: vacant."""

    post: Post
    held_by: str
    meanwhile: Appointment | None
    open: int


def empty_posts(towns: Sequence[str]) -> list[EmptyPost]:
    """Four queries, however many posts."""
    rows = Post.objects.filter(township_code__in=towns).without_holder()
    posts = list(rows.select_related("grid", "department").order_by("township_code", "grid", "id")[:MOST])
    held = Appointment.objects.current().filter(post__in=posts).select_related("member")
    names = {row.post_id: str(row.member) for row in held.order_by("is_main", "-since")}
    holders = Appointment.objects.responsible_for_all([post.grid_id or post.township_code for post in posts])
    open_ones = Incident.objects.open().filter(township_code__in=towns).order_by()
    counted = open_ones.values_list("responsible_grid", "responsible_department").annotate(n=Count("pk"))
    waiting = {(grid, department): n for grid, department, n in counted}
    return [
        EmptyPost(
            post,
            names.get(post.pk, ""),
            holders.get(str(post.grid_id or post.township_code)),
            waiting.get((post.grid_id, post.department_id), 0),
        )
        for post in posts
    ]


def unanswered(towns: Sequence[str]) -> list[Incident]:
    rows = Incident.objects.filter(township_code__in=towns).unanswered().for_list()
    return list(rows.order_by("reported_at", "id")[:MOST])


def lying_still(towns: Sequence[str]) -> list[Incident]:
    """The oldest first, each with the moment of its last step (`touched_at`)."""
    rows = Incident.objects.filter(township_code__in=towns).lying_still().for_list()
    return list(rows.order_by("reported_at", "id")[:MOST])
