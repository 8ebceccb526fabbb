"""References from the arguments of a call to the results of an earlier one (RFC 8620 3.7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from merpati.wire.jmap.faults import MethodFault, invalid
from merpati.wire.jmap.requests import Invocation

RESULTS_MAX: Final = 100_000  # values that one reference may gather; ours
STEPS_MAX: Final = 32  # of a path; ours
_MEMBERS: Final = frozenset({"resultOf", "name", "path"})


def resolve(arguments: dict[str, Any], earlier: Sequence[Invocation]) -> dict[str, Any]:
    """The arguments with each `#name` replaced by what it refers to.

    Raises:
        MethodFault: invalidArguments when a name stands with and without `#`;
            invalidResultReference when it leads nowhere.
    """
    if not any(name.startswith("#") for name in arguments):
        return arguments
    resolved = {}
    for name, value in arguments.items():
        if not name.startswith("#"):
            resolved[name] = value
            continue
        if name[1:] in arguments:
            raise invalid(f"{name[1:]!r} is given twice, by value and by reference", name[1:])
        resolved[name[1:]] = _value(value, earlier)
    return resolved


def _value(reference: Any, earlier: Sequence[Invocation]) -> Any:
    if not (
        isinstance(reference, dict)
        and reference.keys() == _MEMBERS
        and all(isinstance(one, str) for one in reference.values())
    ):
        raise _nowhere("a reference has resultOf, name and path")
    for invocation in earlier:
        if invocation.call_id == reference["resultOf"]:
            if invocation.name != reference["name"]:
                raise _nowhere(f"that call was answered by {invocation.name}")
            return point(invocation.arguments, reference["path"])
    raise _nowhere("no earlier call has that id")


def point(value: Any, path: str) -> Any:
    """What a JSON pointer (RFC 6901), with `*` for each member of a list, leads to."""
    if path and not path.startswith("/"):
        raise _nowhere("a path begins with /")
    steps = [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]]
    if len(steps) > STEPS_MAX:
        raise _nowhere("the path is too long")
    return _follow(value, steps)


def _follow(value: Any, steps: Sequence[str]) -> Any:
    for n, step in enumerate(steps):
        if isinstance(value, list) and step == "*":
            found: list[Any] = []
            for member in value:
                one = _follow(member, steps[n + 1 :])
                found.extend(one) if isinstance(one, list) else found.append(one)
                if len(found) > RESULTS_MAX:
                    raise _nowhere("it leads to too many values")
            return found
        value = _member(value, step)
    return value


def _member(value: Any, step: str) -> Any:
    if isinstance(value, dict) and step in value:
        return value[step]
    if isinstance(value, list) and step.isascii() and step.isdigit() and len(step) < 10:
        at = int(step)
        if at < len(value) and (step == "0" or step[0] != "0"):
            return value[at]
    raise _nowhere(f"there is no {step[:50]!r}")


def _nowhere(text: str) -> MethodFault:
    return MethodFault("invalidResultReference", text)
