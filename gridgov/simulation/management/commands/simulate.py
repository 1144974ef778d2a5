"""`manage.py simulate --days D --seed S [--township CODE]`: a demo township works D days that end now."""

from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from gridgov.common.errors import DomainError
from gridgov.simulation.habits import ARRIVALS
from gridgov.simulation.procedures import never_taken
from gridgov.simulation.working import publish_last_month, simulate
from grids.models import Township


class Command(BaseCommand):
    help = "A demo township works some days on a virtual clock, through the same actions that people use."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, required=True)
        parser.add_argument("--seed", type=int, required=True)
        parser.add_argument(
            "--arrivals",
            type=float,
            default=ARRIVALS,
            metavar="N",
            help=f"matters on an ordinary working day, beside what patrols find (default {ARRIVALS})",
        )
        parser.add_argument("--township", metavar="CODE", default="", help="default: the only demo township")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["days"] <= 366:
            raise CommandError("--days is a number from 1 to 366.")
        if not 0 <= options["arrivals"] <= 1000:
            raise CommandError("--arrivals is a number from 0 to 1000.")
        township = self._township(options["township"])
        try:
            done = simulate(
                township=township,
                days=options["days"],
                seed=options["seed"],
                arrivals=options["arrivals"],
                say=self.stdout.write,
            )
            sheet = publish_last_month(township=township.grid)
        except DomainError as error:
            raise CommandError(str(error.detail)) from error
        left = never_taken(township.pk)
        for procedure, steps in left.items():
            self.stdout.write(f"never taken: {procedure}: {', '.join(steps)}")
        if not left:
            self.stdout.write("never taken: none")
        self.stdout.write(
            f"{township}: {options['days']} days, {done['arrived']} matters, {done['patrols']} patrols"
            + (f", sheet of {sheet.starts_on:%Y-%m} published" if sheet else "")
        )

    def _township(self, code: str) -> Township:
        known = Township.objects.select_related("grid")
        found = list(known.filter(pk=code) if code else known.filter(is_demo=True))
        if len(found) != 1:
            named = ", ".join(str(it.pk) for it in found) or "none"
            raise CommandError(
                f"There is no township {code}." if code else f"Say which --township ({named})."
            )
        return found[0]
