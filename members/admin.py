"""Admin pages of the members room: people, posts and appointments by whoever manages the place, roles by the technical
administrator.

Nobody appoints upwards: posts strictly below one's own place, and at the township, which has no level above, posts whose
role carries no right that one does not have oneself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gridgov.common import clock
from gridgov.common.admin import ActionForm, Rows, TechnicalAdmin
from gridgov.common.enums import AuditKind
from gridgov.common.errors import DomainError
from gridgov.common.forms import show_refusal
from gridgov.common.models import User
from grids.admin import ManagedAdmin
from grids.enums import Verb
from grids.models import Grid
from grids.querysets import any_of, managed_townships, places_of
from members.actions import (
    appoint,
    change_role,
    create_departments,
    employ,
    end_appointment,
    end_leave,
    take_leave,
)
from members.forms import NewPersonForm
from members.models import Appointment, Department, Leave, Member, Post, Role
from members.querysets import KNOWN_BY_TITLE, standing_of


def posts_seen(user: Any) -> Rows:
    """Posts in the places one manages, and those of a managed township's departments."""
    places = any_of(places_of(user)[Verb.MANAGE], grid="grid")
    return Post.objects.filter(places | Q(department__township__in=managed_townships(user)))


def posts_to_fill(user: Any) -> Rows:
    """Posts to which the user may appoint."""
    places = places_of(user)
    own = [place.code for place in places[Verb.MANAGE]]
    below = posts_seen(user).exclude(grid__in=own).exclude(grid=None)
    at_township = Q(grid__in=managed_townships(user)) | Q(department__township__in=managed_townships(user))
    return (below | posts_seen(user).filter(at_township, role__in=roles_to_give(user))).distinct()


def roles_to_give(user: Any) -> list[int]:
    """Roles of the user's townships that carry no right the user does not have there."""
    managed = places_of(user)[Verb.MANAGE]
    roles = Role.objects.filter(township__in={place.code[:9] for place in managed})
    held = {
        place.code[:9]: {
            verb for verb, places in places_of(user).items() if any(p.covers(place.code) for p in places)
        }
        for place in managed
    }
    return [role.pk for role in roles if set(role.verbs) <= held[str(role.township_id)]]


def members_seen(user: Any) -> Rows:
    """People with a post in the places one manages, those who live there, all of a managed township."""
    places = places_of(user)[Verb.MANAGE]
    posted = Appointment.objects.current().filter(any_of(places, prefix="post__"), member=OuterRef("pk"))
    living = any_of(places, prefix="residence__", grid="code")
    return Member.objects.filter(Exists(posted) | living | Q(township_code__in=managed_townships(user)))


def members_to_change(user: Any) -> Rows:
    """Those of them who hold no post but such as the user may fill: nobody edits the people above."""
    held = Appointment.objects.current().filter(member=OuterRef("pk"), leave=None)
    others = held.exclude(post__in=posts_to_fill(user))
    return members_seen(user).filter(~Exists(others))


class MemberForm(ActionForm):
    login = forms.CharField(
        label=_("login"),
        required=False,
        max_length=64,
        help_text=_("The user name that the technical administrator gave; it is linked once."),
    )

    def clean_login(self) -> User | None:
        name = self.cleaned_data["login"].strip()
        if not name:
            return None
        free = User.objects.filter(
            username=name, is_active=True, is_staff=False, is_superuser=False, member=None
        )
        found = free.first()
        if found is None:
            raise ValidationError(_("There is no free login of this name."))
        return found


