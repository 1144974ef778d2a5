"""Recurring work of the kernel."""

from celery import shared_task
from django.contrib.sessions.models import Session
from knox.models import AuthToken

from gridgov.common import clock
from gridgov.common.actions import beat, prune_outbox, relay
from gridgov.common.keeping import drop_old


@shared_task
def relay_outbox() -> int:
    """Sends what waits to leave the process."""
    sent = relay()
    beat("outbox", sent=sent)
    return sent


@shared_task
def clean_up() -> None:
    """Sessions and tokens that have expired, files that nobody decided about, old messages."""
    now = clock.now()
    Session.objects.filter(expire_date__lt=now).delete()
    AuthToken.objects.filter(expiry__lt=now).delete()
    drop_old()
    prune_outbox()
