"""Orders from above: how a superior body's list calls its columns."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from gridgov.common import clock
from grids.models import Grid


class OrderMapping(models.Model):
    """The columns of one kind of list, in the list's own order and words: [{"header": "工单编号", "key": "external_no"}, …].

    An empty key: gridgov does not know the column. `usual` stands where a row says nothing: {"grid": code, "category": code}.
    """

    township = models.ForeignKey(Grid, models.CASCADE, related_name="order_mappings")
    name = models.CharField(_("name"), max_length=40)
    columns = models.JSONField(_("columns"), default=list)
    usual = models.JSONField(_("usual values"), default=dict)
    version = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name = _("column mapping")
        verbose_name_plural = _("column mappings")
        default_permissions = ()
        ordering = ("township", "name")
        constraints = [models.UniqueConstraint(fields=["township", "name"], name="order_mapping_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def headers(self) -> dict[str, str]:
        """Header -> key, of the columns that gridgov reads."""
        return {one["header"]: one["key"] for one in self.columns if one["key"]}