@admin.register(Member)
class MemberAdmin(ManagedAdmin):
    form = MemberForm
    audit_kind = AuditKind.PEOPLE
    untold = ("phone",)
    list_display = ("name", "phone", "residence", "has_login", "is_active")
    list_filter = ("is_active",)
    list_select_related = ("residence",)
    search_fields = ("name", "phone")
    ordering = ("id",)

    @admin.display(description=_("has a login"), boolean=True)
    def has_login(self, member: Member) -> bool:
        return member.user_id is not None

    def seen_by(self, user: Any) -> Rows:
        return members_seen(user)

    def may_add(self, user: Any) -> bool:
        return True

    def may_change(self, user: Any, row: Any = None) -> bool:
        return row is None or members_to_change(user).filter(pk=row.pk).exists()

    def choices(self, user: Any) -> Mapping[str, Rows]:
        return {"residence": Grid.objects.active().visible_to(user, Verb.MANAGE)}

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        linked = obj is not None and (obj.user_id or not self.has_change_permission(request, obj))
        return ("name", "phone", "residence", "is_active", "has_login" if linked else "login")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("has_login",)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        form = super().get_form(request, obj, change, **kwargs)
        if "residence" in form.base_fields and not managed_townships(request.user):
            form.base_fields["residence"].required = True  # else the village would not see whom it added
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        if not change:
            obj.township_code = (obj.residence_id or places_of(request.user)[Verb.MANAGE][0].code)[:9]
        if form.cleaned_data.get("login"):
            obj.user = form.cleaned_data["login"]
        super().save_model(request, obj, form, change)


