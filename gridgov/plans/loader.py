"""Presets from their files. An error names the file, the line and the rule where it stands."""

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import ValidationError

from gridgov.common.errors import Invalid
from gridgov.plans.schema import Misfit, Place, Preset
from incidents.spec_form import of_step, wrong_in

PRESETS = Path(__file__).resolve().parent / "presets"
PLANS = range(1, 11)
PROBLEMS = {  # by the checker's name for the kind of mistake
    "missing": gettext_lazy("is missing"),
    "extra_forbidden": gettext_lazy("there is no such entry in a plan"),
    "enum": gettext_lazy("must be one of: %(expected)s"),
    "string_pattern_mismatch": gettext_lazy("“%(input)s” is not written as it is in the plans of gridgov"),
    "string_type": gettext_lazy("must be a text"),
    "string_too_long": gettext_lazy("has more than %(max_length)d characters"),
    "string_too_short": gettext_lazy("has less than %(min_length)d characters"),
    "too_short": gettext_lazy("must have %(min_length)d or more entries"),
    "int_type": gettext_lazy("must be a number"),
    "int_from_float": gettext_lazy("must be a number"),
    "int_parsing": gettext_lazy("must be a number"),
    "bool_type": gettext_lazy("must be true or false"),
    "bool_parsing": gettext_lazy("must be true or false"),
    "greater_than_equal": gettext_lazy("must be %(ge)d or more"),
    "less_than_equal": gettext_lazy("must be %(le)d or less"),
    "tuple_type": gettext_lazy("must be a list"),
    "mapping_type": gettext_lazy("must have entries of its own"),
    "dict_type": gettext_lazy("must have entries of its own"),
    "model_type": gettext_lazy("must have entries of its own"),
}


class BadPreset(Invalid):
    """A preset file that does not say what a preset must say."""

    code = "bad_preset"


def preset_path(number: int) -> Path:
    return PRESETS / f"p{number:02d}.yaml"


def has_preset(number: int) -> bool:
    return number in PLANS and preset_path(number).exists()


@cache
def preset(number: int) -> Preset:
    """The preset of a plan that gridgov brings (`has_preset`). Raises BadPreset."""
    return read(preset_path(number))


def hash_of(plan: Preset) -> str:
    """SHA-256 of what the preset says: which edition a township was set up from."""
    return hashlib.sha256(plan.model_dump_json().encode()).hexdigest()


def asked(name: str) -> int | Preset:
    """What a command is told: 1 to 10, or a file. Raises Invalid."""
    if name.isdecimal():
        return int(name)
    path = Path(name)
    if not path.is_file():
        raise Invalid(f"There is no plan {name}: 1 to 10, or a file.", code="no_plan")
    return read(path)


def read(path: Path) -> Preset:
    """Raises BadPreset."""
    return parse(decoded(path.read_bytes(), name=path.name), name=path.name)


def decoded(data: bytes, *, name: str) -> str:
    """Raises BadPreset with the first line that is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadPreset(f"{name}:{line}: {_('This is not UTF-8; save the file as UTF-8.')}") from error


def parse(text: str, *, name: str) -> Preset:
    """Raises BadPreset with all that is wrong, one line each: `name`:line: rule: where: what."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadPreset(
            f"{name}:{_line_of(error, text)}: {getattr(error, 'problem', '') or error}"
        ) from error
    except (ValueError, RecursionError) as error:  # a date that is none; brackets in brackets without end
        raise BadPreset(f"{name}:1: {error}") from error
    if root is None:
        raise BadPreset(f"{name}:1: {_('There is nothing in the file.')}")
    try:
        return Preset.model_validate(data)
    except ValidationError as error:
        lines = [line for found in error.errors() for line in _said(name, root, found)]
        raise BadPreset("\n".join(lines)) from error


def _line_of(error: yaml.YAMLError, text: str) -> int:
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        return int(mark.line) + 1
    return text.count("\n", 0, getattr(error, "position", 0)) + 1  # a character that must not be there


def _said(name: str, root: Any, found: Any) -> Iterator[str]:
    cause = found.get("ctx", {}).get("error")
    for steps, what in cause.found if isinstance(cause, Misfit) else _apart(root, found):
        line, rule = _place(root, steps)
        where = ".".join(str(step) for step in steps)
        yield f"{name}:{line}: {rule + ': ' if rule else ''}{where or 'preset'}: {what}"


def _apart(root: Any, found: Any) -> Iterator[tuple[Place, str]]:
    """What is wrong with the steps of a procedure together is said of each where it stands."""
    steps = _child(_deepest(root, found["loc"]), "steps")
    codes = [getattr(_child(step, "code"), "value", "") for step in getattr(steps, "value", ())]
    for code, what in in_words(found):
        place = ("steps", codes.index(code)) if code in codes else ()
        yield (*found["loc"], *place), of_step(code, what)


def in_words(found: Any) -> list[tuple[str, str]]:
    """(step, or nothing; what is wrong) of the kinds of mistakes that are likely; the others as the checker says them."""
    words = PROBLEMS.get(found["type"])
    if words is None:
        return wrong_in(found)
    return [("", str(words) % {**found.get("ctx", {}), "input": found["input"]})]


def _place(node: Any, steps: Place) -> tuple[int, str]:
    """The line of the deepest node on the way, and the id of the rule nearest to it, if any."""
    rule, way = "", list(_way(node, steps))
    for one in way:
        named = _child(one, "id") or _child(one, "rule")
        if isinstance(named, yaml.ScalarNode):
            rule = named.value
    return way[-1].start_mark.line + 1, rule


def _deepest(node: Any, steps: Place) -> Any:
    return list(_way(node, steps))[-1]


def _way(node: Any, steps: Place) -> Iterator[Any]:
    """As far as it goes."""
    yield node
    for step in steps:
        node = _child(node, step)
        if node is None:
            return
        yield node


def _child(node: Any, step: int | str) -> Any:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step]
    return None
