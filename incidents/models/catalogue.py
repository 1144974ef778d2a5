"""What kinds of matters there are and which way each goes."""

import json
from functools import cached_property, lru_cache

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from pydantic import ValidationError as SpecError

from grids.models import Grid
from incidents.enums import CategoryKind
from incidents.querysets import CategoryQuerySet
from incidents.workflow import PUBLISHED, ProcedureSpec, unread_rules


@lru_cache(maxsize=1024)
def _spec(data: str) -> ProcedureSpec:
    """Versions never change, and there are few: read once per process. A clause that nothing reads any more is left out:
    nothing went by it, and the checks of today refuse it."""
    spec = ProcedureSpec.model_validate_json(data, context=PUBLISHED)
    unread = unread_rules(spec.rules)
    read = {key: rule for key, rule in spec.rules.items() if key not in unread}
    return spec.model_copy(update={"rules": read})


class Procedure(models.Model):
    """One version of a procedure. A running incident keeps the version it began with, so rows are never edited."""

    township = models.ForeignKey(Grid, models.CASCADE, related_name="procedures")
    code = models.CharField(_("code"), max_length=40)
    version = models.PositiveIntegerField(_("version"), default=1)
    name = models.CharField(_("name"), max_length=60)
    rule_id = models.CharField(max_length=20, blank=True)
    data = models.JSONField(_("steps and limits"), default=dict)
    is_current = models.BooleanField(_("current version"), default=True)

    class Meta:
        verbose_name = _("procedure")
        verbose_name_plural = _("procedures")
        constraints = [
            models.UniqueConstraint(fields=["township", "code", "version"], name="procedure_version_once"),
            models.UniqueConstraint(
                fields=["township", "code"], condition=models.Q(is_current=True), name="procedure_one_current"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    def clean(self) -> None:
        try:
            ProcedureSpec.model_validate(self.data)
        except SpecError as error:
            said = [it["msg"].removeprefix("Value error, ") for it in error.errors()]
            raise ValidationError({"data": said}) from error

    @cached_property
    def spec(self) -> ProcedureSpec:
        return _spec(json.dumps(self.data, sort_keys=True))


class ProcedureDraft(models.Model):
    """What a township has typed for the next version of a procedure, finished or not. Nothing acts by it."""

    township = models.ForeignKey(Grid, models.CASCADE, related_name="+")
    code = models.CharField(max_length=40)
    base = models.ForeignKey(Procedure, models.CASCADE, related_name="+")  # the version it was begun from
    # as the form sent it, field -> values: what does not pass the checks is no spec yet
    typed = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)
    saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    saved_at = models.DateTimeField()

    class Meta:
        verbose_name = _("draft of a procedure")
        verbose_name_plural = _("drafts of procedures")
        constraints = [models.UniqueConstraint(fields=["township", "code"], name="procedure_one_draft")]

    def __str__(self) -> str:
        return f"{self.base} · {self.version}"


class Category(models.Model):
    """A kind of matter, with the township's own name for it."""

    township = models.ForeignKey(Grid, models.CASCADE, related_name="categories")
    code = models.CharField(_("code"), max_length=40)
    name = models.CharField(_("name"), max_length=60)
    kind = models.CharField(_("kind"), max_length=12, choices=CategoryKind)
    # the current version; publishing a new one re-points its categories, running incidents keep theirs
    procedure = models.ForeignKey(
        Procedure, models.PROTECT, related_name="categories", verbose_name=_("procedure")
    )
    must_report = models.BooleanField(_("must be reported at once"), default=False)
    rule_id = models.CharField(max_length=20, blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField(_("in use"), default=True)
    for_grids = models.BooleanField(
        _("may be sent to the grids"),
        default=True,
        help_text=_(
            "The admission list: what is not on it, the township does itself or gives to a department."
        ),
    )
    is_demo = models.BooleanField(default=False)
    # Open311: whether the public may report and follow such matters, and how it is told about them
    is_public = models.BooleanField(_("open to the public (Open311)"), default=False)
    public_note = models.CharField(_("what the public reads about it"), max_length=200, blank=True)

    objects = CategoryQuerySet.as_manager()

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ("township", "position", "code")
        constraints = [models.UniqueConstraint(fields=["township", "code"], name="category_once")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.procedure_id and self.procedure.township_id != self.township_id:
            raise ValidationError({"procedure": _("There is no such procedure in this township.")})