class VacantFilter(admin.SimpleListFilter):
    title = _("vacant")
    parameter_name = "vacant"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("yes", _("Yes")), ("no", _("No"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        held = Q(pk__in=Appointment.objects.current().values("post"))
        return queryset.filter({"yes": ~held, "no": held}.get(self.value() or "", Q()))


@admin.register(Post)
class PostAdmin(ManagedAdmin):
    """Which post answers for its unit is settled when the plan is loaded."""

    audit_kind = AuditKind.PEOPLE
    list_display = ("__str__", "role", "is_responsible", "held_by")
    list_filter = (VacantFilter, "is_responsible")
    list_select_related = ("grid", "department", "role")
    search_fields = ("title", "grid__name")
    sortable_by = ("title",)
    ordering = ("township_code", "grid", "department", "id")
    fields = ("grid", "department", "title", "role", "is_responsible")

    def seen_by(self, user: Any) -> Rows:
        current = Appointment.objects.current().select_related("member").order_by("-is_main", "id")
        return posts_seen(user).prefetch_related(Prefetch("appointments", current, to_attr="held"))

    @admin.display(description=_("held by"))
    def held_by(self, post: Post) -> str:
        names = "、".join(str(appointment.member) for appointment in post.held)  # type: ignore[attr-defined]
        address = f"{reverse('admin:members_appointment_new_person')}?post={post.pk}"
        return names or format_html('<a href="{}">{}</a>', address, gettext("vacant: appoint somebody"))

    def may_add(self, user: Any) -> bool:
        return True

    def may_change(self, user: Any, row: Any = None) -> bool:
        return row is None or posts_to_fill(user).filter(pk=row.pk).exists()

    def choices(self, user: Any) -> Mapping[str, Rows]:
        own = [place.code for place in places_of(user)[Verb.MANAGE]]
        town = managed_townships(user)
        below = Grid.objects.active().visible_to(user, Verb.MANAGE)
        return {
            "grid": below.exclude(pk__in=set(own) - set(town)),
            "department": Department.objects.active().filter(township__in=town),
            "role": Role.objects.filter(pk__in=roles_to_give(user)),
        }

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("grid", "department", "role", "is_responsible") if obj else ("is_responsible",)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        kwargs.setdefault("form", PostForm if obj is None else PostNameForm)
        return super().get_form(request, obj, change, **kwargs)

    def get_search_results(self, request: HttpRequest, queryset: Rows, search_term: str) -> tuple[Rows, bool]:
        """Where an appointment asks for a post it is offered only those that may be filled."""
        if request.GET.get("model_name") == "appointment":
            queryset = queryset.filter(pk__in=posts_to_fill(request.user).values("pk"))
        return super().get_search_results(request, queryset, search_term)


class PostForm(ActionForm):
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if bool(cleaned.get("grid")) == bool(cleaned.get("department")):
            raise ValidationError(_("Name a grid or a department."))
        unit, role = cleaned.get("grid") or cleaned["department"], cleaned.get("role")
        if role is not None and role.township_id != unit.township_code:
            raise ValidationError({"role": _("This role is of another township.")})
        return cleaned


class PostNameForm(ActionForm):
    """A step that names posts by a title which nobody has is open to all: such a post keeps its title."""

    def clean_title(self) -> str:
        title: str = self.cleaned_data["title"]
        known = [] if title == self.instance.title else KNOWN_BY_TITLE
        names = [name for lost_by in known for name in lost_by(self.instance, title)]
        if names:
            text = _(
                "These procedures know the post by its title, and would leave its steps open to all: %(names)s. Add a post of "
                "the new title, choose it in their steps beside this one and publish them; then it can be renamed."
            )
            raise ValidationError(text, code="known_by_title", params={"names": "、".join(names)})
        return title


class AppointNewForm(NewPersonForm):
    """A person for one of the vacant posts that may be filled."""

    post = forms.ModelChoiceField(Post.objects.none(), label=_("post"))
    field_order = ("post", "name", "username", "phone")

    def __init__(self, *args: Any, posts: Rows, **options: Any) -> None:
        super().__init__(*args, **options)
        field: Any = self.fields["post"]
        field.queryset = posts.select_related("grid", "department", "role")
        field.widget = AutocompleteSelect(Appointment._meta.get_field("post"), admin.site)
        field.widget.choices = field.choices


class InForceFilter(admin.SimpleListFilter):
    title = _("in force")
    parameter_name = "in_force"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("yes", _("Yes")), ("no", _("No"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        current = Q(pk__in=Appointment.objects.current().values("pk"))
        return queryset.filter({"yes": current, "no": ~current}.get(self.value() or "", Q()))


@admin.register(Appointment)
class AppointmentAdmin(ManagedAdmin):
    """An appointment is made and later ended; in between nothing of it changes."""

    audit_kind = AuditKind.PEOPLE
    list_display = ("member", "post", "since", "until", "is_main", "leave")
    list_filter = (InForceFilter, "is_main")
    list_select_related = ("member", "post__grid", "post__department", "leave__member")
    search_fields = ("member__name", "post__title")
    sortable_by = ("since", "until")
    ordering = ("-since", "-id")
    autocomplete_fields = ("member", "post")
    change_list_template = "admin/members/appointment/change_list.html"

    def get_urls(self) -> list[Any]:
        new = self.admin_site.admin_view(self.new_person)
        return [path("new-person/", new, name="members_appointment_new_person"), *super().get_urls()]

    def new_person(self, request: HttpRequest) -> HttpResponse:
        """Somebody who is new here: person, login and appointment in one form. The password is shown once."""
        self._must_open(request)
        vacant = posts_to_fill(request.user).exclude(pk__in=Appointment.objects.current().values("post"))
        data = request.POST if request.method == "POST" else None
        asked = request.GET.get("post", "")
        form = AppointNewForm(data, posts=vacant, initial={"post": asked if asked.isdigit() else None})
        done = False
        if form.is_valid():
            form.vacancy = post = form.cleaned_data["post"]
            try:
                employ(people=[(form.person(), post)], township_code=post.township_code, by=request.user)
                done = True
            except DomainError as error:
                show_refusal(form, error)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Appoint somebody new"),
            "form": form,
            "forms": [form],
            "done": done,
            "media": self.media + form.media,
        }
        return render(request, "admin/members/appointment/new_person.html", context)

    def seen_by(self, user: Any) -> Rows:
        return Appointment.objects.filter(post__in=posts_seen(user).values("pk"))

    def may_add(self, user: Any) -> bool:
        return True

    def may_change(self, user: Any, row: Any = None) -> bool:
        if row is None:
            return True
        running = row.leave_id is None and (row.until is None or row.until > clock.today())
        return running and posts_to_fill(user).filter(pk=row.post_id).exists()

    def choices(self, user: Any) -> Mapping[str, Rows]:
        return {"member": members_seen(user).filter(is_active=True), "post": posts_to_fill(user)}

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("member", "post", "is_main", "since", "until", *(("reason",) if obj else ()))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("member", "post", "is_main", "since") if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        if change:
            end_appointment(appointment=obj, until=obj.until, reason=obj.reason)
        else:
            made = appoint(
                member=obj.member, post=obj.post, since=obj.since, until=obj.until, is_main=obj.is_main
            )
            obj.pk = made.pk


@admin.register(Leave)
class LeaveAdmin(ManagedAdmin):
    """Who is away and who stands in: of the people whom one may change, and of oneself. Ended earlier, never edited."""

    audit_kind = AuditKind.PEOPLE
    list_display = ("member", "kind", "since", "until", "deputy", "entered_by")
    list_filter = ("kind",)
    list_select_related = ("member", "deputy", "entered_by")
    search_fields = ("member__name", "deputy__name")
    sortable_by = ("since", "until")
    ordering = ("-since", "-id")
    autocomplete_fields = ("member", "deputy")

    def seen_by(self, user: Any) -> Rows:
        return Leave.objects.filter(Q(member__in=members_seen(user).values("pk")) | Q(member__user=user.pk))

    def may_add(self, user: Any) -> bool:
        return True

    def may_change(self, user: Any, row: Any = None) -> bool:
        if row is None:
            return True
        own = row.member.user_id == user.pk
        return row.until > clock.today() and (
            own or members_to_change(user).filter(pk=row.member_id).exists()
        )

    def choices(self, user: Any) -> Mapping[str, Rows]:
        return {
            "member": (members_to_change(user) | Member.objects.filter(user=user.pk)).filter(is_active=True),
            "deputy": members_seen(user).filter(user__is_active=True, is_active=True),
        }

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = ("member", "kind", "since", "until", "deputy", "reason")
        return (*shown, "entered_by", "entered_at") if obj else shown

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return tuple(name for name in self.get_fields(request, obj) if name != "until") if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        if change:
            end_leave(leave=Leave.objects.select_related("deputy").get(pk=obj.pk), until=obj.until)
            return
        made = take_leave(
            member=obj.member,
            deputy=obj.deputy,
            since=obj.since,
            until=obj.until,
            kind=obj.kind,
            reason=obj.reason,
            entered_by=standing_of(request.user).member,
        )
        obj.pk = made.pk


@admin.register(Department)
class DepartmentAdmin(ManagedAdmin):
    """A new department comes with the post of its duty officer."""

    list_display = ("name", "phone", "from_plan", "is_active")
    ordering = ("township_code", "id")

    def opens_to(self, user: Any) -> bool:
        return bool(managed_townships(user))

    def seen_by(self, user: Any) -> Rows:
        return Department.objects.filter(township__in=managed_townships(user))

    def may_add(self, user: Any) -> bool:
        return True

    def may_change(self, user: Any, row: Any = None) -> bool:
        return True

    def choices(self, user: Any) -> Mapping[str, Rows]:
        return {"township": Grid.objects.filter(pk__in=managed_townships(user))}

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("name", "phone", "from_plan", "is_active") if obj else ("township", "name", "phone")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("from_plan",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        if not change:
            obj.pk = create_departments(township=obj.township, names=[obj.name], from_plan=False)[0].pk
            obj._state.adding, obj.from_plan = False, False  # noqa: SLF001  the action has made the row
        super().save_model(request, obj, form, change)


class RoleForm(ActionForm):
    permissions = forms.MultipleChoiceField(
        label=_("permissions"), choices=Verb.choices, required=False, widget=forms.CheckboxSelectMultiple
    )


@admin.register(Role)
class RoleAdmin(TechnicalAdmin):
    """What a role may do; a change reaches everybody who holds it at once."""

    form = RoleForm
    audit_kind = None
    list_display = ("name", "code", "township", "is_staff")
    list_select_related = ("township",)
    ordering = ("township", "id")
    fields = ("township", "code", "name", "permissions", "is_staff")
    readonly_fields = ("township", "code", "name")

    def may_change(self, user: Any, row: Any = None) -> bool:
        return True

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        asked = form.cleaned_data["permissions"]
        obj.permissions = form.initial["permissions"]  # the trail names what was before
        change_role(role=obj, permissions=asked, is_staff=obj.is_staff, user=request.user)
