"""The documents name what is there, and what they name is there."""

import ast
import importlib
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import polib
import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import get_commands
from django.urls import URLPattern, URLResolver, get_resolver

from assessments.enums import IndicatorCode
from assessments.indicators import Indicator
from gridgov import health
from gridgov.simulation.seed import ACCOUNTS
from grids.enums import Verb
from incidents.actions.case import Case
from incidents.enums import PartRole, Purpose, Source, Status
from incidents.workflow import TRANSITIONS
from members.enums import RoleCode

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "deploy" / "README.md"])
DECISIONS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
ROOMS = ("gridgov", "grids", "members", "incidents", "inspections", "assessments")
API = "/api/v1/"

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
MAKE = re.compile(r"(?:^|[;&] *|-u \w+ )((?:[A-Z_]+=\S+ )*)make ([a-z0-9 ]+)")


def say(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """Without the fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def code(page: Path) -> list[str]:
    """What stands as code: lines of fenced blocks, and spans in the text."""
    fenced = [
        line.strip()
        for block in FENCE.finditer(page.read_text(encoding="utf-8"))
        for line in block[3].splitlines()
    ]
    return fenced + SPAN.findall(prose(page))


def everywhere() -> Iterator[tuple[str, str]]:
    """(page, piece of code) over all documents."""
    for page in PAGES:
        for piece in code(page):
            yield say(page), piece


def all_text() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def section(name: str, heading: str) -> str:
    """The text below a heading, down to the next one of its level or above."""
    body = text(name)
    start = re.search(rf"^(#+) {re.escape(heading)}$", body, re.MULTILINE)
    assert start, f"{name} has no section {heading}"
    rest = body[start.end() :]
    end = re.search(rf"^#{{1,{len(start[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def first_column(body: str) -> list[str]:
    """The code in the first cell of each row of a table."""
    cells = [line.split("|")[1] for line in body.splitlines() if line.startswith("|")]
    return [span for cell in cells for span in SPAN.findall(cell)]


# --- environment ---------------------------------------------------------------------------------------------------


def _name_read(node: ast.AST) -> str | None:
    """The variable that `env.str("X")`, `os.environ.get("X")` or `os.environ["X"]` reads."""
    match node:
        case ast.Call(func=ast.Attribute(value=owner), args=[ast.Constant(value=name), *_]):
            return name if ast.unparse(owner) in {"env", "os.environ"} else None
        case ast.Subscript(value=owner, slice=ast.Constant(value=name)):
            return name if ast.unparse(owner) == "os.environ" else None
    return None


def variables_read(*folders: str) -> set[str]:
    return {
        name
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (name := _name_read(node))
    } - {"PATH"}


def test_operations_name_every_environment_variable():
    named = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", section("docs/operations.md", "Environment")))
    assert variables_read("gridgov", "deploy") - named == set()


def test_contributing_names_what_tests_and_benchmarks_read():
    named = set(re.findall(r"\b[A-Z][A-Z0-9_]+\b", text("CONTRIBUTING.md") + text("docs/operations.md")))
    of_tools = {"PYTEST_XDIST_WORKER"}
    assert variables_read("tests", "benchmarks") - named - of_tools == set()


def test_environment_table_names_only_what_is_read():
    named = first_column(section("docs/operations.md", "Environment"))
    assert len(named) > 10
    assert set(named) - variables_read("gridgov", "deploy") == set()


# --- commands ------------------------------------------------------------------------------------------------------


def our_commands() -> list[str]:
    files = [path for room in ROOMS for path in (ROOT / room).rglob("management/commands/*.py")]
    return sorted(path.stem for path in files if path.stem != "__init__")


def targets() -> set[str]:
    """What `make` lists: the targets with a word of help."""
    return set(re.findall(r"^([a-z0-9]+):.*## ", text("Makefile"), re.MULTILINE))


def named_targets() -> Iterator[tuple[str, str]]:
    for page, piece in everywhere():
        for found in MAKE.finditer(piece.split("#")[0].rstrip()):
            for word in found[2].split():
                yield page, word


def test_operations_name_every_command():
    commands = " ".join(first_column(section("docs/operations.md", "Commands")))
    assert [name for name in our_commands() if f"manage.py {name}" not in commands] == []


def test_named_commands_exist():
    known = get_commands()
    named = [
        (page, name) for page, piece in everywhere() for name in re.findall(r"manage\.py ([a-z_0-9]+)", piece)
    ]
    shell = [
        ("docs/operations.md", name) for name in re.findall(r"\bgridgov ([a-z_]+)", _commands_by_function())
    ]
    assert len(named) > 10
    assert len(shell) > 3
    assert [(page, name) for page, name in named + shell if name not in known] == []


def _commands_by_function() -> str:
    """Operations define a shell function `gridgov` for manage.py; these are its uses."""
    pieces = [piece for piece in code(ROOT / "docs" / "operations.md") if piece.startswith("gridgov ")]
    return "\n".join(piece for piece in pieces if not piece.startswith("gridgov ready"))


def test_contributing_and_readme_name_every_target():
    named = {word for _page, word in named_targets()}
    assert targets() - named - {"help"} == set()


def test_named_targets_exist():
    found = list(named_targets())
    assert len(found) > 10
    assert [(page, word) for page, word in found if word not in targets()] == []


@pytest.mark.parametrize("name", ["README.md", "README.zh-Hans.md"])
def test_readme_begins_with_the_two_commands(name):
    first = FENCE.search(text(name))
    assert first
    assert [line.split("#")[0].strip() for line in first[3].splitlines()] == ["make run", "make test"]


@pytest.mark.parametrize("name", ["README.md", "README.zh-Hans.md"])
def test_readme_names_every_demo_account(name):
    assert set(first_column(text(name))) == set(ACCOUNTS)


# --- addresses -----------------------------------------------------------------------------------------------------


def routes(resolver: URLResolver, before: str = "") -> Iterator[str]:
    """Every address of the API, its variable parts as {}."""
    for pattern in resolver.url_patterns:
        here = before + re.sub(r"<[^>]+>|\(\?P<\w+>[^)]*\)", "{}", str(pattern.pattern)).strip("^$")
        if isinstance(pattern, URLPattern):
            yield "/" + here
        else:
            yield from routes(pattern, here)


def api_routes() -> set[str]:
    return {route for route in routes(get_resolver()) if route.startswith(API)} - {API}


def prefixes() -> set[str]:
    """The first part of every page's address; the desk is the empty one."""
    pages = {route.split("/")[1] for route in routes(get_resolver()) if not route.startswith(API)}
    return pages | {"api"}


def plain(piece: str) -> str:
    """Variable parts, however they are written, as {}; without a query."""
    return re.sub(r"\{[^}]*\}|<[^>]*>|\$\w+", "{}", piece.partition("?")[0])


def test_every_rest_route_is_named():
    words = {word for _page, piece in everywhere() for word in re.split(r"[\s\"',]+", plain(piece))}
    missing = [route for route in api_routes() if route not in words and route.removeprefix(API) not in words]
    assert missing == []


def test_named_rest_routes_exist():
    shapes = [re.compile(re.escape(route).replace(r"\{\}", r"[^/]+") + "$") for route in api_routes()]
    named = {
        (page, found.rstrip(".,;"))
        for page, piece in everywhere()
        for found in re.findall(r"/api/v1/[^\s\"'|]*", plain(piece))
    }
    unknown = [
        (page, path) for page, path in named if path != API and not any(it.match(path) for it in shapes)
    ]
    assert unknown == []


def test_every_page_prefix_is_named():
    named = {piece.split("/")[1] for _page, piece in everywhere() if piece.startswith("/")}
    assert prefixes() - named == set()


def test_named_pages_exist():
    rooms_of_the_machine = {"etc", "srv", "var", "usr", "opt"}
    named = {
        (page, piece)
        for page, piece in everywhere()
        if re.fullmatch(r"/[a-z]+(/.*)?", piece) and piece.split("/")[1] not in rooms_of_the_machine
    }
    assert [(page, piece) for page, piece in named if piece.split("/")[1] not in prefixes()] == []


# --- words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [TRANSITIONS, Status, Source, Verb, Purpose, PartRole, RoleCode, IndicatorCode],
    ids=lambda it: getattr(it, "__name__", "moves"),
)
def test_glossary_has_every_word(names):
    values = list(names) if names is TRANSITIONS else names.values
    spans = SPAN.findall(text("docs/glossary.md"))
    assert [value for value in values if str(value) not in spans] == []


