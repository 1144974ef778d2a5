"""The base of all admin pages: our scope in place of Django's model permissions. And the pages of the kernel's own tables.

A page shows what its `seen_by` gives, to whom it `opens_to`; anything else is 404, the same as absent. Nothing asks
`is_superuser`, nothing is deleted, and a choice offers only what is in scope.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from knox.models import AuthToken

from gridgov.common import audit
from gridgov.common.actions import send_again
from gridgov.common.enums import AuditKind
from gridgov.common.errors import DomainError
from gridgov.common.forms import show_refusal
from gridgov.common.masking import HIDDEN
from gridgov.common.models import Heartbeat, OutboxMessage, SetAside, User

if TYPE_CHECKING:
    from django.db.models import ForeignKey

Rows = QuerySet[Any]


def is_technical(user: Any) -> bool:
    """Staff without a member: looks after logins, settings and the plan, and sees no case."""
    return bool(user.is_active and user.is_staff and getattr(user, "member", None) is None)


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts to a ceiling and no further, so that a list of a million rows costs what a list of a thousand costs."""

    ceiling = 1000

    @cached_property
    def _found(self) -> int:
        rows: Any = self.object_list
        found: int = rows.order_by()[: self.ceiling + 1].count()
        return found

    @cached_property
    def count(self) -> int:
        return min(self._found, self.ceiling)

    @property
    def more(self) -> bool:
        """Whether there are rows beyond the last page; they are found by narrowing the list."""
        return self._found > self.ceiling


class ActionForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form whose action may refuse: the refusal stands beside the fields it is about, and what was typed stays."""

    refused: ClassVar[DomainError | None] = None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.refused is not None:
            show_refusal(self, self.refused)
        return cleaned


def edited(form: forms.ModelForm[Any], untold: Collection[str]) -> dict[str, dict[str, Any]]:
    """What the form changed as the trail keeps it: `before` and `after`, field -> value; of `untold` fields only that they changed."""
    values: dict[str, dict[str, Any]] = {"before": {}, "after": {}}
    for name in form.changed_data:
        old, new = form.initial.get(name), form.cleaned_data.get(name)
        if isinstance(form.fields[name], forms.ModelChoiceField) and old is not None:
            rows: Any = form.fields[name].queryset.model._base_manager  # type: ignore[attr-defined]  # noqa: SLF001
            old = rows.filter(pk=old).first() or old  # by name too, like the new one
        for when, value in (("before", old), ("after", new)):
            values[when][name] = HIDDEN if name in untold else _plain(value)
    return values


def _plain(value: Any) -> Any:
    """As JSON holds it; a row by its name and key."""
    if isinstance(value, Model):
        return f"{value} ({value.pk})"
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


class Scoped:
    """Who may do what on a page. A subclass says it in the four methods that stand first."""

    scoped = True

    def seen_by(self, user: Any) -> Rows:
        return self.model._default_manager.visible_to(user)  # type: ignore[attr-defined, no-any-return]

    def opens_to(self, user: Any) -> bool:
        """Whether these pages exist for the user at all."""
        return False

    def may_add(self, user: Any) -> bool:
        return False

    def may_change(self, user: Any, row: Any = None) -> bool:
        return False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.opens_to(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.opens_to(request.user)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.opens_to(request.user) and self.may_add(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.opens_to(request.user) and self.may_change(request.user, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ScopedInline(Scoped, admin.TabularInline):  # type: ignore[type-arg]
    """Rows that belong to what is shown, to be read."""

    extra = max_num = 0
    can_delete = False

    def opens_to(self, user: Any) -> bool:
        return True

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields


class ScopedAdmin(Scoped, admin.ModelAdmin):  # type: ignore[type-arg]
    form = ActionForm
    list_per_page = 50
    show_full_result_count = False
    paginator = BoundedPaginator
    audit_kind: AuditKind | None = AuditKind.SETTINGS  # None: the action writes the trail itself
    untold: Collection[str] = ()  # fields whose values the trail does not keep: it is never erased

    def choices(self, user: Any) -> Mapping[str, Rows]:
        """What may be chosen, by the name of the foreign key. A key without an entry offers nothing."""
        return {}

    def get_queryset(self, request: HttpRequest) -> Rows:
        rows = self.seen_by(request.user)
        return rows.order_by(*self.get_ordering(request)) if self.get_ordering(request) else rows

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is None:
            raise Http404
        return found

    def get_urls(self) -> list[Any]:
        """Without the page that deletes, and without the redirects of old addresses."""
        return [url for url in super().get_urls() if url.name and not url.name.endswith("_delete")]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Only what the filters beside the list write; another parameter could ask about fields nobody shows."""
        names = {getattr(entry, "parameter_name", entry) for entry in self.list_filter}
        return lookup.removesuffix("__exact") in names

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        target = db_field.remote_field.model._default_manager
        kwargs["queryset"] = self.choices(request.user).get(db_field.name, target.none())
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget  # no windows that open on top
        return field

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.refused = getattr(request, "refused", None)
        return form

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        self._must_open(request)
        return super().changelist_view(request, extra_context)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        self._must_open(request)
        return super().history_view(request, object_id, extra_context)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Django's page; where an action refuses, its transaction is undone and the form comes again with the refusal."""
        self._must_open(request)
        try:
            return super().changeform_view(request, *args, **kwargs)
        except DomainError as error:
            request.refused = error  # type: ignore[attr-defined]
            return super().changeform_view(request, *args, **kwargs)

    def _must_open(self, request: HttpRequest) -> None:
        if not self.opens_to(request.user):
            raise Http404

    def construct_change_message(
        self,
        request: HttpRequest,
        form: Any,
        formsets: Any,
        add: bool = False,  # noqa: FBT001, FBT002
    ) -> Any:
        if not add and isinstance(form, forms.ModelForm):
            request.edited = edited(form, self.untold)  # type: ignore[attr-defined]
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._audit(request, obj, "added")
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._audit(request, obj, "changed", **getattr(request, "edited", {}))
        return super().log_change(request, obj, message)

    def _audit(self, request: HttpRequest, obj: Any, what: str, **detail: Any) -> None:
        if self.audit_kind is not None:
            audit.record(
                self.audit_kind,
                user=request.user,
                subject=f"{self.opts.verbose_name} {obj}",
                township_code=str(getattr(obj, "township_code", "") or getattr(obj, "township_id", "")),
                request=request,
                what=what,
                **detail,
            )


