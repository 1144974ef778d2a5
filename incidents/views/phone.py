"""A phone call taken down at the desk: five inputs, the keyboard alone, and the number to read to the caller."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from gridgov.common.enums import Channel
from gridgov.common.errors import DomainError, Invalid
from gridgov.common.forms import show_refusal
from grids.enums import Kind, Verb
from grids.models import Grid
from grids.querysets import places_of
from incidents.actions import report
from incidents.enums import Source
from incidents.models import Category, Incident
from incidents.search.words import asked, plain, usual_initials
from incidents.views.scope import content_hash
from members.querysets import standing_of

IN_ERROR = 5  # names that an ambiguous one could mean


class PhoneForm(forms.Form):
    """Places and categories are typed, not picked: by name, a part of it, or pinyin initials. More words are the exact place."""

    place = forms.CharField(
        label=gettext_lazy("Where"),
        max_length=120,
        help_text=gettext_lazy("Grid by name or pinyin initials; after a space the exact place."),
        widget=forms.TextInput({"list": "places", "autocomplete": "off"}),
    )
    category = forms.CharField(
        label=gettext_lazy("Category"),
        max_length=60,
        widget=forms.TextInput({"list": "categories", "autocomplete": "off"}),
    )
    description = forms.CharField(
        label=gettext_lazy("What happened"), max_length=4000, widget=forms.Textarea({"rows": 3})
    )
    name = forms.CharField(label=gettext_lazy("Caller's name"), max_length=40, required=False)
    phone = forms.CharField(
        label=gettext_lazy("Caller's phone"),
        max_length=30,
        required=False,
        widget=forms.TextInput({"inputmode": "tel", "autocomplete": "off"}),
    )
    client_uuid = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, user: Any) -> None:
        super().__init__(data, initial={"client_uuid": uuid.uuid4()})
        self.grids = _named(Grid.objects.named_by(user).order_by("code"))
        categories = Category.objects.visible_to(user).active().select_related("procedure")
        self.categories = {category.name: category for category in categories}
        self.fields["name"].widget.attrs["autocomplete"] = "off"
        self.fields["place"].widget.attrs["autofocus"] = True

    @property
    def suggestions(self) -> dict[str, list[tuple[str, str]]]:
        """Names with their pinyin initials, which the browser matches too."""
        return {
            "places": [(name, usual_initials(name)) for name in self.grids],
            "categories": [(name, usual_initials(name)) for name in self.categories],
        }

    def clean_place(self) -> Grid:
        """The most words that name one grid; what is left is the exact place."""
        words = self.cleaned_data["place"].split()
        fitting: list[str] = []
        for count in range(len(words), 0, -1):
            found = _meant(" ".join(words[:count]), self.grids)
            if len(found) == 1:
                self.address = " ".join(words[count:])
                return self.grids[found[0]]
            fitting = found or fitting
        raise forms.ValidationError(_refusal(fitting, _("No grid is called so.")))

    def clean_category(self) -> Category:
        found = _meant(self.cleaned_data["category"], self.categories)
        if len(found) == 1:
            return self.categories[found[0]]
        raise forms.ValidationError(_refusal(found, _("No category is called so.")))

    def to_first_error(self) -> None:
        """The cursor stands where something is to be put right."""
        for field in self.fields.values():
            field.widget.attrs.pop("autofocus", None)
        first = next((name for name in self.fields if self.errors.get(name)), "place")
        self.fields[first].widget.attrs["autofocus"] = True

    def arguments(self) -> dict[str, Any]:
        given = self.cleaned_data
        found = {
            "grid": given["place"],
            "category": given["category"],
            "description": given["description"],
            "address": self.address,
            "source": Source.RESIDENT,
            "channel": Channel.PHONE,
        }
        if given["name"] or given["phone"]:
            found["requester"] = {
                "name": given["name"],
                "phone": given["phone"],
                "wants_feedback": bool(given["phone"]),
                "channel": Channel.PHONE,
            }
        return found


def _named(grids: Iterable[Grid]) -> dict[str, Grid]:
    """Grids by the name people say: a group with its village."""
    rows = list(grids)
    villages = {grid.code: grid.name for grid in rows if grid.kind == Kind.VILLAGE}
    found = {}
    for grid in rows:
        village = villages.get(grid.village_code, "")
        inside = grid.kind == Kind.GROUP and village and not grid.name.startswith(village)
        found[f"{village}{grid.name}" if inside else grid.name] = grid
    return found


def _meant(typed: str, names: Iterable[str]) -> list[str]:
    """The name itself, else those that all the words or initials fit."""
    listed, wanted = list(names), plain(typed).strip()
    exact = [name for name in listed if plain(name) == wanted]
    if exact:
        return exact
    words = asked(typed)
    fitting = [name for name in listed if words and all(word.names(name) for word in words)]
    whole = [name for name in fitting if len(name) == len(wanted)]
    return whole if len(whole) == 1 else fitting


def _refusal(found: list[str], nothing: str) -> str:
    if not found:
        return nothing
    names = "、".join(found[:IN_ERROR]) + ("…" if len(found) > IN_ERROR else "")
    return _("This fits several: %(names)s") % {"names": names}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def phone(request: HttpRequest) -> HttpResponse:
    """Saved: the number to read to the caller, a link, and the form empty for the next call."""
    user: Any = request.user
    if standing_of(user).member is None or not places_of(user)[Verb.REPORT]:
        raise PermissionDenied
    if request.method != "POST":
        done = request.GET.get("done", "")
        return _page(request, PhoneForm(user=user), done=_done(user, done))
    form = PhoneForm(request.POST, user=user)
    try:
        if not form.is_valid():
            raise Invalid(_("Something is missing or not right."))
        call = form.cleaned_data["client_uuid"]
        content = content_hash(request, "phone")
        incident = report(user=user, client_uuid=call, body_hash=content, **form.arguments()).incident
    except DomainError as error:
        if not form.errors:
            show_refusal(form, error)
        form.to_first_error()
        return _page(request, form, status=error.status)
    return redirect(f"{reverse('incidents:phone')}?done={incident.pk}")


def _done(user: Any, text: str) -> Incident | None:
    try:
        return Incident.objects.visible_to(user).filter(pk=uuid.UUID(text)).select_related("grid").first()
    except ValueError:
        return None


def _page(
    request: HttpRequest, form: PhoneForm, *, done: Incident | None = None, status: int = 200
) -> HttpResponse:
    return render(request, "incidents/phone.html", {"form": form, "done": done}, status=status)
