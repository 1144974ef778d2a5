"""`manage.py import_grids FILE.xlsx [--apply]`: says what would happen; writes the errors beside the file."""

from io import BytesIO
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser
from django.db import transaction

from gridgov.common.errors import DomainError
from gridgov.common.xlsx import write_errors
from grids.actions import add_grids
from grids.imports import COLUMNS, GridFile, read_grids


class Command(BaseCommand):
    help = "Adds villages and groups from a workbook with the columns 编码、名称、上级编码、类型."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--apply", action="store_true", help="write; without it nothing changes")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            data = path.read_bytes()
            with transaction.atomic():
                found = read_grids(BytesIO(data))
                if options["apply"] and not found.errors:
                    add_grids(grids=found.new, township_code=found.township_code)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error
        except DomainError as error:
            raise CommandError(f"{path}: {error.detail}") from error
        if found.errors:
            raise CommandError(self._refused(path, data, found))
        word = "added" if options["apply"] else "would be added (dry run; --apply writes)"
        self.stdout.write(f"{len(found.new)} grids {word}, {found.unchanged} there already")

    def _refused(self, path: Path, data: bytes, found: GridFile) -> str:
        for number, texts in sorted(found.errors.items()):
            self.stderr.write(f"row {number}: {'；'.join(texts)}")
        target = path.with_name(f"{path.stem}.错误.xlsx")
        with target.open("wb") as file:
            write_errors(BytesIO(data), file, found.errors, columns=COLUMNS)
        return f"{len(found.errors)} rows with errors, nothing was written; see {target}"
