"""New grids of a township that runs a plan get the plan's posts at once."""

from collections.abc import Sequence
from typing import Any

from django.dispatch import receiver

from gridgov.plans.actions import fill_posts
from grids.actions import grids_added
from grids.models import Grid, Township
from members.models import Post


@receiver(grids_added)
def _fill_posts(sender: Any, grids: Sequence[Grid], **kwargs: Any) -> list[Post]:
    township = Township.objects.select_related("grid").get(pk=grids[0].township_code)
    return fill_posts(township=township, grids=grids)
