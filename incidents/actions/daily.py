"""The morning's word to each township about what nobody able answers for and what lies still."""

from __future__ import annotations

from collections import Counter

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils.translation import gettext_noop

from gridgov.common import clock
from incidents.models import Incident
from members.actions import tell
from members.enums import MessageKind
from members.models import Appointment, Post

NEGLECTED = gettext_noop(
    "Daily list: %(posts)s posts without anybody able, %(unanswered)s matters without a responsible person, %(still)s "
    "matters lying still"
)


@transaction.atomic
def tell_daily_lists() -> int:
    """One message a day to whoever answers for the township, where there is anything to say; returns how many towns.

    Counted set by set over all townships; run again on the same day it changes nothing.
    """
    posts = _per_town(Post.objects.without_holder())
    unanswered = _per_town(Incident.objects.unanswered())
    still = _per_town(Incident.objects.lying_still())
    towns = {*posts, *unanswered, *still}
    holders = Appointment.objects.responsible_for_all(towns)
    for town, held in holders.items():
        tell(
            members=[held.member],
            text=NEGLECTED,
            params={
                "posts": str(posts[town]),
                "unanswered": str(unanswered[town]),
                "still": str(still[town]),
            },
            key=f"daily:{town}:{clock.today()}",
            link="/neglected/",
            kind=MessageKind.WARNING,
        )
    return len(holders)


def _per_town(rows: QuerySet[Post] | QuerySet[Incident]) -> Counter[str]:
    return Counter(dict(rows.order_by().values_list("township_code").annotate(Count("pk"))))
