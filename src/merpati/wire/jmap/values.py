"""The types of JMAP's values (RFC 8620 1.2 to 1.4) as checks, and the arguments made of them.

A check says whether a value has its type. What a method takes is a table of them, so that
an unknown argument, a missing one and a wrong one are found in one place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

from merpati.wire.jmap.faults import invalid

Check = Callable[[Any], bool]

INT_MAX: Final = 2**53 - 1  # RFC 8620 1.3
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 -- without a zone, as isoformat is to tell none
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")
_REFERENCE: Final = re.compile(r"#?[A-Za-z0-9_-]{1,255}")
_DATE: Final = re.compile(
    r"(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60))"
    r"(\.\d{1,20})?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
)


def is_id(value: Any) -> bool:
    """Id (RFC 8620 1.2)."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def is_reference(value: Any) -> bool:
    """An id, or `#` and the creation id of an object made earlier."""
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


def is_text(value: Any) -> bool:
    """String."""
    return isinstance(value, str)


def is_bool(value: Any) -> bool:
    """Boolean."""
    return isinstance(value, bool)


def is_int(value: Any) -> bool:
    """Int."""
    return isinstance(value, int) and not isinstance(value, bool) and -INT_MAX <= value <= INT_MAX


def is_unsigned(value: Any) -> bool:
    """UnsignedInt."""
    return is_int(value) and value >= 0


def is_object(value: Any) -> bool:
    """Any object."""
    return isinstance(value, dict)


def is_date(value: Any) -> bool:
    """Date: RFC 3339, with letters in capitals (RFC 8620 1.4).

    It may say that its fraction is zero, as JavaScript writes every date; we never do.
    """
    return isinstance(value, str) and _date(value) is not None


def is_utc_date(value: Any) -> bool:
    """UTCDate: the same, in UTC."""
    return is_date(value) and value.endswith("Z")


def nullable(check: Check) -> Check:
    """The type or null."""
    return lambda value: value is None or check(value)


def list_of(check: Check) -> Check:
    """An array of a type."""
    return lambda value: isinstance(value, list) and all(map(check, value))


def map_of(key: Check, check: Check) -> Check:
    """An object from one type to another."""
    return lambda value: (
        isinstance(value, dict) and all(map(key, value)) and all(map(check, value.values()))
    )


def one_of(*allowed: Any) -> Check:
    """One of these values."""
    return lambda value: isinstance(value, str) and value in allowed


is_id_set: Final = map_of(is_reference, lambda value: value is True)
is_text_set: Final = map_of(is_text, lambda value: value is True)


# RFC 8621 4.1.1.
_KEYWORD: Final = re.compile(r"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]{1,255}")


def are_keywords(value: Any) -> bool:
    """A set of an email's keywords (RFC 8621 4.1.1)."""
    return is_text_set(value) and all(_KEYWORD.fullmatch(one) is not None for one in value)


class Argument(NamedTuple):
    """An argument of a method: its type, and the value it has when it is not given."""

    check: Check
    default: Any = None
    required: bool = False


def needed(check: Check) -> Argument:
    """An argument that must be given."""
    return Argument(check, required=True)


def check_arguments(arguments: Mapping[str, Any], table: Mapping[str, Argument]) -> dict[str, Any]:
    """The arguments with their defaults.

    Raises:
        MethodFault: invalidArguments, naming those that are unknown, missing or wrong.
    """
    if unknown := [name for name in arguments if name not in table]:
        raise invalid(f"there is no argument {unknown[0][:100]!r}", *unknown)
    found = {}
    for name, argument in table.items():
        if name not in arguments:
            if argument.required:
                raise invalid(f"{name} is missing", name)
            found[name] = argument.default
            continue
        value = arguments[name]
        # Null says the same as leaving a member out, where there is a default.
        if value is None and not argument.required:
            value = argument.default
        elif not argument.check(value):
            raise invalid(f"{name} has a value of the wrong type", name)
        found[name] = value
    return found


def milliseconds(date: str) -> int:
    """A Date as Unix milliseconds. Raises ValueError when it is none."""
    found = _date(date)
    if found is None:
        raise ValueError(date)
    return int(found.timestamp() * 1000)


@lru_cache(4096)  # lists of mail tell the same ones again and again
def utc_date(milliseconds_: int) -> str:
    """Unix milliseconds as UTCDate, whole seconds."""
    return (_EPOCH + timedelta(seconds=milliseconds_ // 1000)).isoformat() + "Z"


def _date(text: str) -> datetime | None:
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    day, fraction, zone = match.groups()
    leap = day.endswith(":60")
    try:
        found = datetime.fromisoformat(
            (day[:-2] + "59" if leap else day) + zone.replace("Z", "+00:00")
        )
        if fraction:
            found = found.replace(microsecond=int(fraction[1:7].ljust(6, "0")))
        found.timestamp()
    except (ValueError, OverflowError):
        return None
    return found
