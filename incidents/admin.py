"""Admin pages of the incidents room: matters to be read and acted on, never edited; categories and procedures."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from gridgov.common.admin import Rows, ScopedAdmin, ScopedInline, is_technical
from gridgov.common.errors import DomainError
from gridgov.common.forms import show_refusal
from grids.admin import TownshipAdmin
from grids.enums import Kind, Verb
from grids.models import Calendar, Grid
from grids.querysets import OFFICE, URGENT, condition, managed_townships, places_of
from incidents.actions import NewProcedure, begin_procedure, discard_draft, keep_draft, publish_draft
from incidents.forms import ActionForm
from incidents.forms.category import CategoryForm
from incidents.models import Category, Incident, Procedure, ProcedureDraft, Transition
from incidents.permissions import may_see_requester, obligatory, owed_before_closing
from incidents.querysets import RELATED
from incidents.rehearsal import Rehearsal, rehearse_procedure
from incidents.spec_form import BeginForm, SpecForm, said
from incidents.step_form import room_for_another, steps_form
from incidents.templatetags.matters import time_left
from incidents.views.matter import offers_for, people_near, take
from incidents.views.procedures import diagram, level_names
from incidents.workflow import TRANSITIONS, ProcedureSpec

MOST_AT_ONCE = 100  # as ids in an address


class CategoryFilter(admin.SimpleListFilter):
    title = gettext_lazy("category")
    parameter_name = "category"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return list(Category.objects.visible_to(request.user).values_list("code", "name"))

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if not self.value():
            return queryset
        found = Category.objects.visible_to(request.user).filter(code=self.value())
        return queryset.filter(category__in=list(found.values_list("pk", flat=True)))


class WaitingFilter(admin.SimpleListFilter):
    title = gettext_lazy("open")
    parameter_name = "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("open", _("open")), ("late", _("late"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        narrowed = {"open": {"is_open": True}, "late": {"is_late": True}}
        return queryset.filter(**narrowed.get(self.value() or "", {}))


class HistoryInline(ScopedInline):
    model = Transition
    fields = ("entered_at", "who", "what", "state", "note")

    def get_queryset(self, request: HttpRequest) -> Rows:
        return super().get_queryset(request).select_related("actor", "incident__procedure").order_by("seq")

    @admin.display(description=gettext_lazy("who"))
    def who(self, row: Transition) -> str:
        return str(row.actor or "")

    @admin.display(description=gettext_lazy("what"))
    def what(self, row: Transition) -> str:
        return row.label

    @admin.display(description=gettext_lazy("State"))
    def state(self, row: Transition) -> str:
        return str(row.get_to_status_display())


@admin.register(Incident)
class IncidentAdmin(ScopedAdmin):
    """The list shows the unit of the first grant; a single matter also what one has part in. All changes are actions."""

    list_display = ("number", "heading", "grid", "kind", "status", "unit", "left")
    list_display_links = ("number", "heading")
    list_select_related = RELATED
    list_filter = ("status", CategoryFilter, WaitingFilter)
    search_fields = ("number",)
    search_help_text = gettext_lazy("The exact number.")
    sortable_by = ()
    ordering = ("-reported_at", "-id")
    inlines = (HistoryInline,)
    actions = ("together",)
    change_form_template = "admin/incidents/incident/change_form.html"
    fields = (
        "number", "status", "left", "unit", "person", "heading", "description", "where", "kind", "important",
        "reported_at", "reported_by", "asked_by", "photos",
    )  # fmt: skip
    readonly_fields = fields

    def opens_to(self, user: Any) -> bool:
        return bool(places_of(user)[Verb.SEE])

    def seen_by(self, user: Any) -> Rows:
        places = places_of(user)[Verb.SEE]
        return Incident.objects.filter(condition(places[0])) if places else Incident.objects.none()

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Incident:
        seen = Incident.objects.visible_to(request.user).select_related(*RELATED, "requester")
        try:
            return seen.get(pk=UUID(object_id))
        except (ValueError, Incident.DoesNotExist) as error:
            raise Http404 from error

    def get_search_results(self, request: HttpRequest, queryset: Rows, search_term: str) -> tuple[Rows, bool]:
        if not search_term:
            return queryset, False
        towns = {place.code[:9] for place in places_of(request.user)[Verb.SEE]}
        return queryset.filter(township_code__in=towns, number=search_term.strip()), False

    # --- what is shown ------------------------------------------------------------------------------------------
    @admin.display(description=gettext_lazy("title"))
    def heading(self, incident: Incident) -> str:
        return incident.heading

    @admin.display(description=gettext_lazy("responsible unit"), empty_value="–")
    def unit(self, incident: Incident) -> str:
        return str(incident.unit or "")

    @admin.display(description=gettext_lazy("time left"))
    def left(self, incident: Incident) -> str:
        left = time_left(incident)
        return format_html('<span class="tone-{}">{}</span>', left["tone"], left["words"])

    @admin.display(description=gettext_lazy("responsible person"))
    def person(self, incident: Incident) -> str:
        return str(incident.responsible_member or "")

    @admin.display(description=gettext_lazy("grid"))
    def where(self, incident: Incident) -> str:
        return " ".join(filter(None, [str(incident.grid), incident.address]))

    @admin.display(description=gettext_lazy("category"))
    def kind(self, incident: Incident) -> str:
        return str(incident.category)

    @admin.display(description=gettext_lazy("reporter"))
    def reported_by(self, incident: Incident) -> str:
        return str(incident.reporter)

    @admin.display(description=gettext_lazy("requester"))
    def asked_by(self, incident: Incident) -> str:
        asked = getattr(incident, "requester", None)
        if asked is None:
            return ""
        shown = asked.shown(in_full=getattr(incident, "shows_requester", False))
        return f"{shown['name']} {shown['phone']}"

    @admin.display(description=gettext_lazy("photos"))
    def photos(self, incident: Incident) -> str:
        rows = incident.uploads.order_by("created_at", "id").values_list("pk", flat=True)
        links = [(reverse("incidents:photo", args=[pk]), place) for place, pk in enumerate(rows, start=1)]
        return format_html_join(" ", '<a href="{}">{}</a>', links) or "–"

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        user: Any = request.user
        obj.shows_requester = may_see_requester(user, obj)
        refused = getattr(request, "refused_action", None)
        owed = owed_before_closing(obj) if obj.is_open else []
        people = people_near(user, obj)
        context |= {
            "offers": offers_for(user, obj, owed, refused, people),
            "people": people,
            "owed": owed,
            "title": str(obj),
            "subtitle": None,
        }
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)  # type: ignore[misc]

    # --- what is done -------------------------------------------------------------------------------------------
    def get_urls(self) -> list[Any]:
        act = self.admin_site.admin_view(self.act)
        return [path("<uuid:pk>/act/<slug:action>/", act, name="incidents_incident_act"), *super().get_urls()]

    @method_decorator(require_POST)
    def act(self, request: HttpRequest, pk: UUID, action: str) -> HttpResponse:
        """One action; a refusal comes back with the page, with what was typed."""
        self._must_open(request)
        incident = self.get_object(request, str(pk))
        if action not in TRANSITIONS:
            raise Http404
        user: Any = request.user
        required = obligatory(incident, action, user)
        form = ActionForm(
            request.POST,
            request.FILES,
            user=user,
            incident=incident,
            action=action,
            requires=required,
            people=people_near(user, incident),
        )
        try:
            done = take(request, incident, action, form)
        except DomainError as error:
            return self._refused(request, pk, action, form, error)
        label = done.procedure.spec.word_for(action)
        text = _("%(number)s: %(action)s is done.") % {"number": incident.number, "action": label}
        messages.success(request, text)
        return redirect("admin:incidents_incident_change", pk)

    def _refused(
        self, request: HttpRequest, pk: UUID, action: str, form: ActionForm, error: DomainError
    ) -> HttpResponse:
        if not form.errors:
            show_refusal(form, error)
        form.fresh()
        messages.error(request, str(error.detail))
        again = copy(request)
        again.method, again.refused_action = "GET", (action, form)  # type: ignore[attr-defined]
        response = self.change_view(again, str(pk))
        response.status_code = error.status
        return response

    @admin.action(description=gettext_lazy("Act on the selected matters together"))
    def together(self, request: HttpRequest, queryset: Rows) -> HttpResponse:
        """Leads to the page where the action is chosen."""
        picked = [("ids", pk.hex) for pk in queryset.values_list("pk", flat=True)[:MOST_AT_ONCE]]
        return redirect(f"{reverse('incidents:bulk')}?{urlencode(picked)}")


@admin.register(Category)
class CategoryAdmin(TownshipAdmin):
    """Which categories are in use, what they are called and by which procedure they go: for what is reported from then on."""

    form = CategoryForm
    list_display = ("name", "code", "kind", "procedure", "must_report", "is_active", "for_grids")
    list_filter = ("kind", "is_active")
    list_select_related = ("procedure",)
    ordering = ("township", "position", "code")
    fields = (*list_display, "position", "rule_id", "is_public", "public_note")

    def may_add(self, user: Any) -> bool:
        return True

    def choices(self, user: Any) -> Mapping[str, Rows]:
        towns = _towns(user)
        procedures = Procedure.objects.filter(is_current=True, township__in=towns)
        return {"township": towns, "procedure": procedures.order_by("township", "code")}

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ("township", *self.fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("code", "kind") if obj else ()


def _towns(user: Any) -> Rows:
    """The townships whose categories and procedures the user sets."""
    towns = Grid.objects.filter(kind=Kind.TOWNSHIP)
    return towns if is_technical(user) else towns.filter(pk__in=managed_townships(user))


def _way(procedure: Procedure, form: SpecForm) -> Any:
    """The way as it would be."""
    if not form.is_bound or not form.is_valid():
        return None
    spec = ProcedureSpec.model_validate(form.data_of_spec)
    return diagram(spec.steps, level_names(str(procedure.township_id))) if spec.steps else None


@admin.register(Procedure)
class ProcedureAdmin(TownshipAdmin):
    """A version is never edited: a running matter keeps the one it began with. A change is a further version."""

    list_display = ("name", "code", "version", "is_current")
    list_filter = ("is_current",)
    ordering = ("township", "code", "-version")
    fields = ("name", "code", "version", "is_current", "used_by", "in_words")
    readonly_fields = fields
    change_list_template = "admin/incidents/procedure/change_list.html"
    change_form_template = "admin/incidents/procedure/change_form.html"

    @admin.display(description=gettext_lazy("steps and limits"))
    def in_words(self, procedure: Procedure) -> str:
        return format_html_join("", "{}: <strong>{}</strong><br>", said(procedure.spec))

    @admin.display(description=gettext_lazy("categories that go by it"))
    def used_by(self, procedure: Procedure) -> str:
        rows = procedure.categories.order_by("position", "code")
        links = [(reverse("admin:incidents_category_change", args=[row.pk]), row.name) for row in rows]
        return format_html_join("、", '<a href="{}">{}</a>', links) or "–"

    def may_add(self, user: Any) -> bool:
        return True

    def may_change(self, user: Any, row: Any = None) -> bool:
        return False

    def get_urls(self) -> list[Any]:
        publish, copied = (self.admin_site.admin_view(page) for page in (self.publish, self.copy))
        return [
            path("<int:pk>/publish/", publish, name="incidents_procedure_publish"),
            path("<int:pk>/copy/", copied, name="incidents_procedure_copy"),
            *super().get_urls(),
        ]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """A procedure from nothing: it goes the plain way of every matter until it is changed."""
        self._must_open(request)
        return self._begin(request, _towns(request.user), None)

    def copy(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A procedure of its own with what this version says."""
        self._must_open(request)
        base = self.get_object(request, str(pk))
        return self._begin(request, Grid.objects.filter(pk=base.township_id), base)

    def _begin(self, request: HttpRequest, towns: Rows, base: Procedure | None) -> HttpResponse:
        """Asks for code and name, publishes version 1 and goes on to the editor."""
        user: Any = request.user
        form = BeginForm(request.POST if request.method == "POST" else None, towns=towns, base=base)
        if form.is_valid():
            asked = form.cleaned_data
            new = NewProcedure(asked["code"], asked["name"], form.data_of_spec, asked.get("rule_id", ""))
            try:
                made = begin_procedure(township=asked["township"], procedure=new, user=user)
            except DomainError as error:
                show_refusal(form, error)
            else:
                text = _("%(procedure)s is there. No matter goes by it until a category names it.")
                messages.success(request, text % {"procedure": made})
                return redirect("admin:incidents_procedure_publish", made.pk)
        title = (
            _("Copy as a new procedure: %(procedure)s") % {"procedure": base} if base else _("New procedure")
        )
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": base,
            "title": title,
        }
        return render(request, "admin/incidents/procedure/begin.html", context | {"form": form})

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        context["draft"] = _draft_of(obj)
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)  # type: ignore[misc]

    def publish(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A copy to be changed; kept as a draft as often as wanted, and what changes is shown before it is published."""
        self._must_open(request)
        base = self.get_object(request, str(pk))
        draft = _draft_of(base)
        if request.method != "POST" and draft is not None and draft.base_id != base.pk:
            return redirect("admin:incidents_procedure_publish", draft.base_id)
        newest = _current_of(base)
        typed = dict(request.POST.lists()) if request.method == "POST" else draft and draft.typed
        sent = None if typed is None else _with_room(typed)
        steps = steps_form(base, sent)
        # what was typed on an older version is compared with the one that it would replace
        form = SpecForm(sent, procedure=base if sent is None else newest, steps=steps if sent else None)
        done = self._done(request, base, form) if request.method == "POST" else None
        if done is not None:
            return done
        right = form.is_bound and form.is_valid()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": base,
            "title": _("Change and publish: %(procedure)s") % {"procedure": base},
            "form": form,
            "steps": steps,
            "newest": newest,
            "draft": draft,
            "draft_version": request.POST.get("draft", "") if request.POST else draft and draft.version,
            "changes": form.changes if right else None,
            "way": _way(newest, form),
            "rehearsal": _rehearsed(newest, form) if right else None,
            "links": not is_technical(request.user),
        }
        return render(request, "admin/incidents/procedure/publish.html", context)

    def _done(self, request: HttpRequest, base: Procedure, form: SpecForm) -> HttpResponse | None:
        """What the button says; None: the page comes again."""
        user: Any = request.user
        draft, over = _number(request, "draft"), _number(request, "over")
        try:
            if "keep" in request.POST:
                keep_draft(base=base, typed=_typed(request, form), user=user, draft=draft)
                messages.success(request, _("The draft is kept. Nothing goes by it until it is published."))
                return redirect("admin:incidents_procedure_publish", base.pk)
            if "discard" in request.POST:
                discard_draft(base=base, user=user, draft=draft)
                messages.success(request, _("The draft is discarded."))
                return redirect("admin:incidents_procedure_change", _current_of(base).pk)
            if "confirm" in request.POST and form.is_valid():
                said_so, version = form.cleaned_data, over or base.version
                new = NewProcedure(base.code, said_so["name"], form.data_of_spec, said_so["rule_id"], version)
                made = publish_draft(township=base.township, procedure=new, user=user, draft=draft)
                messages.success(request, _("%(procedure)s is published.") % {"procedure": made})
                return redirect("admin:incidents_procedure_change", made.pk)
        except DomainError as error:
            form.full_clean()
            show_refusal(form, error)
        return None


def _draft_of(procedure: Procedure) -> ProcedureDraft | None:
    drafts = ProcedureDraft.objects.filter(township=procedure.township_id, code=procedure.code)
    return drafts.select_related("saved_by").first()


def _current_of(procedure: Procedure) -> Procedure:
    """The version that counts now; the same one where none does any more."""
    versions = Procedure.objects.filter(township=procedure.township_id, code=procedure.code)
    return versions.filter(is_current=True).first() or procedure


def _number(request: HttpRequest, name: str) -> int | None:
    given = request.POST.get(name, "")
    return int(given) if given.isdecimal() else None


def _typed(request: HttpRequest, form: SpecForm) -> dict[str, list[str]]:
    """What was typed into the form and its steps, and nothing else of what was sent."""
    own = {*form.fields, *(f"{name}_{part}" for name in form.fields for part in (0, 1))}
    return {
        name: [str(value) for value in values]
        for name, values in request.POST.lists()
        if name in own or name.startswith("steps-")
    }


def _with_room(typed: Mapping[str, list[str]]) -> QueryDict:
    """As it was typed, with room for a further step."""
    sent = QueryDict(mutable=True)
    for name, values in room_for_another(typed).items():
        sent.setlist(name, values)
    return sent


def _rehearsed(procedure: Procedure, form: SpecForm) -> Rehearsal:
    """What the change would have meant last month."""
    town = str(procedure.township_id)
    return rehearse_procedure(
        township_code=town,
        code=procedure.code,
        spec=ProcedureSpec.model_validate(form.data_of_spec),
        calendars={which: Calendar.objects.of(town, which) for which in (OFFICE, URGENT)},
    )
