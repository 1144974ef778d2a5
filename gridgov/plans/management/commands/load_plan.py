"""`manage.py load_plan N|FILE --township CODE [--dry-run]`: the rules of preset N, or of a plan of one's own in a file, no
people. A second time changes nothing."""

from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from gridgov.common.errors import DomainError
from gridgov.plans import loader
from gridgov.plans.actions import load_plan


class Command(BaseCommand):
    help = "Gives a township the rules of a plan."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("plan", help="1 to 10, or a file as export_plan writes it")
        parser.add_argument("--township", required=True, metavar="CODE")
        parser.add_argument("--dry-run", action="store_true", help="say what would change, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            plan = loader.asked(options["plan"])
            changes = load_plan(plan=plan, township_code=options["township"], dry_run=options["dry_run"])
        except DomainError as error:
            raise CommandError(str(error.detail)) from error
        for line in changes.lines():
            self.stdout.write(line)
        would = " (dry run: nothing was written)" if options["dry_run"] else ""
        self.stdout.write(f"{len(changes)} changes{would}")
