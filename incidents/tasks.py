"""Recurring work of the incidents room. Each run may be repeated or lost; the next one does what is left."""

import logging
from datetime import timedelta

from celery import shared_task
from django.conf import settings

from gridgov.common import clock
from gridgov.common.actions import beat
from gridgov.common.batches import DATABASE_TROUBLE
from incidents.actions import (
    call_next,
    follow_assisting,
    follow_posts,
    follow_years,
    index_waiting,
    remind_replies,
    resume_due,
    sweep,
    sweep_assisting,
    tell_daily_lists,
    warn_soon,
)
from incidents.models import Upload

INDEXING = timedelta(seconds=8)
logger = logging.getLogger(__name__)


@shared_task
def sweep_overdue() -> int:
    """What is late goes up one level; before that, what waited long enough goes on."""
    done: dict[str, int] = {}
    failed = []
    for part in (call_next, resume_due, remind_replies, follow_years, sweep, sweep_assisting, warn_soon):
        try:
            done[part.__name__] = part()
        except DATABASE_TROUBLE:
            raise
        except Exception:
            logger.exception("%s failed", part.__name__)
            failed.append(part.__name__)
    told = done.get("sweep", 0) + done.get("sweep_assisting", 0)
    beat("sweep", told=told, failed=failed)
    if told:
        logger.info("escalated %s", told)
    return told


@shared_task
def index_for_search() -> int:
    """What was written since the last run becomes quick to find; for some seconds at most, the next run goes on."""
    end = clock.now() + INDEXING
    taken = last = index_waiting()
    while last and clock.now() < end:
        last = index_waiting()
        taken += last
    beat("search", taken=taken)
    return taken


@shared_task
def follow_appointments() -> int:
    """Appointments that began or ended by date: their open matters change hands."""
    return follow_posts() + follow_assisting()


@shared_task
def tell_of_neglected() -> int:
    """The morning's list of what nobody able answers for and what lies still, told once a day."""
    return tell_daily_lists()


@shared_task
def drop_lost_uploads() -> int:
    """Files whose report never came, after the days that settings allow."""
    limit = clock.now() - timedelta(days=settings.UPLOAD_KEEP_DAYS)
    lost = list(Upload.objects.filter(incident=None, created_at__lt=limit)[:500])
    for upload in lost:
        upload.delete()
        upload.file.delete(save=False)
    return len(lost)
