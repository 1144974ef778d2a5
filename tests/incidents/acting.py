"""Moves as a test makes them: always on the row as the database has it."""

from typing import Any

from incidents.actions import perform
from incidents.models import Incident


def do(incident: Incident, user: Any, action: str, **arguments: Any) -> Incident:
    """One move on the row as it stands in the database."""
    row = Incident.objects.for_list().get(pk=incident.pk)
    return perform(user=user, incident=row, action=action, **arguments).incident
