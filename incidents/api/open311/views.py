"""services, requests, tokens. What is public: categories that the township opened, and what was reported through here.

Never who asked; of the description what leads to no person; the place to about a hundred metres.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import wraps
from typing import Any

from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from gridgov.common import clock
from gridgov.common.api.parsing import unstorable
from gridgov.common.api.throttles import Window
from gridgov.common.errors import DomainError
from grids.models import Grid
from incidents.actions.public import call_of, hashed, report_public
from incidents.api.open311.rendering import answer, masked
from incidents.models import Category, PublicRequest, ServiceKey, Transition
from incidents.models.incident import MEDIA_URL

SPAN = timedelta(days=90)
MOST = 1000
View = Callable[..., HttpResponse]
# Steps that the public hears of, in the history of `extensions=true`; words that somebody wrote stay inside.
PUBLIC_STEPS = (
    "report",
    "accept",
    "reject",
    "dispatch",
    "start",
    "submit_result",
    "verify",
    "close",
    "reopen",
    "settle",
)


class Refused(Exception):
    """An answer of the protocol: status and sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class OutsideThrottle(Window):
    """Per address; nobody here has a login."""

    scope = "open311"


def protocol(view: View) -> View:
    """Refusals in the form of the protocol; not too often."""

    @wraps(view)
    def wrapped(request: HttpRequest, form: str, **named: Any) -> HttpResponse:
        try:
            throttle: Any = OutsideThrottle()
            if not throttle.allow_request(request, None):
                raise Refused(429, _("Too many requests; wait a moment."))
            return view(request, form, **named)
        except Refused as error:
            found = [{"code": error.status, "description": error.text}]
            status = error.status
        except DomainError as error:
            texts = [str(text) for beside in error.errors.values() for text in beside] or [str(error.detail)]
            found = [{"code": error.status, "description": text} for text in texts]
            status = error.status
        return answer("errors", found, form, status)

    return wrapped


# --- services ----------------------------------------------------------------------------------------------------


@require_safe
@protocol
def service_list(request: HttpRequest, form: str) -> HttpResponse:
    rows = public_categories(_township(request)).order_by("position", "code")
    return answer("services", [_listed_category(row) for row in rows], form)


@require_safe
@protocol
def service_definition(request: HttpRequest, form: str, code: str) -> HttpResponse:
    """No category asks for more than the fields that every report has."""
    category = _category(_township(request), code)
    return answer("service_definition", {"service_code": category.code, "attributes": []}, form)


def public_categories(township_code: str) -> Any:
    return Category.objects.active().filter(township=township_code, is_public=True)


def _listed_category(row: Category) -> dict[str, Any]:
    return {
        "service_code": row.code,
        "service_name": row.name,
        "description": row.public_note,
        "metadata": False,
        "type": "realtime",
        "keywords": "",
        "group": row.get_kind_display(),
    }


def _category(township_code: str, code: str) -> Category:
    found: Category | None = (
        public_categories(township_code).select_related("procedure").filter(code=code).first()
    )
    if found is None:
        raise Refused(404, _("There is no such service_code here."))
    return found


def _township(request: HttpRequest) -> str:
    """The one asked for; without a question the only one there is."""
    asked = request.POST.get("jurisdiction_id", "") or request.GET.get("jurisdiction_id", "")
    rows = Category.objects.active().filter(is_public=True).order_by()
    if asked:
        if not rows.filter(township=asked).exists():
            raise Refused(404, _("There is no such jurisdiction_id here."))
        return asked
    towns = list(rows.values_list("township", flat=True).distinct()[:2])
    if not towns:
        raise Refused(404, _("No township is open to the public here."))
    if len(towns) > 1:
        raise Refused(400, _("Say which jurisdiction_id."))
    return str(towns[0])


# --- requests ----------------------------------------------------------------------------------------------------


def requests(request: HttpRequest, form: str) -> HttpResponse:
    return _report(request, form) if request.method == "POST" else _requests(request, form)


requests = csrf_exempt(requests)  # other systems have no session; the key is what lets them in


@require_safe
@protocol
def _requests(request: HttpRequest, form: str) -> HttpResponse:
    town = _township(request)
    rows = PublicRequest.objects.of(town).for_list()
    numbers = _listed(request, "service_request_id")
    rows = rows.filter(incident__number__in=numbers) if numbers else _narrowed(request, rows)
    page, size = _number(request, "page", 1), min(_number(request, "page_size", MOST), MOST)
    found = list(_with_change(rows)[(page - 1) * size : page * size + 1])
    response = answer("service_requests", _described(request, found[:size]), form)
    response["X-Page"], response["X-Page-Size"] = page, size
    links = [(page - 1, "prev", page > 1), (page + 1, "next", len(found) > size)]
    response["Link"] = ", ".join(f'<{_page(request, at)}>; rel="{rel}"' for at, rel, there in links if there)
    return response


