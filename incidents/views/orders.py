"""Orders from above: a superior body's own list, its columns named once, looked through, taken over, answered in its columns."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from hashlib import sha256
from io import BytesIO
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gridgov.common import audit, clock, keeping
from gridgov.common.answers import lines, workbook
from gridgov.common.enums import AuditKind
from gridgov.common.errors import DomainError, NotVisible
from gridgov.common.forms import show_refusal
from gridgov.common.xlsx import LIMITS, read_headers, read_table, write_errors
from grids.enums import Kind, Verb
from grids.models import Grid
from grids.querysets import places_of
from incidents.actions import drop_mapping, save_mapping
from incidents.actions.orders import NEEDED
from incidents.enums import Source
from incidents.exports import REPLIES, write_replies
from incidents.forms import by_village
from incidents.imports import CODES, COLUMNS, MOST_ROWS, SOURCES, MatterFile, matters_of, take_in
from incidents.models import Category, OrderMapping
from incidents.permissions import can_import
from incidents.views.importing import SHOWN

FROM_ABOVE = next(word for word, source in SOURCES.items() if source == Source.ABOVE)
LEFT_OUT = ("again",)


class OrderForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("The superior body's list"),
        widget=forms.FileInput(attrs={"accept": ".xlsx,.csv"}),
        help_text=gettext_lazy("xlsx or csv, at most 2000 rows and 10 MB."),
    )
    mapping = forms.ModelChoiceField(
        label=gettext_lazy("Its columns"),
        queryset=OrderMapping.objects.none(),
        required=False,
        empty_label=gettext_lazy("new: name them in the next step"),
    )


class ColumnsForm(forms.Form):
    """Which column is which. One choice per header, in the order of the list."""

    name = forms.CharField(
        label=gettext_lazy("Name of this kind of list"),
        max_length=40,
        help_text=gettext_lazy("For example: hotline orders of the county. The same name again replaces it."),
    )
    grid = forms.ChoiceField(label=gettext_lazy("Grid, where a row names none"), required=False)
    category = forms.ChoiceField(label=gettext_lazy("Category, where a row names none"), required=False)

    def __init__(self, data: Any = None, *, township: Grid, user: Any, headers: list[str]) -> None:
        super().__init__(data, initial={"grid": township.pk})
        self.headers = headers
        grids = Grid.objects.named_by(user).filter(township_code=township.pk)
        self.fields["grid"].choices = [("", "–"), *by_village(grids, value="%s", first=[str(township.pk)])]  # type: ignore[attr-defined]
        rows = Category.objects.active().filter(township=township).order_by("position", "code")
        self.fields["category"].choices = [("", "–"), *rows.values_list("code", "name")]  # type: ignore[attr-defined]
        for index, header in enumerate(headers):
            guess = COLUMNS.get(header) or REPLIES.get(header) or ""
            self.fields[f"column_{index}"] = forms.ChoiceField(
                label=header, choices=_keys(), required=False, initial=guess
            )

    @property
    def column_fields(self) -> list[forms.BoundField]:
        return [self[f"column_{index}"] for index in range(len(self.headers))]

    def columns(self) -> list[dict[str, str]]:
        return [
            {"header": header, "key": self.cleaned_data.get(f"column_{index}", "")}
            for index, header in enumerate(self.headers)
        ]


def _keys() -> list[tuple[str, Any]]:
    """What a column may be: what comes in, and what goes back. Named as in our own template."""
    said = {key: header for header, key in reversed(COLUMNS.items()) if key not in LEFT_OUT}
    asked = {key: header for header, key in reversed(REPLIES.items())}
    order = list(dict.fromkeys((*NEEDED, *COLUMNS.values())))
    coming = [(key, said[key] + ("*" if key in NEEDED else "")) for key in order if key in said]
    back = [(key, asked[key]) for key in dict.fromkeys(REPLIES.values())]
    return [
        ("", _("– not used –")),
        (_("comes with the list"), coming),
        (_("goes back to the superior body"), back),
    ]


class RepliesForm(forms.Form):
    since = forms.DateField(
        label=gettext_lazy("Arrived since"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    only_closed = forms.BooleanField(label=gettext_lazy("only closed ones"), required=False)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def orders(request: HttpRequest) -> HttpResponse:
    """A list to be taken in, by columns that are known already or named next; and the replies to those before."""
    user, township = _coordinator(request)
    mappings = OrderMapping.objects.filter(township=township)
    form = OrderForm(request.POST or None, request.FILES or None)
    form.fields["mapping"].queryset = mappings  # type: ignore[attr-defined]
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data["file"].read(LIMITS.file + 1)
        mapping = form.cleaned_data["mapping"]
        try:
            if mapping:
                _read(user, mapping, data)
            else:
                read_headers(BytesIO(data))
        except DomainError as error:
            form.add_error("file", str(error.detail))
        else:
            kept = keeping.keep(data, user=user)
            if mapping:
                return redirect("incidents:order-check", mapping.pk, kept)
            return redirect("incidents:order-columns", kept)
    since = clock.today() - timedelta(days=30)
    context = {"form": form, "mappings": mappings, "replies": RepliesForm(initial={"since": since})}
    return render(request, "incidents/orders/orders.html", context, status=400 if form.errors else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def columns(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Which column of the kept file is which; saved under a name for the next time."""
    user, township = _coordinator(request)
    headers = read_headers(BytesIO(_kept(user, pk)))
    form = ColumnsForm(request.POST or None, township=township, user=user, headers=headers)
    if request.method == "POST" and form.is_valid():
        usual = {name: form.cleaned_data[name] for name in ("grid", "category")}
        try:
            mapping = save_mapping(
                user=user,
                township=township,
                name=form.cleaned_data["name"],
                columns=form.columns(),
                usual=usual,
            )
        except DomainError as error:
            show_refusal(form, error)
            for text in error.errors.get("columns", ()):
                form.add_error(None, str(text))
        else:
            return redirect("incidents:order-check", mapping.pk, pk)
    status = 400 if form.errors else 200
    return render(request, "incidents/orders/columns.html", {"form": form}, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def check(request: HttpRequest, mapping_pk: int, pk: UUID) -> HttpResponse:
    """What is in the list and what would happen; by POST it happens."""
    user, mapping = _mapping(request, mapping_pk)
    try:
        found = _read(user, mapping, _kept(user, pk))
    except DomainError as error:
        messages.error(request, str(error.detail))
        return redirect("incidents:orders")
    if request.method == "POST" and (found.new or found.changed) and not found.errors:
        return _take(request, pk, found)
    context = {
        "pk": pk,
        "mapping": mapping,
        "found": found,
        "errors": lines(found.errors)[:SHOWN],
        "known": sorted(found.known.items())[:SHOWN],
        "new": found.new[:SHOWN],
        "changed": found.changed[:SHOWN],
        "shown": SHOWN,
    }
    return render(request, "incidents/orders/check.html", context)


def _take(request: HttpRequest, pk: UUID, found: MatterFile) -> HttpResponse:
    user: Any = request.user
    taken = take_in(found, user=user)
    values = {"new": len(taken.done), "changed": len(taken.changed)}
    messages.success(request, _("%(new)s orders are reported, %(changed)s are brought up to date.") % values)
    if taken.errors:
        return render(request, "incidents/import_refused.html", {"errors": lines(taken.errors)}, status=400)
    keeping.drop(pk, user=user)
    return redirect("incidents:orders")


@login_required
@require_safe
def errors(request: HttpRequest, mapping_pk: int, pk: UUID) -> HttpResponse:
    """The same file back, with a column 错误原因."""
    user, mapping = _mapping(request, mapping_pk)
    data, target = _kept(user, pk), BytesIO()
    found = _read(user, mapping, data)
    write_errors(BytesIO(data), target, found.errors, columns=_incoming(mapping))
    return workbook(target, "orders-errors.xlsx")


@login_required
@require_safe
def replies(request: HttpRequest, mapping_pk: int) -> HttpResponse:
    """The replies in the columns of the superior body's own list. Noted in the audit trail."""
    user, mapping = _mapping(request, mapping_pk)
    form = RepliesForm(request.GET)
    if not form.is_valid():
        raise BadRequest
    since: date = form.cleaned_data["since"]
    target = BytesIO()
    rows = write_replies(
        target,
        mapping=mapping,
        user=user,
        since=datetime.combine(since, time(), tzinfo=clock.SHANGHAI),
        only_closed=form.cleaned_data["only_closed"],
    )
    audit.record(
        AuditKind.EXPORT,
        user=user,
        request=request,
        subject=f"replies {mapping.name}",
        township_code=str(mapping.township_id),
        rows=rows,
    )
    return workbook(target, f"replies-{clock.today():%Y%m%d}.xlsx")


@login_required
@require_POST
def drop(request: HttpRequest, mapping_pk: int) -> HttpResponse:
    user, mapping = _mapping(request, mapping_pk)
    drop_mapping(user=user, mapping=mapping)
    messages.success(
        request, _("The columns of “%(name)s” are forgotten; its matters stay.") % {"name": mapping.name}
    )
    return redirect("incidents:orders")


def _coordinator(request: HttpRequest) -> tuple[Any, Grid]:
    """Whoever co-ordinates a whole township, and that township."""
    user: Any = request.user
    if not can_import(user):
        raise PermissionDenied
    towns = [place.code for place in places_of(user)[Verb.COORDINATE] if place.kind == Kind.TOWNSHIP]
    return user, Grid.objects.get(pk=min(towns))


def _mapping(request: HttpRequest, pk: int) -> tuple[Any, OrderMapping]:
    user, township = _coordinator(request)
    return user, get_object_or_404(OrderMapping, pk=pk, township=township)


def _kept(user: Any, pk: UUID) -> bytes:
    try:
        return keeping.kept(pk, user=user)
    except NotVisible as error:
        raise Http404(_("This file is no longer here; choose it again.")) from error


def _incoming(mapping: OrderMapping) -> dict[str, str]:
    known = set(COLUMNS.values())
    return {header: key for header, key in mapping.headers.items() if key in known}


def _read(user: Any, mapping: OrderMapping, data: bytes) -> MatterFile:
    rows = read_table(
        BytesIO(data), columns=_incoming(mapping), required=NEEDED, codes=CODES, max_rows=MOST_ROWS
    )
    usual = {"source": FROM_ABOVE, **mapping.usual}
    return matters_of(rows, user=user, digest=sha256(data).hexdigest(), usual=usual)
