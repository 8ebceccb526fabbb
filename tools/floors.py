"""Checks that imports of the package run down the floors, and nowhere else.

Every import counts: inside functions, under `TYPE_CHECKING`, and by a name
handed to `importlib.import_module`. Five rules, one line per violation:

- floors: `base < wire < model < net < store < services < servers < app`; a
  module imports its own floor and those below it;
- wire is pure: of the package only `base.faults` and `wire`, and from outside
  only the modules named in `PURE`, none of which can reach a socket, a file,
  a clock or chance;
- siblings: packages below `servers` never import each other;
- rings: no module reaches itself through imports;
- outside `base`, a module imported by more than `FAN_IN` others is warned of
  (no failure): it may be on its way to becoming everybody's drawer.

A package's `__init__` counts when it is imported by its own name, not when
Python loads it on the way to a module inside.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PACKAGE: Final = "merpati"
FLOORS: Final = ("base", "wire", "model", "net", "store", "services", "servers", "app")
FAN_IN: Final = 30

# What `wire` may take from outside the package. A module enters this list when
# it turns values into values and nothing else; of one that does more, the names that do.
PURE: Final = frozenset(
    {
        "__future__",
        "abc",
        "array",
        "base64",
        "binascii",
        "bisect",
        "calendar",
        "codecs",
        "collections",
        "contextlib",
        "copy",
        "cryptography",
        "dataclasses",
        "datetime",
        "dateutil",
        "decimal",
        "encodings",
        "enum",
        "fractions",
        "functools",
        "hashlib",
        "heapq",
        "xml",
        "fido2",
        "uuid",
        "plistlib",
        "hmac",
        "html",
        "idna",
        "io.IncrementalNewlineDecoder",
        "ipaddress",
        "itertools",
        "json",
        "keyword",
        "math",
        "mmap",
        "msgspec",
        "nh3",
        "operator",
        "orjson",
        "publicsuffixlist",
        "quopri",
        "re",
        "re2",
        "string",
        "stringprep",
        "struct",
        "types",
        "typing",
        "unicodedata",
        "urllib.parse",
        "xml.parsers",
        "zlib",
    }
)


@dataclass(frozen=True, slots=True)
class Import:
    """One module named by another: `target` as written, and the line it stands on."""

    source: str
    target: str
    line: int


def module_name(path: Path, src: Path) -> str:
    """The dotted name of the file `path` below the source folder `src`."""
    parts = path.relative_to(src).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def read_modules(src: Path) -> dict[str, Path]:
    """Every module of the package below `src`: dotted name to file."""
    return {module_name(path, src): path for path in sorted((src / PACKAGE).rglob("*.py"))}


def _is_dynamic(call: ast.Call) -> bool:
    called = call.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name in {"import_module", "__import__"}


def _from_target(node: ast.ImportFrom, module: str, *, is_package: bool) -> str:
    """The module a `from ... import` names, its dots resolved against `module`."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    parent = parts[: len(parts) - node.level + (1 if is_package else 0)]
    return ".".join([*parent, node.module] if node.module else parent)


def imports_of(module: str, path: Path, modules: Mapping[str, Path]) -> Iterator[Import]:
    """Every import in one file, wherever in the file it stands. Raises `SyntaxError`."""
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = _from_target(node, module, is_package=path.name == "__init__.py")
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                is_named = inner in modules or inner in PURE
                yield Import(module, inner if is_named else base, node.lineno)
        elif isinstance(node, ast.Call) and _is_dynamic(node) and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield Import(module, name.value, node.lineno)


def floor_of(module: str) -> int | None:
    """The index of the module's floor; None for the package itself or a stranger."""
    parts = module.split(".")
    if len(parts) < 2 or parts[0] != PACKAGE or parts[1] not in FLOORS:
        return None
    return FLOORS.index(parts[1])


