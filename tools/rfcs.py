"""Keeps the index of RFCs true: `docs/rfc/index.tsv` against the sources, and the page made of it.

A row is: number, title, coverage (in words: which sections, what is left out),
status (`done`, `partial`, `planned`), modules (comma-separated paths below
`src/merpati`; a folder stands for everything in it). Checked:

- every RFC cited in the sources (`RFC 9051 6.4.7`) has a row;
- rows are sorted by number, each number once, each field filled;
- every module named exists; `done` and `partial` rows name at least one, and
  somewhere in each named place that RFC is cited, so that the way from the
  index to the code can be walked back.

Without arguments it writes `docs/rfc/README.md`; with `--check` it only says
whether that page is stale.
"""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INDEX: Final = "docs/rfc/index.tsv"
PAGE: Final = "docs/rfc/README.md"
SOURCES: Final = "src/merpati"
HEADER: Final = ("number", "title", "coverage", "status", "modules")
STATUSES: Final = ("done", "partial", "planned")

_CITATION: Final = re.compile(r"\bRFC (\d{3,5})\b")

_INTRODUCTION: Final = """\
# RFCs

Made from [index.tsv](index.tsv) by `tools/rfcs.py`: change the index, then run `make rfcs`.
*done*: what the coverage column says is there and tested; *partial*: more is to come;
*planned*: nothing yet. Sources cite the section beside the code (`RFC 9051 6.4.7`).
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One RFC of the index; `line` is where it stands in the file."""

    number: int
    title: str
    coverage: str
    status: str
    modules: tuple[str, ...]
    line: int


def parse(text: str) -> tuple[list[Row], list[str]]:
    """The rows of an index, and what is wrong with its form."""
    lines = text.splitlines()
    if not lines or tuple(lines[0].split("\t")) != HEADER:
        return [], [f"{INDEX}:1: the first line must be: {' '.join(HEADER)} (tab-separated)"]
    rows: list[Row] = []
    errors: list[str] = []
    for at, line in enumerate(lines[1:], 2):
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) != len(HEADER) or not fields[0].isdigit():
            errors.append(f"{INDEX}:{at}: wants {len(HEADER)} tab-separated fields, number first")
            continue
        number, title, coverage, status, modules = fields
        named = tuple(name.strip() for name in modules.split(",") if name.strip())
        rows.append(Row(int(number), title, coverage, status, named, at))
    return rows, errors


def _row_errors(row: Row, places: Mapping[str, set[int]]) -> list[str]:
    errors = []
    if not row.title or not row.coverage:
        errors.append("title and coverage must be filled")
    if row.status not in STATUSES:
        errors.append(f"status {row.status!r} is none of {', '.join(STATUSES)}")
    if row.status != "planned" and not row.modules:
        errors.append(f"{row.status} without a module")
    for name in row.modules:
        cited = [
            numbers
            for path, numbers in places.items()
            if path == name or path.startswith(f"{name.rstrip('/')}/")
        ]
        if not cited:
            errors.append(f"there is no {SOURCES}/{name}")
        elif row.status != "planned" and not any(row.number in numbers for numbers in cited):
            errors.append(f"{SOURCES}/{name} never cites RFC {row.number}")
    return [f"{INDEX}:{row.line}: RFC {row.number}: {error}" for error in errors]


def citations(root: Path) -> dict[str, set[int]]:
    """Per file (its path below `src/merpati`), the numbers of the RFCs it cites."""
    sources = root / SOURCES
    return {
        path.relative_to(sources).as_posix(): {
            int(number) for number in _CITATION.findall(path.read_text("utf-8"))
        }
        for kind in ("*.py", "*.sql")
        for path in sorted(sources.rglob(kind))
    }


def check(rows: Sequence[Row], places: Mapping[str, set[int]]) -> list[str]:
    """One line for everything in which the index and the sources disagree."""
    errors = [error for row in rows for error in _row_errors(row, places)]
    for before, row in itertools.pairwise(rows):
        if row.number <= before.number:
            errors.append(f"{INDEX}:{row.line}: RFC {row.number} must stand sorted and only once")
    listed = {row.number for row in rows}
    for path, numbers in places.items():
        errors += [
            f"{SOURCES}/{path}: cites RFC {number}, which {INDEX} does not list"
            for number in sorted(numbers - listed)
        ]
    return errors


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def page(rows: Sequence[Row]) -> str:
    """The whole of `docs/rfc/README.md`."""
    counts = ", ".join(
        f"{sum(row.status == status for row in rows)} {status}" for status in STATUSES
    )
    lines = [
        _INTRODUCTION,
        f"{len(rows)} RFCs: {counts}.",
        "",
        "| RFC | title | status | coverage | modules |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        modules = ", ".join(f"[{name}](../../{SOURCES}/{name})" for name in row.modules)
        lines.append(
            f"| [{row.number}](https://www.rfc-editor.org/rfc/rfc{row.number}) "
            f"| {_cell(row.title)} | {row.status} | {_cell(row.coverage)} | {modules} |"
        )
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the page, or with `--check` compares it; 1 when index, page or sources disagree."""
    parser = argparse.ArgumentParser(description="checks the RFC index and makes its page")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when stale")
    options = parser.parse_args(argv)
    index, target = options.root / INDEX, options.root / PAGE
    rows, errors = parse(index.read_text("utf-8") if index.exists() else "")
    errors += check(rows, citations(options.root))
    wanted = page(rows)
    if not options.check:
        target.write_text(wanted, "utf-8")
    elif not target.exists() or target.read_text("utf-8") != wanted:
        errors.append(f"{PAGE}: stale; run `make rfcs`")
    for error in errors:
        print(error)
    print(f"rfcs: {len(errors)} errors in {len(rows)} rows")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
