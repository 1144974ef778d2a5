"""Presets from their files. An error names the file, the line and the rule where it stands."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from django.utils.translation import gettext as _
from pydantic import ValidationError

from gridgov.common.errors import Invalid
from gridgov.plans.schema import Preset

PRESETS = Path(__file__).resolve().parent / "presets"
PLANS = range(1, 11)


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
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise BadPreset(f"{name}:{line}: {getattr(error, 'problem', error)}") from error
    try:
        return Preset.model_validate(data)
    except ValidationError as error:
        raise BadPreset("\n".join(_said(name, root, data, found) for found in error.errors())) from error


def _said(name: str, root: Any, data: Any, found: Any) -> str:
    line, rule = _place(root, data, found["loc"])
    where = ".".join(str(step) for step in found["loc"])
    return f"{name}:{line}: {rule + ': ' if rule else ''}{where or 'preset'}: {found['msg']}"


def _place(node: Any, data: Any, steps: tuple[int | str, ...]) -> tuple[int, str]:
    """The line of the deepest node on the way, and the id of the rule on it, if any."""
    line, rule = node.start_mark.line + 1, ""
    for step in steps:
        child = _child(node, step)
        if child is None:
            break
        node, data = child, data[step]
        line = node.start_mark.line + 1
        if isinstance(data, dict):
            rule = str(data.get("id") or data.get("rule") or rule)
    return line, rule


def _child(node: Any, step: int | str) -> Any:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step]
    return None
