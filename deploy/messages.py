"""Compiles locale/*/LC_MESSAGES/*.po to .mo, which Django reads. Needs no gettext on the machine."""

import sys
from pathlib import Path

import polib

ROOT = Path(__file__).resolve().parent.parent


def compile_file(source: Path) -> None:
    """Writes the .mo beside its .po. Fuzzy and untranslated entries stay out: Django then shows the msgid."""
    polib.pofile(str(source)).save_as_mofile(str(source.with_suffix(".mo")))


def main(arguments: list[str]) -> None:
    sources = [Path(name) for name in arguments] or sorted(ROOT.glob("locale/*/LC_MESSAGES/*.po"))
    for source in sources:
        compile_file(source)


if __name__ == "__main__":
    main(sys.argv[1:])
