"""The inbox, and one's own leave."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gridgov.common import audit, clock, keeping
from gridgov.common.answers import lines, workbook
from gridgov.common.enums import AuditKind
from gridgov.common.errors import DomainError, NotVisible
from gridgov.common.forms import show_refusal
from gridgov.common.pages import key_asked, page_url
from gridgov.common.paging import PAGE_SIZE, order, page_of
from gridgov.common.xlsx import LIMITS, write_errors
from grids.models import Township
from grids.querysets import managed_townships
from members.actions import change_duty, end_leave, enter_roster, enter_shifts, mark_read, take_leave
from members.exports import write_roster
from members.forms import DutyPhoneForm, LeaveForm, RosterFileForm, RosterForm
from members.imports import COLUMNS, RosterFile, read_roster
from members.models import InboxMessage, Leave, Shift
from members.querysets import emergency_numbers, national_numbers, standing_of

MOST_LEAVES = 20


@login_required
@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """One's messages, newest first."""
    key = key_asked(request)
    rows = InboxMessage.objects.visible_to(request.user)
    if key is not None:
        rows = rows.filter(key.condition(at="created_at"))
    rows = rows.order_by(*order(backwards=key is not None and key.backwards, at="created_at"))
    page = page_of(list(rows[: PAGE_SIZE + 1]), key, PAGE_SIZE, at="created_at")
    context = {
        "page": page,
        "next": page_url(request, page.next),
        "previous": page_url(request, page.previous),
    }
    return render(request, "members/inbox.html", context)


@login_required
@require_POST
def open_message(request: HttpRequest, pk: int) -> HttpResponse:
    """Marks it as read and goes where it points."""
    user: Any = request.user
    message = get_object_or_404(InboxMessage.objects.visible_to(user), pk=pk)
    mark_read(user=user, ids=[message.pk])
    safe = url_has_allowed_host_and_scheme(message.link, allowed_hosts=None)
    return redirect(message.link if safe else "members:inbox")


@login_required
@require_POST
def read_all(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    n = mark_read(user=user)
    messages.success(
        request, ngettext("%(n)s message marked as read.", "%(n)s messages marked as read.", n) % {"n": n}
    )
    return redirect("members:inbox")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest) -> HttpResponse:
    """Entering one's own leave; below it one's leaves, and those in which one stands in."""
    user: Any = request.user
    member = standing_of(user).member
    if member is None:
        raise PermissionDenied
    form = LeaveForm(request.POST or None, user=user, member=member)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                taken = take_leave(member=member, entered_by=member, **form.cleaned_data)
            except DomainError as error:
                show_refusal(form, error)
            else:
                _note(request, taken, "added")
                messages.success(request, _("Your leave is entered."))
                return redirect("members:leave")
    rows = Leave.objects.visible_to(user).for_list()[:MOST_LEAVES]
    context = {"form": form, "rows": rows, "today": clock.today(), "member": member}
    return render(request, "members/leave.html", context, status=status)


@login_required
@require_POST
def back_from_leave(request: HttpRequest, pk: int) -> HttpResponse:
    """One's own leave ends today; one that has not begun is called off."""
    found = get_object_or_404(Leave.objects.filter(member__user=request.user.pk), pk=pk)
    if found.until > clock.today():
        _note(request, end_leave(leave=found), "changed")
        messages.success(request, _("The leave has ended; your tasks are with you again."))
    return redirect("members:leave")


def _note(request: HttpRequest, taken: Leave, what: str) -> None:
    audit.record(
        AuditKind.PEOPLE,
        user=request.user,
        subject=f"{Leave._meta.verbose_name} {taken}",
        township_code=taken.township_code,
        request=request,
        what=what,
    )


