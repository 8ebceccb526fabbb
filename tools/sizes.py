"""Refuses modules over 600 lines and functions over 60, and reports the biggest.

A function's docstring and decorators do not count: what has to be held in the
head at once is the code. An exception is a line of `tools/sizes.allow`:

    path[:qualified.function]  LIMIT  reason

An exception that is no longer needed is refused too, so that the list shrinks.
"""

from __future__ import annotations

import argparse
import ast
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MODULE_LINES: Final = 600
FUNCTION_LINES: Final = 60
FOLDERS: Final = ("src", "tools", "fuzz", "bench", "tests")
ALLOW: Final = "tools/sizes.allow"
REPORTED: Final = 10

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Size:
    """How many lines one module or function has; `place` names it as the allow list does."""

    place: str
    lines: int
    limit: int


def _function_lines(node: _Function) -> int:
    first = node.body[0]
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def _functions(tree: ast.AST) -> Iterator[tuple[str, _Function]]:
    """Every function with its dotted name; a function inside another counts in both."""
    todo: list[tuple[str, ast.AST]] = [("", tree)]
    while todo:
        prefix, node = todo.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, _Function | ast.ClassDef):
                name = f"{prefix}{child.name}"
                if isinstance(child, _Function):
                    yield name, child
                todo.append((f"{name}.", child))
            else:
                todo.append((prefix, child))


def measure(root: Path) -> list[Size]:
    """The sizes of all modules and functions below the folders of `FOLDERS`.

    A file that is no Python is left to the linter: it counts as a module only.
    """
    sizes: list[Size] = []
    paths = (path for folder in FOLDERS for path in sorted((root / folder).rglob("*.py")))
    for path in paths:
        place, source = path.relative_to(root).as_posix(), path.read_bytes()
        sizes.append(Size(place, len(source.splitlines()), MODULE_LINES))
        try:
            tree = ast.parse(source, place)
        except SyntaxError:
            continue
        sizes += [
            Size(f"{place}:{name}", _function_lines(node), FUNCTION_LINES)
            for name, node in _functions(tree)
        ]
    return sizes


def read_allowed(path: Path) -> tuple[dict[str, int], list[str]]:
    """The exceptions as place to limit, and what is wrong with the list itself."""
    allowed: dict[str, int] = {}
    errors: list[str] = []
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    for number, line in enumerate(lines, 1):
        fields = line.split(maxsplit=2)
        if not fields or line.startswith("#"):
            continue
        if len(fields) < 3 or not fields[1].isdigit():
            errors.append(f"{path.name}:{number}: wants `place  LIMIT  reason`, got {line!r}")
        else:
            allowed[fields[0]] = int(fields[1])
    return allowed, errors


def check(sizes: Sequence[Size], allowed: dict[str, int]) -> list[str]:
    """One line for each size over its limit and each exception without a use."""
    errors = []
    for size in sizes:
        limit = allowed.get(size.place, size.limit)
        if size.lines > limit:
            errors.append(f"{size.place}: {size.lines} lines (limit {limit})")
    needed = {size.place for size in sizes if size.lines > size.limit}
    errors += [
        f"{ALLOW}: {place} needs no exception any more; remove the line"
        for place in sorted(allowed.keys() - needed)
    ]
    return errors


def _print_biggest(sizes: Sequence[Size]) -> None:
    for kind, limit in (("modules", MODULE_LINES), ("functions", FUNCTION_LINES)):
        chosen = [size for size in sizes if size.limit == limit]
        print(f"the biggest of {len(chosen)} {kind}:")
        for size in sorted(chosen, key=lambda size: -size.lines)[:REPORTED]:
            print(f"{size.lines:6}  {size.place}")


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the report (unless `--quiet`) and what is too big; 1 when something is."""
    parser = argparse.ArgumentParser(description="limits the size of modules and functions")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--quiet", action="store_true", help="no report, only what is too big")
    options = parser.parse_args(argv)
    sizes = measure(options.root)
    allowed, errors = read_allowed(options.root / ALLOW)
    errors += check(sizes, allowed)
    if not options.quiet:
        _print_biggest(sizes)
    for error in errors:
        print(error)
    print(f"sizes: {len(errors)} too big of {len(sizes)} modules and functions")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
