"""`python -m deploy.prepare`: brings the database up to date and, at the very first start, builds the demo township.

A demo that is interrupted half-way must not pass for a township: on a fresh SQLite it is built in a file beside, which
becomes the database only when it is complete.
"""

import os
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection


def build_demo() -> None:
    print(f"gridgov: building the demo township of plan {settings.GRIDGOV_PLAN} (once)", flush=True)
    call_command("demo")


def has_township() -> bool:
    from grids.enums import Kind  # noqa: PLC0415  needs django.setup()
    from grids.models import Grid  # noqa: PLC0415

    return Grid.objects.filter(kind=Kind.TOWNSHIP).exists()


def tell_setup_code() -> None:
    """Nobody is there yet: whoever reads this terminal may make the first account."""
    from gridgov.plans import first_run  # noqa: PLC0415  needs django.setup()

    if first_run.is_open():
        print(
            f"gridgov: nothing is set up yet. Open {settings.PUBLIC_URL}/setup/ and enter the code "
            f"{first_run.make_code()} (kept in {first_run.code_file()})",
            flush=True,
        )


def first_time(database: Path) -> None:
    """SQLite, nothing there yet, a demo wanted."""
    part = database.with_name(f"{database.name}.part")
    for left_over in database.parent.glob(f"{part.name}*"):
        left_over.unlink()
    settings.DATABASES["default"]["NAME"] = str(part)
    call_command("migrate", interactive=False, verbosity=0)
    build_demo()
    connection.close()  # the last connection folds the write-ahead log into the file
    part.replace(database)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gridgov.settings")
    django.setup()
    database = Path(settings.DATABASES["default"]["NAME"])
    if settings.EMBEDDED and settings.GRIDGOV_DEMO and not database.exists():
        first_time(database)
        return
    call_command("migrate", interactive=False, verbosity=0)
    if settings.GRIDGOV_DEMO and not has_township():
        build_demo()
    tell_setup_code()


if __name__ == "__main__":
    try:
        main()
    except DatabaseError as error:
        sys.exit(f"gridgov: the database cannot be used: {str(error).strip().splitlines()[0]}")
    except CommandError as error:
        sys.exit(f"gridgov: {error}")
