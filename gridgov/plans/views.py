"""Pages of the first start. An installation without accounts lets in whoever has the code of its terminal; after that
only technical accounts find these pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.hashers import make_password
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from gridgov.common import audit
from gridgov.common.admin import is_technical
from gridgov.common.enums import AuditKind
from gridgov.common.errors import DomainError
from gridgov.common.forms import show_refusal
from gridgov.common.xlsx import Row
from gridgov.plans import first_run, loader
from gridgov.plans.actions import open_installation, set_up
from gridgov.plans.comparing import differences
from gridgov.plans.divisions import demo_place, shipped_places
from gridgov.plans.exporting import as_yaml, plan_of
from gridgov.plans.forms import FirstAccountForm, TownshipForm, as_lines, people_forms
from gridgov.plans.schema import Preset
from grids.actions import check_setup
from grids.admin import managed_townships
from grids.models import Grid, Township
from members.actions import employ
from members.enums import RoleCode
from members.models import Appointment, Post

View = Callable[..., HttpResponse]
FIRST_PEOPLE = (RoleCode.CLERK, RoleCode.LEADER, RoleCode.ASSESSOR, RoleCode.AUDITOR)
BACKEND = "django.contrib.auth.backends.ModelBackend"


def for_technical(view: View) -> View:
    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not is_technical(request.user):
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


@sensitive_post_parameters("password1", "password2", "code")
@require_http_methods(["GET", "HEAD", "POST"])
def first_account(request: HttpRequest) -> HttpResponse:
    """The technical account; the page is gone once it is there."""
    if not first_run.is_open():
        raise Http404
    form = FirstAccountForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            user = open_installation(username=given["username"], password=make_password(given["password1"]))
        except DomainError as error:
            show_refusal(form, error)
        else:
            login(request, user, backend=BACKEND)
            return redirect("setup_township")
    return render(request, "setup/account.html", {"form": form})


@for_technical
@require_http_methods(["GET", "HEAD", "POST"])
def township(request: HttpRequest) -> HttpResponse:
    """A township with its villages under a plan: first shown, then set up."""
    if request.method == "POST":
        form = TownshipForm(request.POST, request.FILES)
        if form.is_valid() and "confirm" in request.POST:
            given = form.cleaned_data
            plan = form.preset or given["plan"]
            try:
                made = set_up(code=given["code"], name=given["name"], villages=form.asked, plan=plan)
            except DomainError as error:
                show_refusal(form, error)
            else:
                text = _("%(township)s is set up.")
                if form.is_there:
                    text = _("%(township)s was there already; %(n)d units are new. Its plan stays as it is.")
                messages.success(request, text % {"township": made, "n": len(form.added)})
                return redirect("setup_people", made.pk)
    else:
        form = TownshipForm(initial=_shipped(request.GET.get("place", "")))
    context = {
        "form": form,
        "shown": form.is_bound and form.is_valid(),
        "places": [(number, *demo_place(number)[0]) for number in shipped_places()],
        "townships": Township.objects.select_related("grid").defer("loaded_plan").order_by("grid"),
    }
    return render(request, "setup/township.html", context)


def _shipped(asked: str) -> dict[str, Any]:
    """What the form begins with when a township is chosen from the division data that gridgov brings."""
    if not asked.isdigit() or int(asked) not in shipped_places():
        return {}
    (code, name), villages = demo_place(int(asked))
    rows = [Row(number, {"code": it[0], "name": it[1]}) for number, it in enumerate(villages, start=1)]
    plan = int(asked) if loader.has_preset(int(asked)) else None
    return {"code": code, "name": name, "villages": as_lines(rows), "plan": plan}


@for_technical
@require_http_methods(["GET", "HEAD", "POST"])
def people(request: HttpRequest, code: str) -> HttpResponse:
    """Who begins in the township: those whom nobody there could appoint. Passwords are shown once."""
    town = get_object_or_404(Township.objects.select_related("grid"), pk=code)
    forms = people_forms(_vacant(town.grid), request.POST if request.method == "POST" else None)
    answers = [form.is_valid() for form in forms]  # each, so that all that is wrong shows at once
    if request.method == "POST" and all(answers):
        filled = [form for form in forms if form.has_changed()]
        user: Any = request.user
        try:
            employ(people=[(form.person(), form.vacancy) for form in filled], township_code=town.pk, by=user)
        except DomainError as error:
            for form in filled:
                refused = error.errors.get(form.cleaned_data["username"]) if error.errors else [error.detail]
                for text in refused or ():
                    form.add_error("username", str(text))
        else:
            return render(request, "setup/passwords.html", {"township": town, "forms": filled})
    holders = Appointment.objects.current().filter(post__in=_posts(town.grid))
    context = {
        "township": town,
        "forms": forms,
        "holders": holders.select_related("member__user", "post").order_by("post", "-is_main", "id"),
        "villages": Grid.objects.active().filter(township_code=town.pk, kind="village").count(),
    }
    return render(request, "setup/people.html", context)


@login_required
@require_safe
def plans(request: HttpRequest) -> HttpResponse:
    """Two plans beside each other: those that gridgov brings, and the townships' own copies."""
    return _plans_page(request, _own(request))


