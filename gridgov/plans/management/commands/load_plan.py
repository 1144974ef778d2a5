"""`manage.py load_plan N --township CODE [--dry-run]`: the rules of preset N, no people. A second time changes nothing."""

from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from gridgov.common.errors import DomainError
from gridgov.plans.actions import load_plan


class Command(BaseCommand):
    help = "Gives a township the rules of a plan."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", type=int, help="1 to 10")
        parser.add_argument("--township", required=True, metavar="CODE")
        parser.add_argument("--dry-run", action="store_true", help="say what would change, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            changes = load_plan(
                number=options["number"], township_code=options["township"], dry_run=options["dry_run"]
            )
        except DomainError as error:
            raise CommandError(str(error.detail)) from error
        for word, names in (("added", changes.added), ("updated", changes.updated), ("kept", changes.kept)):
            for name in names:
                self.stdout.write(f"{word} {name}")
        would = " (dry run: nothing was written)" if options["dry_run"] else ""
        self.stdout.write(f"{len(changes)} changes{would}")