def _is_inside(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _why_not_pure(found: Import) -> str:
    target = found.target
    if _is_inside(target, PACKAGE):
        if target == f"{PACKAGE}.base.faults" or _is_inside(target, f"{PACKAGE}.wire"):
            return ""
        return f"imports {target}: wire may use only base.faults and wire"
    if target in PURE or target.split(".")[0] in PURE:
        return ""
    return f"imports {target}: wire is pure; what needs it is asked for, or sits a floor higher"


def _why_not_floor(found: Import) -> str:
    low, high = floor_of(found.source), floor_of(found.target)
    if _is_inside(found.target, PACKAGE) and found.target.count(".") and high is None:
        return f"imports {found.target}: it stands on no floor"
    if low is None or high is None or high <= low:
        return ""
    return f"imports {found.target}: {FLOORS[low]} stands below {FLOORS[high]}"


def _why_not_sibling(found: Import) -> str:
    source, target = found.source.split("."), found.target.split(".")
    servers = [PACKAGE, "servers"]
    if source[:2] != servers or target[:2] != servers or len(source) < 3 or len(target) < 3:
        return ""
    if source[2] == target[2]:
        return ""
    return f"imports {found.target}: servers never import each other; what two share sinks a floor"


def violations(found: Import) -> list[str]:
    """What is wrong with one import, in sentences without the place."""
    reasons = [_why_not_floor(found), _why_not_sibling(found)]
    if _is_inside(found.source, f"{PACKAGE}.wire") and not reasons[0]:
        reasons.append(_why_not_pure(found))
    return [reason for reason in reasons if reason]


def rings(edges: Mapping[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one module (Tarjan, iterative)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    waiting: set[str] = set()
    out: list[list[str]] = []
    for root in sorted(edges):
        work = [] if root in index else [(root, iter(sorted(edges[root])))]
        while work:
            node, targets = work[-1]
            if node not in index:
                index[node] = low[node] = len(index)
                stack.append(node)
                waiting.add(node)
            for target in targets:
                if target not in index:
                    work.append((target, iter(sorted(edges.get(target, ())))))
                    break
                if target in waiting:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    at = stack.index(node)
                    ring, stack[at:] = stack[at:], []
                    waiting.difference_update(ring)
                    if len(ring) > 1:
                        out.append(sorted(ring))
    return out


def check(root: Path) -> tuple[list[str], list[str]]:
    """All violations and all warnings of the tree at `root`."""
    src = root / "src"
    modules = read_modules(src)
    errors: list[str] = []
    edges: dict[str, set[str]] = defaultdict(set)
    importers: dict[str, set[str]] = defaultdict(set)
    for module, path in modules.items():
        if module != PACKAGE and floor_of(module) is None:
            errors.append(f"{path.relative_to(root)}:1: {module} stands on no floor")
        try:
            imports = list(imports_of(module, path, modules))
        except SyntaxError as error:
            errors.append(f"{path.relative_to(root)}:{error.lineno}: {error.msg}")
            continue
        for found in imports:
            errors += [
                f"{path.relative_to(root)}:{found.line}: {reason}" for reason in violations(found)
            ]
            if found.target in modules and found.target != module:
                edges[module].add(found.target)
                importers[found.target].add(module)
    errors += [f"src/{PACKAGE}: a ring of imports: {' <-> '.join(ring)}" for ring in rings(edges)]
    warnings = [
        f"{module} is imported by {len(who)} modules (more than {FAN_IN})"
        for module, who in sorted(importers.items())
        if len(who) > FAN_IN and not _is_inside(module, f"{PACKAGE}.base")
    ]
    return errors, warnings


def main(argv: Sequence[str] | None = None) -> int:
    """Prints violations and warnings; 1 when there is a violation."""
    parser = argparse.ArgumentParser(description="checks the import floors")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    root = parser.parse_args(argv).root
    errors, warnings = check(root)
    for warning in warnings:
        print(f"floors: warning: {warning}")
    for error in errors:
        print(error)
    count = len(read_modules(root / "src"))
    print(f"floors: {len(errors)} violations, {len(warnings)} warnings in {count} modules")
    return 1 if errors or not count else 0


if __name__ == "__main__":
    sys.exit(main())
