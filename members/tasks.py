"""Recurring work of the members room."""

from celery import shared_task

from members.actions import sync_grants


@shared_task
def apply_appointments() -> tuple[int, int]:
    """Appointments begin and end at 00:00: rights follow by the next run, without anybody pressing a button."""
    return sync_grants()
