"""`manage.py demo`: the whole demo of GRIDGOV_PLAN; what is there already is left alone."""

from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command, get_commands

from gridgov.common.errors import DomainError
from gridgov.plans.actions import set_up
from gridgov.plans.divisions import demo_place
from gridgov.simulation.seed import first_day
from grids.models import Township
from incidents.models import Incident
from members.models import Member

DAYS, SEED = 45, 6


class Command(BaseCommand):
    help = "Builds the demo township of GRIDGOV_PLAN."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.GRIDGOV_DEMO:
            raise CommandError("GRIDGOV_DEMO is 0: no demo is built here.")
        try:
            township = self._township(settings.GRIDGOV_PLAN)
        except DomainError as error:
            raise CommandError(str(error.detail)) from error
        if not Member.objects.filter(township_code=township.pk).exists():
            call_command("seed_demo", township=township.pk, stdout=self.stdout)
        worked = Incident.objects.filter(township_code=township.pk).exists()
        if "simulate" in get_commands() and not worked:
            call_command("simulate", days=DAYS, seed=SEED, township=township.pk, stdout=self.stdout)

    def _township(self, plan: int) -> Township:
        (code, name), villages = demo_place(plan)
        found = Township.objects.select_related("grid").filter(pk=code).first()
        if found is not None:
            return found
        return set_up(code=code, name=name, villages=villages, plan=plan, started_on=first_day())
