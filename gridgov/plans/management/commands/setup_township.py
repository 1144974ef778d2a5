"""`manage.py setup_township --code --name --plan N|FILE [--villages FILE]`: a real township, empty of people."""

from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from gridgov.common.errors import DomainError
from gridgov.plans import loader
from gridgov.plans.actions import missing_villages, set_up
from gridgov.plans.divisions import read_places
from grids.models import Township


class Command(BaseCommand):
    help = "Sets up a real, empty township under a plan."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--code", required=True, help="9 digits, as the National Bureau of Statistics gives them"
        )
        parser.add_argument("--name", required=True)
        parser.add_argument(
            "--plan", required=True, metavar="N|FILE", help="1 to 10, or a file as export_plan writes it"
        )
        parser.add_argument("--villages", type=Path, help="csv or xlsx with the columns code,name")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            villages = read_places(options["villages"]) if options["villages"] else []
            plan = loader.asked(str(options["plan"]))
            code = options["code"].strip()
            is_there = Township.objects.filter(pk=code).exists()
            new = missing_villages(township_code=code, villages=villages)
            township = set_up(code=code, name=options["name"], villages=villages, plan=plan)
        except OSError as error:
            raise CommandError(f"{options['villages']}: {error.strerror}") from error
        except DomainError as error:
            raise CommandError(str(error.detail)) from error
        if is_there:
            self.stdout.write(
                f"{township} was there already: {len(new)} units are new, its plan stays as it is"
            )
            return
        self.stdout.write(
            f"{township}: {len(villages)} villages, plan {township.plan_number} 《{township.plan_title}》"
        )