class TechnicalAdmin(ScopedAdmin):
    """For the technical administrator: of the whole installation, and never about cases."""

    def seen_by(self, user: Any) -> Rows:
        rows: Rows = self.model._default_manager.all()
        return rows

    def opens_to(self, user: Any) -> bool:
        return is_technical(user)


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]
    def save(self, commit: bool = True) -> Any:  # noqa: FBT001, FBT002
        """A new password ends what the old one opened: sessions by Django's own check, tokens here.

        Whoever sets it knows it, so it is good for one login.
        """
        self.user.must_change_password = True
        user = super().save(commit)
        AuthToken.objects.filter(user=user).delete()
        return user


@admin.register(User)
class UserAdmin(TechnicalAdmin, DjangoUserAdmin):  # type: ignore[type-arg]
    """Logins. Who is a person's login and what it may do follows from posts, so no permission is given here."""

    form = DjangoUserAdmin.form  # type: ignore[misc]
    change_password_form = PasswordForm
    audit_kind = AuditKind.PEOPLE
    list_display = ("username", "belongs_to", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff")
    list_select_related = ("member",)
    search_fields = ("username",)
    ordering = ("username",)
    filter_horizontal = ()
    readonly_fields = ("belongs_to", "date_joined", "last_login")
    fieldsets = (
        (None, {"fields": ("username", "password", "belongs_to")}),
        (_("Rights"), {"fields": ("is_active", "is_staff")}),
        (_("Dates"), {"fields": ("date_joined", "last_login")}),
    )

    @admin.display(description=_("belongs to"))
    def belongs_to(self, user: User) -> str:
        return str(getattr(user, "member", "") or "")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        self._must_open(request)
        return super().add_view(request, form_url, extra_context)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        self._must_open(request)
        return super().user_change_password(request, id, form_url)

    def may_add(self, user: Any) -> bool:
        return True

    def may_change(self, user: Any, row: Any = None) -> bool:
        return True

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        obj.must_change_password = obj.must_change_password or not change
        super().save_model(request, obj, form, change)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A member is staff through posts; and nobody closes the own way in."""
        if obj is not None and obj == request.user:
            return (*self.readonly_fields, "is_active", "is_staff")
        if obj is not None and getattr(obj, "member", None) is not None:
            return (*self.readonly_fields, "is_staff")
        return self.readonly_fields


@admin.register(OutboxMessage)
class OutboxAdmin(TechnicalAdmin):
    """Messages that could not be sent. What they say is not shown: it may speak of a case."""

    list_display = ("topic", "key", "township_code", "created_at", "attempts", "dead_at", "last_error")
    fields = list_display
    list_filter = ("topic",)
    ordering = ("-created_at", "-id")
    actions = ("send_again",)

    def seen_by(self, user: Any) -> Rows:
        return OutboxMessage.objects.filter(dead_at__isnull=False)

    @admin.action(description=_("Send the selected messages again"))
    def send_again(self, request: HttpRequest, queryset: Rows) -> None:
        resend(request, queryset)


def resend(request: HttpRequest, queryset: Rows) -> None:
    """The selected messages are due now; those that were sent stay."""
    count = send_again(ids=queryset.values_list("pk", flat=True)[:1000])
    messages.success(
        request, ngettext("%(n)s message will be sent.", "%(n)s messages will be sent.", count) % {"n": count}
    )


@admin.register(SetAside)
class SetAsideAdmin(TechnicalAdmin):
    """Rows that recurring work could not do; the rest went on. Only the kind of error: the text may speak of a case."""

    list_display = ("work", "key", "error", "times", "first_at", "last_at", "retry_at")
    fields = list_display
    ordering = ("-last_at", "-id")


@admin.register(Heartbeat)
class HeartbeatAdmin(TechnicalAdmin):
    """When each recurring piece of work last ended."""

    works: ClassVar[Mapping[str, Any]] = {
        "sweep": _("looking for what is late"),
        "outbox": _("sending what must leave gridgov"),
        "search": _("noting what is searched for"),
        "yellow": _("warning before a deadline"),
        "clock-confirmed": _("the system time was confirmed"),
    }
    list_display = ("work", "at")
    fields = ("work", "at", "detail")
    ordering = ("name",)

    @admin.display(description=_("name"))
    def work(self, heartbeat: Heartbeat) -> str:
        return str(self.works.get(heartbeat.name, heartbeat.name))
