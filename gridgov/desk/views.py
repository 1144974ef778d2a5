"""Pages that gather from several rooms: the desk, the audit trail, logging in and what goes wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from axes.helpers import get_cool_off
from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe
from knox.models import AuthToken

from gridgov.common import audit, clock, clockguard
from gridgov.common.admin import is_technical
from gridgov.common.enums import AuditKind
from gridgov.common.pages import key_asked, page_url
from gridgov.common.paging import PAGE_SIZE, order, page_of
from gridgov.desk.neglected import MOST, counts_of, empty_posts, lying_still, towns_to_watch, unanswered
from gridgov.desk.querysets import audit_trail_of
from gridgov.desk.sections import sections_of
from gridgov.plans import first_run
from grids.enums import Verb
from grids.models import Township
from grids.querysets import places_of
from incidents.querysets import STILL_AFTER


@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    """Where everybody begins; in an empty installation with setting it up."""
    if not request.user.is_authenticated:
        return redirect("setup") if first_run.is_open() else redirect_to_login(request.get_full_path())
    if is_technical(request.user) and not Township.objects.exists():
        return redirect("setup_township")
    return render(request, "desk/desk.html", sections_of(request.user))  # type: ignore[arg-type]


@login_required
@require_safe
def audit_trail(request: HttpRequest) -> HttpResponse:
    """Logins, reveals, exports and settings of the townships one audits."""
    if not places_of(request.user)[Verb.AUDIT]:
        raise Http404
    key = key_asked(request)
    rows = audit_trail_of(request.user)  # type: ignore[arg-type]
    if key is not None:
        rows = rows.filter(key.condition(at="at"))
    rows = rows.order_by(*order(backwards=key is not None and key.backwards, at="at"))
    page = page_of(list(rows[: PAGE_SIZE + 1]), key, PAGE_SIZE, at="at")
    context = {
        "page": page,
        "next": page_url(request, page.next),
        "previous": page_url(request, page.previous),
    }
    return render(request, "desk/audit.html", context)


@login_required
@require_safe
def neglected(request: HttpRequest) -> HttpResponse:
    """What nobody able answers for, and what lies still: for whoever looks after the whole township."""
    towns = towns_to_watch(request.user)
    if not towns:
        raise Http404
    context = {
        "posts": empty_posts(towns),
        "unanswered": unanswered(towns),
        "still": lying_still(towns),
        "counts": counts_of(towns),
        "most": MOST,
        "days": STILL_AFTER,
    }
    return render(request, "desk/neglected.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def system_time(request: HttpRequest) -> HttpResponse:
    """Where the technical administrator confirms that the system time is right although later ones are recorded."""
    user: Any = request.user
    if not is_technical(user):
        raise Http404
    if request.method == "POST":
        later = clockguard.confirm(by=user.username)
        audit.record(
            AuditKind.SETTINGS,
            user=user,
            subject="clock",
            request=request,
            what="confirmed",
            later=later.isoformat() if later else "",
        )
        messages.success(request, _("The system time is confirmed; writing goes on."))
        return redirect("clock")
    context = {"now": clock.now(), "later": clockguard.written_later()}
    return render(request, "desk/clock.html", context)


class Login(auth_views.LoginView):
    template_name = "login.html"
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return redirect("setup") if first_run.is_open() else super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **extra: Any) -> dict[str, Any]:
        return super().get_context_data(first_run=not Township.objects.exists(), **extra)


class PasswordChange(auth_views.PasswordChangeView):
    """A new password ends the person's API tokens too: one of them may be why it is changed."""

    template_name = "desk/password.html"
    success_url = reverse_lazy("desk")

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        form.user.must_change_password = False
        form.user.save(update_fields=["must_change_password"])
        AuthToken.objects.filter(user=self.request.user).delete()
        audit.record(AuditKind.PEOPLE, user=self.request.user, subject="password", request=self.request)
        messages.success(self.request, _("Your password is changed; other devices must log in again."))
        return response


def locked_out(request: HttpRequest, _response: Any = None, _credentials: Any = None) -> HttpResponse:
    """Too many wrong passwords: says when to try again."""
    wait = get_cool_off(request) or timedelta(minutes=15)
    context = {"until": clock.now() + wait, "minutes": int(wait.total_seconds() // 60)}
    response = render(request, "desk/locked.html", context, status=429)
    response["Retry-After"] = str(int(wait.total_seconds()))
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "400.html", status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Without context processors: they may be what failed."""
    text = render_to_string("500.html", {"request_id": getattr(request, "request_id", "")})
    return HttpResponse(text, status=500)