@require_safe
@protocol
def one_request(request: HttpRequest, form: str, number: str) -> HttpResponse:
    rows = PublicRequest.objects.of(_township(request)).for_list().filter(incident__number=number)
    found = list(_with_change(rows)[:1])
    if not found:
        raise Refused(404, _("There is no such service_request_id here."))
    return answer("service_requests", _described(request, found), form)


@require_safe
@protocol
def token(request: HttpRequest, form: str, token: str) -> HttpResponse:
    """Numbers are given at once, so a token is never given; the number itself is taken as one."""
    rows = PublicRequest.objects.of(_township(request)).filter(incident__number=token)
    if not rows.exists():
        raise Refused(404, _("There is no such token here."))
    return answer("service_requests", [{"service_request_id": token, "token": token}], form)


def _narrowed(request: HttpRequest, rows: Any) -> Any:
    codes, states = _listed(request, "service_code"), _listed(request, "status")
    begin, end = _moment(request, "start_date"), _moment(request, "end_date")
    end = end or (begin + SPAN if begin else clock.now())
    begin = begin or end - SPAN
    if end - begin > SPAN:
        raise Refused(400, _("From start_date to end_date it may be 90 days at most."))
    rows = rows.filter(requested_at__gte=begin, requested_at__lte=end)
    if codes:
        rows = rows.filter(incident__category__code__in=codes)
    if states:
        if not {"open", "closed"}.issuperset(states):
            raise Refused(400, _("status is open or closed."))
        rows = rows.filter(incident__is_open__in=[state == "open" for state in states])
    return rows


def _with_change(rows: Any) -> Any:
    last = Transition.objects.filter(incident=OuterRef("incident"), seq=OuterRef("incident__version"))
    return rows.annotate(changed_at=Subquery(last.values("entered_at")[:1]))


def _described(request: HttpRequest, rows: list[Any]) -> list[dict[str, Any]]:
    found = [_request(row) for row in rows]
    if request.GET.get("extensions") != "true":
        return found
    notes: dict[Any, list[dict[str, Any]]] = {}
    steps = Transition.objects.filter(incident__in=[row.pk for row in rows], action__in=PUBLIC_STEPS)
    for step in steps.order_by("incident", "seq"):
        note = {"datetime": step.entered_at, "type": step.action, "description": step.get_to_status_display()}
        notes.setdefault(step.incident_id, []).append(note)
    for row, shown in zip(rows, found, strict=True):
        shown["extended_attributes"] = {
            "state": str(row.incident.status),
            "grid": row.incident.grid.name,
            "grid_code": row.incident.grid_id,
        }
        shown["notes"] = notes.get(row.pk, [])
    return found


def _request(row: Any) -> dict[str, Any]:
    incident = row.incident
    return {
        "service_request_id": incident.number,
        "status": "open" if incident.is_open else "closed",
        "status_notes": incident.get_status_display(),
        "service_name": incident.category.name,
        "service_code": incident.category.code,
        "description": masked(incident.description),
        "agency_responsible": str(incident.unit or ""),
        "service_notice": None,
        "requested_datetime": row.requested_at,
        "updated_datetime": row.changed_at or row.requested_at,
        "expected_datetime": incident.due_at if incident.is_open else None,
        "address": masked(incident.address),
        "address_id": incident.grid_id,
        "zipcode": None,
        "lat": _rough(incident.latitude),
        "long": _rough(incident.longitude),
        "media_url": None,
    }


def _rough(degrees: Decimal | None) -> float | None:
    return float(round(degrees, 3)) if degrees is not None else None


# --- reporting ---------------------------------------------------------------------------------------------------


@require_POST
@protocol
def _report(request: HttpRequest, form: str) -> HttpResponse:
    if request.content_type != "application/x-www-form-urlencoded":
        raise Refused(400, _("Send application/x-www-form-urlencoded."))
    key = _key(request)
    given: dict[str, str] = {name: request.POST[name].strip() for name in request.POST}
    if list(unstorable(given)):
        raise Refused(400, _("The text contains characters or numbers that cannot be stored."))
    code = given.get("service_code", "")
    if not code:
        raise Refused(400, _("service_code is missing."))
    category = _category(str(key.township_id), code)
    arguments = _arguments(given, key)
    said = request.headers.get("Idempotency-Key") or f"{clock.today()}:{sorted(given.items())}"
    made = report_public(key=key, call=call_of(key, said), category=category, **arguments)
    shown = {
        "service_request_id": made.incident.number,
        "service_notice": category.public_note,
        "account_id": None,
    }
    return answer("service_requests", [shown], form, 201)


