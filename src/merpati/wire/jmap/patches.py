"""PatchObject: changes to parts of an object (RFC 8620 5.3)."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any, Final

from merpati.wire.jmap.faults import SetFault

DEPTH_MAX: Final = 32


def apply(
    value: Mapping[str, Any], patch: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """The object with its patch applied.

    Args:
        value: the object as it is, all its properties.
        patch: from pointers without their first `/` to new values; null gives a top-level
            property its default and takes anything deeper out.
        defaults: of the top-level properties.

    Raises:
        SetFault: invalidPatch.
    """
    paths = {pointer: _steps(pointer) for pointer in patch}
    _check_prefixes(paths)
    patched = dict(value)
    for pointer, new in patch.items():
        steps = paths[pointer]
        if len(steps) == 1:
            name = steps[0]
            patched[name] = copy(defaults.get(name)) if new is None else new
        else:
            _put(patched, pointer, steps, new)
    return patched


def touched(patch: Mapping[str, Any]) -> frozenset[str]:
    """The top-level properties that a patch changes."""
    return frozenset(_steps(pointer)[0] for pointer in patch)


def _steps(pointer: str) -> list[str]:
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")]
    if len(steps) > DEPTH_MAX:
        raise _broken(pointer, "is too deep")
    return steps


def _check_prefixes(paths: Mapping[str, list[str]]) -> None:
    """No pointer may lead into what another one replaces."""
    known = {tuple(steps) for steps in paths.values()}
    for pointer, steps in paths.items():
        if any(tuple(steps[:n]) in known for n in range(1, len(steps))):
            raise _broken(pointer, "lies inside of what another one replaces")


def _put(patched: dict[str, Any], pointer: str, steps: list[str], new: Any) -> None:
    inner: dict[str, Any] = patched
    for step in steps[:-1]:
        found = inner.get(step)
        if not isinstance(found, dict):  # what lies in a list cannot be patched
            raise _broken(pointer, "leads nowhere")
        inner[step] = dict(found)  # the object itself is left alone
        inner = inner[step]
    if new is None:
        inner.pop(steps[-1], None)
    else:
        inner[steps[-1]] = new


def _broken(pointer: str, why: str) -> SetFault:
    return SetFault("invalidPatch", f"{pointer[:100]!r} {why}")
