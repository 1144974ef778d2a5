"""Papers of a case, to be printed: what stands in gridgov is filled in, what is written by hand has its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import segno
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from gridgov.common import audit
from gridgov.common.enums import AuditKind, FileKind
from gridgov.common.models import User
from grids.models import Grid, Township
from grids.querysets import lineage
from incidents.enums import CategoryKind, MediationOutcome
from incidents.models import Incident, Mediation, Requester, Transition
from incidents.permissions import may_see_requester
from incidents.views.scope import seen

FEWEST_PARTIES = 2  # lines to write on, where fewer are entered
SENT = ("dispatch", "hand_over")


@dataclass(frozen=True)
class Paper:
    """A paper of a matter, or of one mediation of it."""

    title: Promise
    template: str
    of_mediation: bool = False


PAPERS = {
    "dispatch": Paper(_("Dispatch slip"), "incidents/papers/dispatch.html"),
    "form": Paper(_("Register and handling form of a matter"), "incidents/papers/form.html"),
    "acceptance": Paper(_("Acceptance form of a dispute"), "incidents/papers/acceptance.html"),
    "record": Paper(_("Mediation record"), "incidents/papers/record.html", of_mediation=True),
    "agreement": Paper(
        _("People's mediation agreement"), "incidents/papers/agreement.html", of_mediation=True
    ),
}


@dataclass(frozen=True)
class Step:
    """A line of the single-case form: what was done, by whom, when."""

    label: Any
    text: str
    who: str
    at: datetime


# The lines of the single-case form, in order; each shows the last step of these actions.
LINES: tuple[tuple[Promise, tuple[str, ...]], ...] = (
    (_("Acceptance"), ("accept", "reject")),
    (_("Dispatch"), SENT),
    (_("Handling and result"), ("submit_result", "settle")),
    (_("Verification"), ("verify", "send_back")),
    (_("Feedback to the requester"), ("feed_back",)),
    (_("Return visit"), ("return_visit",)),
    (_("Closing"), ("close",)),
)


@login_required
@require_safe
def paper(request: HttpRequest, pk: UUID, name: str, mediation_pk: UUID | None = None) -> HttpResponse:
    """One paper, for whoever works on the matter: names and phones stand in it. That it was opened goes to the audit trail."""
    user: Any = request.user
    incident = seen(user, pk)
    kind = PAPERS.get(name)
    if (
        kind is None
        or kind.of_mediation is not (mediation_pk is not None)
        or not may_see_requester(user, incident)
    ):
        raise Http404
    mediation = None
    if mediation_pk is not None:
        mediation = get_object_or_404(
            Mediation.objects.select_related("entered_by"), pk=mediation_pk, incident=incident
        )
    if name not in papers_for(incident, mediation):
        raise Http404
    history = list(
        incident.history.standing().select_related("actor", "to_grid", "to_department").order_by("seq")
    )  # type: ignore[attr-defined]
    audit.record(
        AuditKind.EXPORT,
        user=user,
        request=request,
        subject=f"{incident.number} {kind.title}",
        township_code=incident.township_code,
        paper=name,
        number=mediation.number if mediation else incident.number,
    )
    context = {
        "incident": incident,
        "mediation": mediation,
        "title": kind.title,
        "office": _office(incident),
        "where": _where(incident),
        "requester": _requester(incident),
        "parties": parties_of(incident),
        "url": settings.PUBLIC_URL + reverse("incidents:detail", args=[incident.pk]),
        "qr": _qr(incident),
        **_of_history(history),
    }
    if name == "form":
        context |= {"steps": list(_steps(history)), "attached": _attached(incident)}
    return render(request, kind.template, context)


def papers_for(incident: Incident, mediation: Mediation | None = None) -> list[str]:
    """Which papers there are: a dispatch slip once it was sent to somebody, those of disputes for disputes."""
    if mediation is not None:
        return ["record", *(["agreement"] if mediation.outcome == MediationOutcome.WRITTEN else [])]
    names = ["form"]
    if Transition.objects.standing().filter(incident=incident, action__in=SENT).exists():
        names.insert(0, "dispatch")
    if incident.category.kind == CategoryKind.DISPUTE:
        names.append("acceptance")
    return names


def offered(user: User, incident: Incident) -> list[dict[str, Any]]:
    """The papers of the matter itself, as links of its page."""
    if not may_see_requester(user, incident):
        return []
    return [
        {"title": PAPERS[name].title, "url": reverse("incidents:paper", args=[incident.pk, name])}
        for name in papers_for(incident)
    ]


def parties_of(incident: Incident) -> list[Any]:
    """Who quarrels, with empty lines for those who are not entered."""
    if incident.category.kind != CategoryKind.DISPUTE:
        return []
    known: list[Any] = [party.shown(in_full=True) for party in incident.parties.all()]  # type: ignore[attr-defined]
    return [*known, *[None] * max(0, FEWEST_PARTIES - len(known))]


def _requester(incident: Incident) -> dict[str, Any]:
    """Who asked; who wants to stay unnamed does so on paper too."""
    asked: Requester | None = getattr(incident, "requester", None)
    return asked.shown(in_full=True) if asked else {}


def _office(incident: Incident) -> str:
    township = Township.objects.select_related("grid").get(pk=incident.township_code)
    return township.office_name or str(township.grid)


def _where(incident: Incident) -> str:
    names = Grid.objects.filter(pk__in=lineage(str(incident.grid_id))).order_by("code")
    return " ".join([*names.values_list("name", flat=True), incident.address]).strip()


def _qr(incident: Incident) -> str:
    url = settings.PUBLIC_URL + reverse("incidents:detail", args=[incident.pk])
    return str(segno.make(url, error="m").svg_data_uri(scale=4, border=2))


def _of_history(history: Iterable[Transition]) -> dict[str, Any]:
    """The last time it was sent to somebody, and what that unit answered since."""
    sent = answered = None
    for row in history:
        if row.action in SENT:
            sent, answered = row, None
        elif row.action in ("submit_result", "settle"):
            answered = row
    return {"sent": sent, "answered": answered}


def _steps(history: Iterable[Transition]) -> Iterable[Step]:
    last = {row.action: row for row in history}
    for label, actions in LINES:
        rows = [last[action] for action in actions if action in last]
        row = max(rows, key=lambda one: one.seq, default=None)
        if row is None:
            continue
        to = row.to_grid or row.to_department if row.action in SENT else None
        text = " ".join(filter(None, [f"→ {to}" if to else "", row.note]))
        yield Step(label, text, str(row.actor or ""), row.happened_at)


def _attached(incident: Incident) -> dict[str, int]:
    kinds = list(incident.uploads.values_list("kind", flat=True))  # type: ignore[attr-defined]
    photos = kinds.count(FileKind.PHOTO)
    return {"photos": photos, "files": len(kinds) - photos}