def _plans_page(request: HttpRequest, towns: Mapping[str, Township], refused: str = "") -> HttpResponse:
    """`refused`: why there is nothing to show of what was asked for."""
    named = {str(number): _("Plan %(number)d: %(title)s") % {"number": number, "title": loader.preset(number).title}
             for number in loader.PLANS}  # fmt: skip
    named |= {code: _("%(township)s, as it works now") % {"township": town} for code, town in towns.items()}
    asked = [request.GET.get(name, "") for name in ("first", "second")]
    try:
        found = [
            _written(request, towns[key]) if key in towns else loader.preset(int(key))
            for key in asked
            if key in named
        ]
    except DomainError as error:
        found, refused = [], str(error.detail)
    context: dict[str, Any] = {
        "choices": list(named.items()),
        "asked": asked,
        "names": [named.get(key, "") for key in asked],
        "parts": differences(*found) if len(found) == len(asked) else None,
        "townships": [(code, str(town)) for code, town in towns.items()],
        "counted": towns.get(request.GET.get("counts", "")),
        "refused": refused,
        "technical": is_technical(request.user),
    }
    if context["counted"]:
        context["check"] = check_setup(context["counted"])
    return render(request, "setup/plans.html", context, status=409 if refused else 200)


@login_required
@require_safe
def plan_file(request: HttpRequest, code: str) -> HttpResponse:
    """The township's own copy, to be loaded elsewhere."""
    towns = _own(request)
    if code not in towns:
        raise Http404
    try:
        text = as_yaml(_written(request, towns[code]))
    except DomainError as error:
        return _plans_page(request, towns, str(error.detail))
    user: Any = request.user
    audit.record(AuditKind.EXPORT, user=user, subject=towns[code].plan_title, township_code=code, what="plan")
    answer = HttpResponse(text, content_type="application/yaml; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="plan-{code}.yaml"'
    return answer


def _written(request: HttpRequest, town: Township) -> Preset:
    """A technical account sees no departments. Raises Conflict."""
    return plan_of(town, own_departments=not is_technical(request.user))


def _own(request: HttpRequest) -> dict[str, Township]:
    """The townships whose plan this person looks after. Raises Http404 where there is none to look after."""
    rows = Township.objects.select_related("grid").defer("loaded_plan").order_by("grid")
    if not is_technical(request.user):
        rows = rows.filter(pk__in=managed_townships(request.user))
        if not rows:
            raise Http404
    return {str(row.pk): row for row in rows}


def _posts(grid: Grid) -> Any:
    return Post.objects.filter(grid=grid, role__code__in=FIRST_PEOPLE)


def _vacant(grid: Grid) -> list[Post]:
    held = Appointment.objects.current().values("post")
    return list(
        _posts(grid).exclude(pk__in=held).select_related("role", "grid").order_by("-is_responsible", "id")
    )
