"""`manage.py seed_demo --township CODE`: invents groups and people; refuses a township with real members."""

from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, CommandParser

from gridgov.common.errors import DomainError
from gridgov.simulation import accounts
from gridgov.simulation.seed import seed
from grids.models import Grid, Township
from members.models import Member


class Command(BaseCommand):
    help = "Invents the groups and people of a demo township."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--township", required=True, metavar="CODE")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.GRIDGOV_DEMO:
            raise CommandError("GRIDGOV_DEMO is 0: demo accounts are not made here.")
        township = Township.objects.select_related("grid").filter(pk=options["township"]).first()
        if township is None:
            raise CommandError(f"There is no township {options['township']}.")
        words = accounts.passwords()
        hashes = accounts.hashes(words)
        try:
            made = seed(township=township, hashes=hashes)
        except DomainError as error:
            raise CommandError(str(error.detail)) from error
        groups = Grid.objects.active().filter(township_code=township.pk, kind="group").count()
        people = Member.objects.filter(township_code=township.pk).count()
        self.stdout.write(f"{township}: {groups} groups, {people} invented people")
        self._show({made[name].username: word for name, word in words.items() if name in made})

    def _show(self, words: dict[str, str]) -> None:
        if settings.GRIDGOV_DEMO_PASSWORD:
            self.stdout.write(f"demo accounts, password from GRIDGOV_DEMO_PASSWORD: {' '.join(words)}")
            return
        path = accounts.keep(words)
        self.stdout.write(f"demo accounts (kept in {path}):")
        for name, word in words.items():
            self.stdout.write(f"  {name:<12} {word}")
