"""What the incidents room does when posts or grids change below it."""

from collections.abc import Iterable
from typing import Any

from django.dispatch import receiver

from grids.actions import succeeded, year_completed
from grids.models import Succession
from incidents.actions import follow_assisting, follow_posts, follow_succession, follow_years
from members.actions import responsibility_changed


@receiver(responsibility_changed)
def _follow_posts(sender: Any, codes: Iterable[str], departments: Iterable[int], **kwargs: Any) -> int:
    followed = follow_assisting(codes=codes, departments=departments)
    return follow_posts(codes=codes, departments=departments) + followed


@receiver(succeeded)
def _follow_succession(sender: Any, succession: Succession, **kwargs: Any) -> list[Any]:
    return follow_succession(succession=succession)


@receiver(year_completed)
def _follow_years(sender: Any, **kwargs: Any) -> int:
    return follow_years()