def test_glossary_has_one_english_word_per_chinese_one():
    rows = [line.split("|") for line in text("docs/glossary.md").splitlines() if line.startswith("| ")]
    chinese = [row[1].strip() for row in rows if re.search(r"[一-鿿]", row[1]) and row[1].strip() != "中文"]
    states = section("docs/glossary.md", "States of a matter")  # a state is called as what led to it
    doubles = {word for word in chinese if chinese.count(word) > 1 and f"| {word} |" not in states}
    assert doubles == set()


def test_guide_calls_things_as_the_pages_do():
    """What stands in “ ” in the guide is to be found on a page."""
    catalogue = polib.pofile(str(ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"))
    shown = {entry.msgstr.rstrip("。") for entry in catalogue}
    quoted = set(re.findall(r"“([^”]+)”", text("docs/guide.zh-Hans.md")))
    assert len(quoted) > 15
    assert quoted - shown == set()


def test_operations_name_every_check_of_readiness():
    assert set(health.CHECKS) <= set(first_column(section("docs/operations.md", "What to watch")))


def test_operations_name_all_recurring_work():
    assert set(settings.CELERY_BEAT_SCHEDULE) <= set(
        first_column(section("docs/operations.md", "What to watch"))
    )


# --- names of code -------------------------------------------------------------------------------------------------

CLASSES = {model.__name__: model for model in apps.get_models()} | {"Case": Case, "Indicator": Indicator}


def _resolves(dotted: str) -> bool:
    """Whether a module, or what lies in it, has this name."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        return _has(found, parts[length:])
    return False


def _has(found: object, rest: list[str]) -> bool:
    for name in rest:
        if isinstance(found, type) and name in {
            field.name for field in getattr(getattr(found, "_meta", None), "fields", ())
        }:
            return len(rest) == 1
        if not hasattr(found, name):
            return False
        found = getattr(found, name)
    return True


def names_of_code() -> set[tuple[str, str]]:
    dotted = re.compile(rf"(?:{'|'.join(ROOMS)}|deploy|tests)(?:\.[A-Za-z_]+)+")
    return {
        (page, piece.removesuffix("()"))
        for page, piece in everywhere()
        if dotted.fullmatch(piece.removesuffix("()")) and not piece.endswith((".sqlite3", ".service"))
    }


def test_named_code_exists():
    named = names_of_code()
    assert len(named) > 50
    assert [(page, name) for page, name in sorted(named) if not _resolves(name)] == []


def test_named_attributes_exist():
    named = {(page, piece) for page, piece in everywhere() if re.fullmatch(r"[A-Z][a-z]\w+\.[a-z_]+", piece)}
    assert len(named) > 10
    missing = [
        (page, piece)
        for page, piece in sorted(named)
        if piece.split(".")[0] not in CLASSES or not _has(CLASSES[piece.split(".")[0]], piece.split(".")[1:])
    ]
    assert missing == []


def test_named_files_exist():
    """Paths from the top of the checkout; what is written at run time is none of it."""
    folders = "|".join(
        [*ROOMS, "tests", "docs", "deploy", "templates", "static", "locale", "benchmarks", r"\.ci"]
    )
    path = re.compile(rf"(?:{folders})/[\w./-]*")
    named = {(page, piece) for page, piece in everywhere() if path.fullmatch(piece)}
    assert len(named) > 30
    assert [(page, piece) for page, piece in sorted(named) if not (ROOT / piece).exists()] == []


# --- the documents themselves --------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """As code forges make them from headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> Iterator[str]:
    body = SPAN.sub("", prose(page))
    yield from re.findall(r"\]\(([^)\s]+)\)", body)
    yield from re.findall(r"(?:src|href)=\"([^\"]+)\"", body)


@pytest.mark.parametrize("page", PAGES, ids=say)
def test_links_lead_somewhere(page):
    dead = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        name, _hash, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=say)
def test_page_speaks_of_nobodys_machine(page):
    """No path of one machine, no host of a registry or mirror, nothing left to be written."""
    forbidden = re.compile(
        r"/work/|/root/|/tmp/|/home/\w|/Users/|[A-Z]:\\"
        r"|pypi\.|pythonhosted|npmjs|npmmirror|mirrors?\.\w|proxy\.golang|docker\.io|ghcr\.io"
        r"|TODO|FIXME|XXX|lorem ipsum|coming soon|待补充",
        re.IGNORECASE,
    )
    assert forbidden.findall(page.read_text(encoding="utf-8")) == []


def test_both_readmes_have_the_same_headings():
    depths = [
        [len(marks) for marks in re.findall(r"^(#+) ", prose(ROOT / name), re.MULTILINE)]
        for name in ("README.md", "README.zh-Hans.md")
    ]
    assert depths[0] == depths[1]


def test_decisions_are_listed_and_numbered_without_gaps():
    numbers = [int(page.name[:4]) for page in DECISIONS]
    assert all(later == earlier + 1 for earlier, later in pairwise([0, *numbers]))
    listed = re.findall(r"\]\((\d{4}[^)]+)\)", text("docs/adr/README.md"))
    assert listed == [page.name for page in DECISIONS]


@pytest.mark.parametrize("page", DECISIONS, ids=say)
def test_decision_says_why_and_what_follows(page):
    body = page.read_text(encoding="utf-8")
    assert body.startswith(f"# {page.name[:4]} ")
    headings = re.findall(r"^## (.+)$", body, re.MULTILINE)
    assert headings[:3] == ["Context", "Decision", "Consequences"]
    assert set(headings[3:]) <= {"Tried", "Considered"}
