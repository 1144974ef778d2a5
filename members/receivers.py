"""What the members room does when a grid is succeeded."""

from typing import Any

from django.dispatch import receiver

from grids.actions import succeeded
from grids.models import Succession
from members.actions import follow_succession


@receiver(succeeded)
def _re_point_appointments(sender: Any, succession: Succession, **kwargs: Any) -> list[Any]:
    return follow_succession(succession=succession)
