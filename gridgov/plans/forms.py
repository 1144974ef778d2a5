"""Forms of the first start: the first account, the township with its villages, who begins there."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.auth.forms import SetPasswordMixin
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gridgov.common.errors import DomainError
from gridgov.common.models import User
from gridgov.common.xlsx import Row
from gridgov.plans import first_run, loader
from gridgov.plans.actions import missing_villages
from gridgov.plans.divisions import read_rows
from gridgov.plans.schema import Preset
from grids.actions import LONGEST_NAME, NewGrid, problems
from grids.models import Township
from members.forms import NewPersonForm
from members.models import Post


class FirstAccountForm(SetPasswordMixin, forms.Form):
    code = forms.CharField(
        label=gettext_lazy("Setup code"),
        max_length=40,
        help_text=gettext_lazy(
            "It stands in the terminal where gridgov was started, and in its data folder."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
    )
    username = forms.CharField(
        label=gettext_lazy("User name"),
        max_length=64,
        validators=[UnicodeUsernameValidator()],
        initial="admin",
        widget=forms.TextInput(attrs={"autocomplete": "username"}),
    )
    password1, password2 = SetPasswordMixin.create_password_fields(
        label1=gettext_lazy("Password"), label2=gettext_lazy("Password once more")
    )

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if not first_run.is_right(code):
            raise ValidationError(_("This is not the code. It is printed again at each start of gridgov."))
        return code

    def clean(self) -> dict[str, Any]:
        self.validate_passwords()
        self.validate_password_for_user(User(username=self.cleaned_data.get("username", "")))
        return super().clean() or self.cleaned_data


LARGEST_PLAN = 500  # KB; those that gridgov brings have 20


class TownshipForm(forms.Form):
    """The villages are one text of lines `code,name`: a file fills it, so that nothing is lost when a row is wrong, and
    a line has the number that the row has in the file. A plan of one's own is a text as well, for the same reason, and
    because the browser sends a file only once: with the preview, not with what confirms it."""

    code = forms.CharField(
        label=gettext_lazy("Code of the township"),
        help_text=gettext_lazy("9 digits, as the National Bureau of Statistics publishes them."),
        max_length=20,
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
    )
    name = forms.CharField(label=gettext_lazy("Name of the township"), max_length=LONGEST_NAME)
    plan = forms.TypedChoiceField(label=gettext_lazy("Plan"), coerce=int)
    plan_file = forms.FileField(
        label=gettext_lazy("File of a plan of one's own"),
        required=False,
        help_text=gettext_lazy("yaml, as it is exported; instead of the plan chosen above."),
        widget=forms.FileInput(attrs={"accept": ".yaml,.yml"}),
    )
    own_plan = forms.CharField(
        label=gettext_lazy("Plan of one's own"),
        required=False,
        max_length=LARGEST_PLAN << 10,
        help_text=gettext_lazy("The file fills this in. Empty: the plan chosen above."),
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        strip=False,
    )
    file = forms.FileField(
        label=gettext_lazy("File of the villages"),
        required=False,
        help_text=gettext_lazy("csv or xlsx with the columns code,name; it replaces the lines below."),
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx"}),
    )
    villages = forms.CharField(
        label=gettext_lazy("Villages"),
        required=False,
        help_text=gettext_lazy(
            "One per line: the 12-digit code, a comma, the name. Groups may follow with 15 digits."
        ),
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false"}),
        strip=False,
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.rows: list[Row] = []
        self.wrong: list[tuple[Row, str]] = []  # every row with its problem
        self.preset: Preset | None = None  # the plan that counts, once the form is valid
        self.is_own = False
        self.is_there = False  # the township: villages are added, its plan stays
        self.added: list[NewGrid] = []
        plan: Any = self.fields["plan"]
        plan.choices = [
            (
                number,
                _("Plan %(number)d: %(title)s") % {"number": number, "title": loader.preset(number).title},
            )
            for number in loader.PLANS
            if loader.has_preset(number)
        ]

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"].strip()
        problem = NewGrid(code, "–").problem()
        if problem or len(code) != 9:
            raise ValidationError(_("The code of a township has 9 digits."))
        return code

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self._take_plan(cleaned)
        if cleaned.get("file"):
            self._take_file(cleaned["file"])
        elif cleaned.get("villages", "").strip():
            self._take_text(cleaned["villages"])
        if "code" in cleaned and "name" in cleaned:
            self._look_through(NewGrid(cleaned["code"], cleaned["name"]))
        return cleaned

    def _take_file(self, file: Any) -> None:
        try:
            self.rows = read_rows(file)
        except DomainError as error:
            self.add_error("file", str(error.detail))
            return
        self._show("villages", as_lines(self.rows))

    def _take_plan(self, cleaned: Mapping[str, Any]) -> None:
        """What is wrong with a plan of one's own is said at its text, by the lines there."""
        text, file = cleaned.get("own_plan", ""), cleaned.get("plan_file")
        where = "plan_file"
        try:
            if file:
                text = _text_of(file)
                self._show("own_plan", text)
            where = "own_plan"
            self.is_own = bool(text.strip())
            if self.is_own:
                self.preset = loader.parse(text, name=file.name if file else "plan.yaml")
            elif "plan" in cleaned:
                self.preset = loader.preset(cleaned["plan"])
        except loader.BadPreset as error:
            for line in str(error.detail).splitlines():
                self.add_error(where, line)

    @property
    def plan_name(self) -> str:
        said = {"number": self.preset.number, "title": self.preset.title} if self.preset else {}
        return (_("Plan of one's own: %(title)s") if self.is_own else _("Plan %(number)d: %(title)s")) % said

    def _show(self, name: str, text: str) -> None:
        """In the field, to be mended in place."""
        data: Any = self.data.copy()  # type: ignore[attr-defined]
        data[self.add_prefix(name)] = text
        self.data = data

    def _take_text(self, text: str) -> None:
        text = text.replace("，", ",").replace("\t", ",")
        first = next(line for line in text.splitlines() if line.strip())
        headed = not first.split(",")[0].strip().isdigit()
        body = text if headed else f"code,name\n{text}"
        try:
            rows = read_rows(io.BytesIO(body.encode()))
        except DomainError as error:
            self.add_error("villages", str(error.detail))
            return
        self.rows = [Row(row.number - (not headed), row.values) for row in rows]

    def _look_through(self, town: NewGrid) -> None:
        """Every row against the township and the others; rows that stand in gridgov so already are no problem."""
        asked = [(row.values["code"], row.values["name"]) for row in self.rows]
        self.is_there = Township.objects.filter(pk=town.code).exists()
        self.added = missing_villages(township_code=town.code, villages=asked)
        with_town = [] if self.is_there else [town]
        found = problems(grids=[*with_town, *self.added], township_code=town.code)
        found.pop(town.code, None)
        self.wrong = [
            (row, found[row.values["code"]]) for row in self.rows if row.values["code"] in found
        ] + [(row, _("This is the township itself.")) for row in self.rows if row.values["code"] == town.code]
        for row, problem in sorted(self.wrong, key=lambda pair: pair[0].number):
            said = {
                "row": row.number,
                "code": row.values["code"],
                "name": row.values["name"],
                "problem": problem,
            }
            self.add_error("villages", _("Row %(row)d (%(code)s %(name)s): %(problem)s") % said)

    @property
    def asked(self) -> list[tuple[str, str]]:
        return [(row.values["code"], row.values["name"]) for row in self.rows]


def _text_of(file: Any) -> str:
    """Raises BadPreset."""
    if file.size > LARGEST_PLAN << 10:
        raise loader.BadPreset(_("A plan has at most %(size)d KB.") % {"size": LARGEST_PLAN})
    return loader.decoded(file.read(), name=file.name)


def as_lines(rows: Sequence[Row]) -> str:
    """Rows as lines with the same numbers."""
    lines = [""] * max((row.number for row in rows), default=0)
    if rows and rows[0].number > 1:
        lines[rows[0].number - 2] = "code,name"
    for row in rows:
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow([row.values["code"], row.values["name"]])
        lines[row.number - 1] = line.getvalue()
    return "\n".join(lines)


def people_forms(posts: Sequence[Post], data: Any = None) -> list[NewPersonForm]:
    """One form for each vacant post; those without a name stay vacant, except the one that answers for the unit."""
    return [
        NewPersonForm(data, vacancy=post, prefix=f"post-{post.pk}", optional=not post.is_responsible)
        for post in posts
    ]
