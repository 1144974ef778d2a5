"""manage.py check_loop: audits the closed loop, prints each breach, exit 1 if there is any."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from incidents.loop_check import breaches
from incidents.models import Incident


class Command(BaseCommand):
    help = (
        "Audits the closed loop: who answers, when it is due, a gapless history. Exit 1 if anything is wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--township", default="", help="code of one township; default: all")

    def handle(self, *args: Any, township: str, **options: Any) -> None:
        found = 0
        for breach in breaches(township):
            found += 1
            self.stdout.write(f"{breach.number}: {breach.text}")
        if found:
            raise CommandError(_("%(found)s breaches of the closed loop") % {"found": found})
        rows = Incident.objects.filter(township_code=township) if township else Incident.objects.all()
        self.stdout.write(_("The closed loop holds: %(count)s matters.") % {"count": rows.count()})
