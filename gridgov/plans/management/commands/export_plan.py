"""`manage.py export_plan --township CODE [FILE]`: the township's own copy of its plan, for `load_plan FILE` elsewhere."""

from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from gridgov.common.errors import DomainError
from gridgov.plans.exporting import as_yaml, plan_of
from grids.models import Township


class Command(BaseCommand):
    help = "Writes a township's own copy of its plan as a file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", help="default: the standard output")
        parser.add_argument("--township", required=True, metavar="CODE")

    def handle(self, *args: Any, **options: Any) -> None:
        township = Township.objects.select_related("grid").filter(pk=options["township"]).first()
        if township is None:
            raise CommandError(f"There is no township {options['township']}.")
        try:
            text = as_yaml(plan_of(township))
        except DomainError as error:
            raise CommandError(str(error.detail)) from error
        if options["file"]:
            Path(options["file"]).write_text(text, encoding="utf-8")
        else:
            self.stdout.write(text, ending="")
