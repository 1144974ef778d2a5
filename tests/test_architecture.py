"""The house is as docs/architecture.md says: where a line belongs is known from the folder."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ["grids", "members", "incidents", "inspections", "assessments"]
ORDER = ["common", *ROOMS, "plans", "desk", "simulation"]  # app labels, each resting on those before it
CODE = ["gridgov", *ROOMS]

TOP_LEVEL = {
    "manage.py", "gridgov", *ROOMS, "templates", "static", "requirements.txt", "pytest.ini", "README.md",
    "README.zh-Hans.md", "tests", "locale", "docs", "benchmarks", "deploy", "Makefile", "pyproject.toml",
    "package.json", "package-lock.json", "requirements.in", "requirements-dev.in", "requirements-dev.txt",
    "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", ".ci", ".editorconfig", ".gitattributes",
    ".gitignore", ".npmrc", ".pre-commit-config.yaml",
}  # fmt: skip

ROOM_FILES = {
    "__init__", "apps", "migrations", "management", "templatetags", "enums", "workflow", "querysets", "models",
    "permissions", "actions", "tasks", "exports", "imports", "forms", "filters", "views", "urls", "admin", "api",
    "signals", "receivers",
}  # fmt: skip

# Files a room has beyond the common names: each with the reason why none of those would do.
EXTRA_FILES = {
    "incidents/board.py": "figures over what is open and the rows behind each: read by a page, writes nothing",
    "incidents/due.py": "why a deadline is what it is, in sentences: read by pages and REST, writes nothing",
    "incidents/rehearsal.py": "what a change would have meant, over stages and their ledgers: pages ask, writes nothing",
    "incidents/beside.py": "what somebody owes in matters of others, over parts, procedures and history: read by desk and API",
    "incidents/rising.py": "what went up and will go up, over deadlines, cards and history: read by desk and page, writes nothing",
    "incidents/receipts.py": "what has arrived, over reports and photos: read by REST and the desk, writes nothing",
    "incidents/steps.py": "the steps of a procedure as data, pure: the vocabulary of workflow.py, which is long enough",
    "incidents/step_form.py": "the steps of a procedure as forms, checked as a whole; beside its other fields they are one too many",
    "incidents/spec_form.py": "the form of a procedure is built from its spec; beside the forms of matters it is one too many",
    "incidents/loop_check.py": "the audit of the closed loop is set-based questions over all tables of the room",
    "incidents/search": "what a word is, and looking it up in the index and in the rows: read by pages and REST, writes nothing",
    "assessments/indicators.py": "the declared indicators are queries over other rooms' history, not of one model",
}

FORBIDDEN_NAMES = re.compile(r"(^|_)(utils?|helpers?|misc|services?)$")
LONGEST_FILE = 500


def python_files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts)


def say(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tracked() -> list[str]:
    """What git keeps; in a checkout without git nothing can be said."""
    answer = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if answer.returncode:
        pytest.skip("not a git checkout")
    return answer.stdout.splitlines()


def test_top_level_holds_nothing_else():
    assert {name.split("/")[0] for name in tracked()} <= TOP_LEVEL


@pytest.mark.parametrize("room", ROOMS)
def test_room_has_only_the_agreed_files(room):
    found = {path.name.removesuffix(".py") for path in (ROOT / room).iterdir() if path.name != "__pycache__"}
    extra = {Path(name).stem for name in EXTRA_FILES if name.startswith(f"{room}/")}
    strange = found - ROOM_FILES - extra
    assert not strange


def test_extra_files_exist():
    assert [name for name in EXTRA_FILES if not (ROOT / name).exists()] == []


def test_import_contracts_hold():
    lint = Path(sys.executable).with_name("lint-imports")
    answer = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout


def test_no_foreign_key_points_to_a_higher_room():
    """String references hide from the import contracts."""
    upward = [
        f"{model._meta.label}.{field.name} -> {field.related_model._meta.label}"
        for model in apps.get_models()
        if model._meta.app_label in ORDER
        for field in model._meta.get_fields(include_hidden=False)
        if field.is_relation and not field.auto_created and field.related_model is not None
        if field.related_model._meta.app_label in ORDER
        and ORDER.index(field.related_model._meta.app_label) > ORDER.index(model._meta.app_label)
    ]
    assert upward == []


def called_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.lineno, ast.unparse(node.func)


def test_only_the_clock_reads_the_clock():
    readers = re.compile(
        r"(^|\.)(timezone\.(now|localdate|localtime)|datetime\.(now|today|utcnow)|date\.today)$"
    )
    found = [
        f"{say(path)}:{line} {name}"
        for path in python_files(*CODE)
        if say(path) != "gridgov/common/clock.py"
        for line, name in called_names(ast.parse(path.read_text()))
        if readers.search(name)
    ]
    assert found == []


def test_models_take_no_default_from_the_system_clock():
    """`auto_now` and `default=timezone.now` read the system's time where simulation and tests cannot move it."""
    found = [
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label in ORDER and not model.__name__.startswith("Historical")
        for field in model._meta.concrete_fields
        if getattr(field, "auto_now", False)
        or getattr(field, "auto_now_add", False)
        or getattr(field.default, "__module__", "") == "django.utils.timezone"
    ]
    assert found == []


def test_workflow_is_data_without_orm():
    found = []
    for path in python_files(*CODE):
        if path.name == "workflow.py":
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in getattr(node, "names", [])] + [
                    getattr(node, "module", "") or ""
                ]
                if any(
                    name.startswith(("django.db", "rest_framework"))
                    for name in names
                    if isinstance(name, str)
                ):
                    found.append(f"{say(path)}:{node.lineno}")
    assert found == []


def test_nothing_is_named_for_its_drawer():
    """No utils, helpers, services: a name says what a thing is."""
    found = [say(path) for path in python_files(*CODE, "deploy") if FORBIDDEN_NAMES.search(path.stem)]
    found += [
        say(path)
        for path in (ROOT / "gridgov").rglob("*")
        if path.is_dir() and FORBIDDEN_NAMES.search(path.name)
    ]
    for path in python_files(*CODE, "deploy"):
        found += [
            f"{say(path)}:{node.lineno} {node.name}"
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and FORBIDDEN_NAMES.search(node.name)
        ]
    assert found == []


def test_files_stay_readable():
    long = {
        say(path): lines
        for path in python_files(*CODE, "deploy", "tests", "benchmarks")
        if (lines := len(path.read_text().splitlines())) > LONGEST_FILE
    }
    assert long == {}
