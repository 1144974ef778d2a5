"""The people of a matter as its page shows them, and the small forms beside them."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from gridgov.common.enums import Channel
from grids.enums import Verb
from grids.querysets import holds
from incidents.enums import CategoryKind, Grade, PartySide
from incidents.forms import YES_NO
from incidents.models import FeedbackRequest, Incident
from incidents.permissions import may_answer_for_requester, may_name_parties, may_reveal, may_see_requester

SPOKEN = [choice for choice in Channel.choices if choice[0] != Channel.SYSTEM]


class PartyForm(forms.Form):
    side = forms.ChoiceField(label=gettext_lazy("Side"), choices=PartySide.choices)
    name = forms.CharField(label=gettext_lazy("Name"), max_length=40)
    phone = forms.CharField(label=gettext_lazy("Phone"), max_length=30, required=False)
    address = forms.CharField(label=gettext_lazy("Address"), max_length=120, required=False)
    client_uuid = forms.UUIDField(widget=forms.HiddenInput)


class RevealForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("What do you need it for?"),
        max_length=200,
        help_text=gettext_lazy(
            "Your name and the reason stay visible on this matter and in the audit trail."
        ),
    )
    client_uuid = forms.UUIDField(widget=forms.HiddenInput)


class FeedbackForm(forms.Form):
    """The requester's answer."""

    grade = forms.TypedChoiceField(
        label=gettext_lazy("How satisfied are you?"),
        choices=Grade.choices,
        coerce=int,
        widget=forms.RadioSelect,
    )
    solved = forms.TypedChoiceField(
        label=gettext_lazy("Is it solved?"),
        choices=YES_NO,
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect,
    )
    comment = forms.CharField(
        label=gettext_lazy("What else you want to say"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class AnswerForm(FeedbackForm):
    channel = forms.ChoiceField(label=gettext_lazy("How it was said"), choices=SPOKEN)
    client_uuid = forms.UUIDField(widget=forms.HiddenInput)

    field_order = ("grade", "solved", "channel", "comment")


class RemovalForm(forms.Form):
    party = forms.UUIDField()


def people_section(user: Any, incident: Incident) -> dict[str, Any]:
    """What the side of a matter's page says of its people, and what one may do there. Three queries at most."""
    in_full = may_see_requester(user, incident)
    asked = getattr(incident, "requester", None)
    disputed = incident.category.kind == CategoryKind.DISPUTE
    parties = [party.shown(in_full=in_full) for party in incident.parties.all()] if disputed else []
    shown = asked.shown(in_full=in_full) if asked is not None else None
    masked = any(one["masked"] for one in (*parties, *([shown] if shown else [])))
    answers = list(FeedbackRequest.objects.filter(incident=incident).order_by("created_at"))
    sees_reveals = holds(user, Verb.MANAGE, str(incident.grid_id)) or holds(
        user, Verb.AUDIT, str(incident.grid_id)
    )
    return {
        "requester": shown,
        "parties": parties,
        "answers": [one for one in answers if one.answered_at],
        "reveals": list(incident.reveals.select_related("member")) if sees_reveals else [],
        "party_form": _fresh(PartyForm, "party")
        if disputed and may_name_parties(user, incident) is None
        else None,
        "reveal_form": _fresh(RevealForm, "reveal")
        if masked and may_reveal(user, incident) is None
        else None,
        "answer_form": _fresh(AnswerForm, "answer")
        if any(one.answered_at is None for one in answers)
        and may_answer_for_requester(user, incident) is None
        else None,
    }


def _fresh(form: type[forms.Form], name: str) -> forms.Form:
    return form(initial={"client_uuid": uuid.uuid4()}, auto_id=f"{name}_%s")