DAYS_BACK, DAYS_AHEAD = 7, 60


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def roster(request: HttpRequest) -> HttpResponse:
    """Who is on duty when, for everybody of the township; entering it is for whoever manages the township."""
    user: Any = request.user
    member = standing_of(user).member
    if member is None:
        raise PermissionDenied
    town = Township.objects.select_related("grid").get(pk=member.township_code)
    manages = town.pk in managed_townships(user)
    if request.method == "POST" and not manages:
        raise PermissionDenied
    asked = request.POST.get("do", "")
    shifts = RosterForm(request.POST if asked == "shifts" else None, township_code=town.pk)
    known = {"phone": town.duty_phone, "call_after": town.call_after}
    phone = DutyPhoneForm(request.POST if asked == "phone" else None, initial=known)
    if request.method == "POST" and _entered(request, town.pk, shifts, phone):
        return redirect("roster")
    today = clock.today()
    rows = Shift.objects.visible_to(user).filter(
        day__gte=today - timedelta(days=DAYS_BACK), day__lte=today + timedelta(days=DAYS_AHEAD)
    )
    context = {
        "town": town,
        "rows": rows.select_related("leader", "officer", "second").order_by("day"),
        "today": today,
        "numbers": emergency_numbers(town.pk),
        "shifts": shifts if manages else None,
        "phone": phone,
    }
    return render(request, "members/roster.html", context, status=400 if request.method == "POST" else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def roster_import(request: HttpRequest) -> HttpResponse:
    """Takes a file and looks through it; nothing is written yet."""
    town = _own_roster(request)
    form = RosterFileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data["file"].read(LIMITS.file + 1)
        try:
            read_roster(BytesIO(data), township_code=town)
        except DomainError as error:
            form.add_error("file", str(error.detail))
        else:
            user: Any = request.user
            return redirect("roster-import-check", keeping.keep(data, user=user))
    status = 400 if request.method == "POST" else 200
    return render(request, "members/roster_import.html", {"form": form}, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def roster_import_check(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What is in the file and what would happen; by POST it happens."""
    town = _own_roster(request)
    found, _data = _kept_roster(request, town, pk)
    if request.method == "POST" and found.shifts and not found.errors:
        days = enter_roster(township_code=town, shifts=found.shifts)
        user: Any = request.user
        keeping.drop(pk, user=user)
        _changed_roster(request, town, f"{found.shifts[0].day} – {found.shifts[-1].day}")
        text = ngettext("%(n)d day is entered.", "%(n)d days are entered.", days)
        messages.success(request, text % {"n": days})
        return redirect("roster")
    context = {"pk": pk, "found": found, "errors": lines(found.errors)}
    status = 400 if request.method == "POST" else 200
    return render(request, "members/roster_import_check.html", context, status=status)


@login_required
@require_safe
def roster_import_errors(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The same file back, with a column 错误原因."""
    found, data = _kept_roster(request, _own_roster(request), pk)
    target = BytesIO()
    write_errors(BytesIO(data), target, found.errors, columns=COLUMNS)
    return workbook(target, "roster-errors.xlsx")


@login_required
@require_safe
def roster_workbook(request: HttpRequest) -> HttpResponse:
    """The coming month to be filled in."""
    target = BytesIO()
    write_roster(target, township_code=_own_roster(request))
    return workbook(target, "roster.xlsx")


def _own_roster(request: HttpRequest) -> str:
    """The township whose roster the user enters."""
    user: Any = request.user
    member = standing_of(user).member
    if member is None or member.township_code not in managed_townships(user):
        raise PermissionDenied
    return str(member.township_code)


def _kept_roster(request: HttpRequest, town: str, pk: UUID) -> tuple[RosterFile, bytes]:
    user: Any = request.user
    try:
        data = keeping.kept(pk, user=user)
    except NotVisible as error:
        raise Http404(_("This file is no longer here; choose it again.")) from error
    return read_roster(BytesIO(data), township_code=town), data


@login_required
@require_safe
def numbers(request: HttpRequest) -> HttpResponse:
    """Numbers to call, kept in the browser for when the network is away: so without anybody's name."""
    user: Any = request.user
    member = standing_of(user).member
    town, found = None, national_numbers()
    if member is not None:
        town = Township.objects.select_related("grid").get(pk=member.township_code)
        found = emergency_numbers(town.pk, named=False)
    return render(request, "members/numbers.html", {"town": town, "numbers": found, "at": clock.now()})


@require_safe
def numbers_worker(request: HttpRequest) -> HttpResponse:
    """The service worker, from an address from which it may look after every page. The same for everybody."""
    script = (settings.BASE_DIR / "static" / "js" / "numbers_worker.js").read_bytes()
    headers = {"Service-Worker-Allowed": "/", "Cache-Control": "no-cache"}
    return HttpResponse(script, content_type="text/javascript; charset=utf-8", headers=headers)


def _entered(request: HttpRequest, town: str, shifts: RosterForm, phone: DutyPhoneForm) -> bool:
    if phone.is_bound and phone.is_valid():
        change_duty(township_code=town, **phone.cleaned_data)
        what = "phone"
    elif shifts.is_bound and shifts.is_valid():
        try:
            enter_shifts(township_code=town, **shifts.cleaned_data)
        except DomainError as error:
            show_refusal(shifts, error)
            return False
        what = f"{shifts.cleaned_data['first']} – {shifts.cleaned_data['last']}"
    else:
        return False
    _changed_roster(request, town, what)
    messages.success(request, _("The duty roster is changed."))
    return True


def _changed_roster(request: HttpRequest, town: str, what: str) -> None:
    audit.record(
        AuditKind.SETTINGS,
        user=request.user,  # type: ignore[arg-type]
        subject=str(Shift._meta.verbose_name_plural),
        township_code=town,
        request=request,
        what=what,
    )
