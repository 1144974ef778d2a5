"""Admin pages of what a township exchanges with others: webhooks and their deliveries, notice channels, keys of Open311."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from gridgov.common.admin import ActionForm, Rows, is_technical, resend
from gridgov.common.channels import checked_channel, shown
from gridgov.common.errors import DomainError
from grids.admin import TownshipAdmin, managed_townships
from grids.enums import Kind
from grids.models import Grid
from incidents.actions.public import issue_key, revoke_key
from incidents.actions.webhooks import TOPIC, forget_targets, send_test
from incidents.models import Delivery, ServiceKey, WebhookTarget
from incidents.steps import REPORT
from incidents.workflow import OTHER_ROWS, TRANSITIONS
from members.actions import forget_channels, send_test_notice
from members.enums import MessageKind
from members.models import Member, NoticeChannel

EVENTS = [
    (REPORT, gettext_lazy("report")),
    *((name, move.label) for name, move in TRANSITIONS.items()),
    *((name, done) for name, done in OTHER_ROWS.items() if name != REPORT),
]


def several(label: Any, choices: Any, help_text: Any) -> forms.TypedMultipleChoiceField:
    return forms.TypedMultipleChoiceField(
        label=label, choices=choices, required=False, widget=forms.CheckboxSelectMultiple, help_text=help_text
    )


class ExchangeAdmin(TownshipAdmin):
    """Of one's own township; the technical administrator's of all."""

    def may_add(self, user: Any) -> bool:
        return True

    def choices(self, user: Any) -> Mapping[str, Rows]:
        towns = Grid.objects.filter(kind=Kind.TOWNSHIP)
        return {"township": towns if is_technical(user) else towns.filter(pk__in=managed_townships(user))}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("township", *self.readonly_fields) if obj else self.readonly_fields


class WebhookForm(ActionForm):
    events = several(
        gettext_lazy("events"),
        EVENTS,
        gettext_lazy("Without a choice all of them, also those that come later."),
    )


@admin.register(WebhookTarget)
class WebhookAdmin(ExchangeAdmin):
    form = WebhookForm
    untold = ("url",)  # may carry a key
    list_display = ("name", "township", "url", "is_active", "created_at")
    list_filter = ("is_active",)
    list_select_related = ("township",)
    ordering = ("township", "name")
    fields = ("township", "name", "url", "is_active", "events")
    actions = ("test",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        super().save_model(request, obj, form, change)
        forget_targets()
        if not change:
            text = _(
                "The secret with which the receiver checks the signature: %(secret)s. It is shown only now."
            )
            messages.warning(request, text % {"secret": obj.secret})

    @admin.action(description=gettext_lazy("Send a test message"))
    def test(self, request: HttpRequest, queryset: Rows) -> None:
        for target in queryset[:20]:
            send_test(target=target)
        messages.success(request, _("A test message is on its way; the deliveries tell what became of it."))


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("waiting", _("waits")), ("sent", _("sent")), ("dead", pgettext("message", "given up"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        narrowed: dict[str, dict[str, Any]] = {
            "waiting": {"sent_at": None, "dead_at": None},
            "sent": {"sent_at__isnull": False},
            "dead": {"dead_at__isnull": False},
        }
        return queryset.filter(**narrowed.get(self.value() or "", {}))


@admin.register(Delivery)
class DeliveryAdmin(TownshipAdmin):
    """What went out by webhook, what became of it, and once more if need be."""

    township_field = "township_code"
    list_display = ("event", "number", "target", "created_at", "state", "attempts", "last_error")
    list_filter = (StateFilter,)
    sortable_by = ()
    ordering = ("-created_at", "-id")
    fields = (
        "event",
        "number",
        "target",
        "key",
        "created_at",
        "state",
        "attempts",
        "sent_at",
        "dead_at",
        "last_error",
    )
    readonly_fields = fields
    actions = ("send_again",)

    def seen_by(self, user: Any) -> Rows:
        return super().seen_by(user).filter(topic=TOPIC)

    def may_change(self, user: Any, row: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> Rows:
        self.names = dict(WebhookTarget.objects.values_list("pk", "name"))
        return super().get_queryset(request)

    @admin.display(description=gettext_lazy("event"))
    def event(self, row: Delivery) -> str:
        name = row.payload["body"]["event"]
        return str(dict(EVENTS).get(name, name))

    @admin.display(description=gettext_lazy("number"))
    def number(self, row: Delivery) -> str:
        return str(row.payload["body"].get("number", ""))

    @admin.display(description=gettext_lazy("webhook"))
    def target(self, row: Delivery) -> str:
        return self.names.get(row.payload["to"], "–")

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: Delivery) -> str:
        if row.sent_at is not None:
            return _("sent")
        return pgettext("message", "given up") if row.dead_at is not None else _("waits")

    @admin.action(description=gettext_lazy("Send the selected messages again"), permissions=["view"])
    def send_again(self, request: HttpRequest, queryset: Rows) -> None:
        resend(request, queryset)


class ChannelForm(ActionForm):
    url = forms.CharField(
        label=gettext_lazy("address"),
        max_length=500,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off", "size": 60}),
        help_text=gettext_lazy(
            "wecombot://key, dingtalk://token, feishu://token, mailtos://user:password@machine?to=… or jsons://machine/path. "
            "It is not shown again; empty keeps it."
        ),
    )
    kinds = several(
        gettext_lazy("kinds of messages"), MessageKind.choices, gettext_lazy("Without a choice all of them.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "url" in self.fields:
            self.fields["url"].required = False

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"] or self.instance.url
        try:
            checked_channel(url)
        except DomainError as error:
            raise forms.ValidationError(str(error.detail)) from error
        return url

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        town, member = (
            cleaned.get("township") or getattr(self.instance, "township", None),
            cleaned.get("member"),
        )
        if town is not None and member is not None and member.township_code != town.pk:
            self.add_error("member", _("This person does not work in this township."))
        return cleaned


@admin.register(NoticeChannel)
class NoticeChannelAdmin(ExchangeAdmin):
    """Groups and people that hear by another channel. The address is a secret and is not shown."""

    form = ChannelForm
    untold = ("url",)
    list_display = ("name", "township", "member", "address", "waits", "is_active")
    list_filter = ("is_active",)
    list_select_related = ("township", "member")
    ordering = ("township", "name")
    fields = ("township", "member", "name", "url", "kinds", "waits", "is_active")
    actions = ("test",)

    def choices(self, user: Any) -> Mapping[str, Rows]:
        towns = super().choices(user)["township"]
        people = Member.objects.filter(township_code__in=towns.values("pk")).active().for_list()
        return {"township": towns, "member": people}

    @admin.display(description=gettext_lazy("address"))
    def address(self, row: NoticeChannel) -> str:
        return shown(row.url)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        super().save_model(request, obj, form, change)
        forget_channels()

    @admin.action(description=gettext_lazy("Send a test message"))
    def test(self, request: HttpRequest, queryset: Rows) -> None:
        for channel in queryset[:20]:
            send_test_notice(channel=channel)
        messages.success(request, _("A test message is on its way."))


@admin.register(ServiceKey)
class ServiceKeyAdmin(ExchangeAdmin):
    """A key is made here, shown once, and revoked here; what it reported stays."""

    list_display = ("name", "township", "hint", "created_at", "revoked_at")
    list_select_related = ("township",)
    ordering = ("township", "-created_at")
    fields = ("township", "name", "hint", "created_at", "revoked_at")
    readonly_fields = ("hint", "created_at", "revoked_at")
    actions = ("revoke",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        if change:
            super().save_model(request, obj, form, change)
            return
        text = issue_key(key=obj)
        messages.warning(
            request, _("The key: %(key)s. It is shown only now; only its hash is kept.") % {"key": text}
        )

    @admin.action(description=gettext_lazy("Revoke the selected keys"))
    def revoke(self, request: HttpRequest, queryset: Rows) -> None:
        count = revoke_key(keys=queryset)
        messages.success(
            request, ngettext("%(n)s key is revoked.", "%(n)s keys are revoked.", count) % {"n": count}
        )
