"""Refuses module names that say nothing, and a module and a folder of one name.

`utils`, `helpers`, `common` and their kin are drawers: what ends up in them is
found by nobody. A noun of the RFCs or of the domain says what is inside.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDERS: Final = ("src", "tests", "tools", "fuzz", "bench")
DRAWERS: Final = frozenset(
    {
        "common",
        "core",
        "functions",
        "handlers",
        "helper",
        "helpers",
        "lib",
        "libs",
        "manager",
        "managers",
        "misc",
        "shared",
        "stuff",
        "util",
        "utilities",
        "utility",
        "utils",
    }
)
_WORD: Final = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")


def check(root: Path) -> list[str]:
    """One line for each name that is refused."""
    errors = []
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            place = path.relative_to(root)
            for name in [*place.parts[1:-1], path.stem]:
                plain = name.strip("_")
                words = set(plain.removeprefix("test_").split("_"))
                if words & DRAWERS:
                    errors.append(f"{place}: {name!r} is a drawer; name what is in it")
                elif not _WORD.fullmatch(plain):
                    errors.append(f"{place}: {name!r} is not lower case with underscores")
            if path.parent.joinpath(path.stem).is_dir() and folder == "src":
                errors.append(f"{place}: a module and a folder of one name; Python picks one")
    return sorted(set(errors))


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the refused names; 1 when there is one."""
    parser = argparse.ArgumentParser(description="refuses module names that say nothing")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    errors = check(parser.parse_args(argv).root)
    for error in errors:
        print(error)
    print(f"names: {len(errors)} refused")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
