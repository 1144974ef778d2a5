"""The migrations make the very tables that the models describe. Other tests make theirs straight from the models, in a tenth
of the time (pytest.ini), so here is the only place where migrations run as on a real installation."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection

from gridgov.common import clock
from grids.models import Township
from incidents.enums import Source
from incidents.models import Incident, Procedure, ProcedureDraft
from tests.factories import Town, incident, township

ROOT = Path(__file__).resolve().parent.parent
OURS = ("common_", "grids_", "members_", "incidents_", "inspections_", "assessments_")
SAY = "import django; django.setup(); from tests.test_migrations import tables; import json; print(json.dumps(tables()))"


def tables() -> dict[str, dict[str, Any]]:
    """Each table of ours -> its columns with their types, and its indexes and constraints with their columns and kinds."""
    look = connection.introspection
    with connection.cursor() as cursor:
        return {
            name: _table(cursor, name) for name in sorted(look.table_names(cursor)) if name.startswith(OURS)
        }


def _table(cursor: Any, name: str) -> dict[str, Any]:
    look = connection.introspection
    columns = {
        column.name: [str(column.type_code), str(column.null_ok)]
        for column in look.get_table_description(cursor, name)
    }
    constraints = look.get_constraints(cursor, name).values()
    kinds = ("primary_key", "unique", "index", "check", "foreign_key")
    said = [[row["columns"], *(bool(row[kind]) for kind in kinds)] for row in constraints]
    return {"columns": columns, "constraints": sorted(said, key=str)}


@pytest.fixture
def empty_database(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a new installation of this profile, and its own empty database."""
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    environment |= {"GRIDGOV_DATA": str(tmp_path), "SECRET_KEY": "only-for-tests"}
    if settings.PROFILE == "embedded":
        environment.pop("DATABASE_URL", None)
        environment.pop("REDIS_URL", None)
        yield environment
        return
    server = os.environ["DATABASE_URL"]
    name = f"test_gridgov_migrations_{uuid4().hex[:12]}"
    admin = psycopg2.connect(server)
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    try:
        yield environment | {"DATABASE_URL": f"{server.rpartition('/')[0]}/{name}"}
    finally:
        with admin.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
        admin.close()


@pytest.fixture
def town(transactional_db: None) -> Town:
    """Tables are changed under it, which SQLite does outside of transactions only."""
    return township()


def run(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, *arguments]
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.mark.django_db
def test_migrations_make_the_tables_of_the_models(empty_database):
    settled = empty_database | {"DJANGO_SETTINGS_MODULE": "gridgov.settings"}
    run(settled, "manage.py", "migrate", "-v", "0")
    made = json.loads(run(settled, "-c", SAY))
    assert made and made == json.loads(json.dumps(tables()))


def test_numbers_of_a_superior_body_that_stood_twice_are_set_apart(town: Town):
    """What was stored before 0009 may hold the same number twice; the update must not stop there."""
    step = importlib.import_module("incidents.migrations.0009_orders")
    constraint = next(it for it in Incident._meta.constraints if it.name == "incident_external_once")
    rows = [incident(town, external_no=f"县〔2026〕{n}号", source=Source.ABOVE) for n in (1, 2, 3)]
    with connection.schema_editor() as editor:
        editor.remove_constraint(Incident, constraint)
    Incident.objects.update(external_no="县〔2026〕1号")
    step.set_numbers_apart(apps, None)
    with connection.schema_editor() as editor:
        editor.add_constraint(Incident, constraint)
    kept = [Incident.objects.get(pk=row.pk).external_no for row in rows]
    assert kept == ["县〔2026〕1号", "县〔2026〕1号#2", "县〔2026〕1号#3"]


def test_a_key_that_procedures_no_longer_have_is_dropped_from_what_is_stored(town: Town):
    step = importlib.import_module("incidents.migrations.0025_no_may_skip")
    row = Procedure.objects.filter(township=town.grid, is_current=True).first()
    assert row is not None
    before = dict(row.data)
    draft = {"base": row, "code": row.code, "saved_at": clock.now()}
    ProcedureDraft.objects.create(township=town.grid, typed={"may_skip": ["on"], "name": ["x"]}, **draft)
    Procedure.objects.filter(pk=row.pk).update(data=before | {"may_skip": True})
    step.drop(apps, None)
    kept = Procedure.objects.get(pk=row.pk)
    assert (kept.data, kept.spec) == (before, row.spec)
    assert ProcedureDraft.objects.get().typed == {"name": ["x"]}


def test_a_clause_that_procedures_no_longer_name_is_dropped_and_the_way_still_follows_the_plan(town: Town):
    step = importlib.import_module("incidents.migrations.0026_no_helper_rule")
    row = Procedure.objects.filter(township=town.grid, is_current=True, data__rules__isnull=False).first()
    assert row is not None
    place = Township.objects.get(pk=town.code)
    before, loaded = dict(row.data), place.loaded_plan
    with_it = before | {"rules": before["rules"] | {"helper": "P10-C2"}}
    Procedure.objects.filter(pk=row.pk).update(data=with_it)
    Procedure.objects.create(township=town.grid, code="bare", name="x", data={"rules": {"helper": "P10-C2"}})
    old = {name: dict(said) for name, said in loaded.items()}
    old[f"procedure {row.code}"]["data"] = old[f"procedure {row.code}"]["data"] | {"rules": with_it["rules"]}
    Township.objects.update(loaded_plan=old)
    step.drop(apps, None)
    assert Procedure.objects.get(pk=row.pk).data == before
    assert Procedure.objects.get(code="bare").data == {}
    assert Township.objects.get().loaded_plan == loaded
