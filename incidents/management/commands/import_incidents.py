"""`manage.py import_incidents FILE.xlsx [--apply] [--user NAME]`: says what would happen; writes the errors beside the file."""

from io import BytesIO
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from gridgov.common.errors import DomainError
from gridgov.common.models import User
from gridgov.common.xlsx import write_errors
from grids.models import Township
from incidents.imports import COLUMNS, read_matters, take_in
from members.models import Appointment

MOST_ROWS = 10_000


class Command(BaseCommand):
    help = "Reports the matters of a workbook whose first sheet has the columns 网格、事项类别、情况描述."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--apply", action="store_true", help="write; without it nothing changes")
        parser.add_argument(
            "--user", default="", help="who reports them; without it whoever holds the duty post"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        user = _reporter(options["user"])
        try:
            data = path.read_bytes()
            found = read_matters(BytesIO(data), user=user, max_rows=MOST_ROWS)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error
        except DomainError as error:
            raise CommandError(f"{path}: {error.detail}") from error
        for number, text in sorted(found.known.items()):
            self.stdout.write(f"row {number}: {text}, left out")
        for order in found.changed:
            self.stdout.write(
                f"row {order.number}: {order.incident.number} stands already, brought up to date"
            )
        if found.errors:
            raise CommandError(self._refused(path, data, found.errors, "nothing was written"))
        if not options["apply"]:
            would = f"{len(found.new)} matters would be reported"
            would += f", {len(found.changed)} brought up to date" if found.changed else ""
            self.stdout.write(f"{would} (dry run; --apply writes)")
            return
        taken = take_in(found, user=user)
        if taken.errors:
            raise CommandError(
                self._refused(path, data, taken.errors, f"{len(taken.done)} others were reported")
            )
        self.stdout.write(f"{len(taken.done)} matters reported, {len(found.known)} there already")

    def _refused(self, path: Path, data: bytes, errors: dict[int, list[str]], others: str) -> str:
        for number, texts in sorted(errors.items()):
            self.stderr.write(f"row {number}: {'；'.join(texts)}")
        target = path.with_name(f"{path.stem}.错误.xlsx")
        with target.open("wb") as file:
            write_errors(BytesIO(data), file, errors, columns=COLUMNS)
        return f"{len(errors)} rows with errors, {others}; see {target}"


def _reporter(username: str) -> User:
    """Without a name the holder of the duty post, where there is one township."""
    if username:
        user = User.objects.select_related("member").filter(username=username, is_active=True).first()
        if user is None:
            raise CommandError(f"no active login is called {username}")
        return user
    towns = list(Township.objects.values_list("pk", flat=True)[:2])
    held = Appointment.objects.responsible(grid=towns[0]) if len(towns) == 1 else None
    if held is None or held.member.user_id is None:
        raise CommandError("say with --user who reports them")
    return User.objects.select_related("member").get(pk=held.member.user_id)