def _key(request: HttpRequest) -> ServiceKey:
    """The key says for which township; a jurisdiction_id beside it must be the same."""
    text = request.POST.get("api_key", "")
    rows = ServiceKey.objects.valid().select_related("township")
    key: ServiceKey | None = rows.filter(digest=hashed(text)).first() if text else None
    if key is None:
        raise Refused(403, _("The api_key is missing or not valid."))
    asked = request.POST.get("jurisdiction_id", "")
    if asked and asked != key.township_id:
        raise Refused(404, _("There is no such jurisdiction_id here."))
    return key


def _arguments(given: Mapping[str, str], key: ServiceKey) -> dict[str, Any]:
    point = {"latitude": _degrees(given, "lat", 90), "longitude": _degrees(given, "long", 180)}
    if (point["latitude"] is None) != (point["longitude"] is None):
        raise Refused(400, _("lat and long belong together."))
    address, unit = given.get("address_string", ""), given.get("address_id", "")
    if point["latitude"] is None and not address and not unit:
        raise Refused(400, _("Say where: lat and long, address_string or address_id."))
    description = given.get("description", "")
    if not description:
        raise Refused(400, _("description is missing."))
    limits = {
        "description": 4000,
        "address_string": 120,
        "phone": 30,
        "first_name": 20,
        "last_name": 20,
        "media_url": 500,
    }
    for name, most in limits.items():
        if len(given.get(name, "")) > most:
            raise Refused(
                400, _("%(name)s is longer than %(most)s characters.") % {"name": name, "most": most}
            )
    name, phone = given.get("last_name", "") + given.get("first_name", ""), given.get("phone", "")
    asked = (
        {"requester": {"name": name, "phone": phone, "wants_feedback": bool(phone)}} if name or phone else {}
    )
    extra = {"extra": {MEDIA_URL: given[MEDIA_URL]}} if given.get(MEDIA_URL) else {}
    return {
        "description": description,
        "grid": _grid(unit, key),
        "address": address,
        **point,
        **asked,
        **extra,
    }


def _grid(code: str, key: ServiceKey) -> Grid:
    """A grid of the township by its code, else the township itself."""
    wanted = code or str(key.township_id)
    grid = Grid.objects.active().filter(pk=wanted, township_code=key.township_id).first()
    if grid is None:
        raise Refused(400, _("There is no such address_id here."))
    return grid


def _degrees(given: Mapping[str, str], name: str, most: int) -> Decimal | None:
    text = given.get(name, "")
    if not text:
        return None
    try:
        value = Decimal(text)
    except ArithmeticError:
        value = Decimal("NaN")
    if not value.is_finite() or abs(value) > most:
        raise Refused(400, _("%(name)s is no number of degrees.") % {"name": name})
    return value.quantize(Decimal("0.000001"))


# --- what is asked -----------------------------------------------------------------------------------------------


def _listed(request: HttpRequest, name: str) -> list[str]:
    return [part.strip() for part in request.GET.get(name, "").split(",") if part.strip()][:MOST]


def _number(request: HttpRequest, name: str, usual: int) -> int:
    text = request.GET.get(name, "") or str(usual)
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0 and len(text) < 8):
        raise Refused(400, _("%(name)s is a number from 1.") % {"name": name})
    return int(text)


def _moment(request: HttpRequest, name: str) -> datetime | None:
    text = request.GET.get(name, "").replace(" ", "+")  # a plus sign that nobody escaped
    if not text:
        return None
    try:
        at = parse_datetime(text)
        day = parse_date(text) if at is None else None
    except ValueError:
        at = day = None
    if at is None and day is not None:
        at = clock.start_of(day)
    if at is None or at.tzinfo is None or not 2000 <= at.year <= 2100:
        raise Refused(
            400, _("%(name)s is a time with its offset, as in 2026-11-23T09:00:00+08:00.") % {"name": name}
        )
    return at


def _page(request: HttpRequest, page: int) -> str:
    query = request.GET.copy()
    query["page"] = str(page)
    return f"{request.path}?{query.urlencode()}"
