"""The inbox."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from gridgov.common.pages import key_asked, page_url
from gridgov.common.paging import PAGE_SIZE, order, page_of
from members.actions import mark_read
from members.models import InboxMessage


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
