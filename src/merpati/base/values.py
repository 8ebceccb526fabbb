"""Typed values as people write them: durations, sizes, and what TOML has.

A conversion takes what TOML gave and returns the value, or raises a ValueError
whose text says what is wrong and what to write, and that fits behind
`name = value`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from merpati.base.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS: Final = "s"
BYTES: Final = "bytes"

MAX_NUMBER: Final = 1e18  # refuses infinities as well; no setting is near
MAX_TEXT: Final = 64  # characters of a duration or size

_SPANS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_MORE_SPANS: Final = {**_SPANS, "w": 604_800, "ms": 0.001}
_SIZES: Final = {"TB": 1 << 40, "GB": 1 << 30, "MB": 1 << 20, "KB": 1 << 10}
_DURATION: Final = re.compile(r"(?:\d{1,12}(?:\.\d{1,6})?(?:ms|[wdhms]))+", re.ASCII)
_SPAN: Final = re.compile(r"([\d.]+)(ms|[wdhms])", re.ASCII)
_SIZE: Final = re.compile(r"(\d{1,18}(?:\.\d{1,6})?) ?([KMGT]?)(?:i?B)?", re.ASCII | re.IGNORECASE)


def duration(text: str) -> float:
    """Seconds in a text such as "15m", "1h30m" or "250ms".

    Raises:
        ValueError: It is no such text.
    """
    if len(text) > MAX_TEXT or not _DURATION.fullmatch(text):
        raise ValueError('is not a duration: write seconds, or a text such as "15m" or "5d".')
    return sum(float(count) * _MORE_SPANS[unit] for count, unit in _SPAN.findall(text))


def size(text: str) -> int:
    """Bytes in a text such as "50MB"; K, M, G and T count by 1024.

    Raises:
        ValueError: It is no such text.
    """
    match = _SIZE.fullmatch(text)
    if len(text) > MAX_TEXT or match is None:
        raise ValueError('is not a size: write bytes, or a text such as "50MB" or "2GB".')
    count, unit = match.groups()
    scale = _SIZES[unit.upper() + "B"] if unit else 1
    return int(float(count) * scale) if "." in count else int(count) * scale


def duration_text(seconds: float) -> str:
    """The shortest text of one unit for `seconds`, such as "15m"."""
    for unit, span in _SPANS.items():
        if seconds and seconds % span == 0:
            return f"{int(seconds // span)}{unit}"
    return f"{seconds}s"


def size_text(count: int) -> str:
    """The shortest text of one unit for `count` bytes, such as "50MB"."""
    for unit, scale in _SIZES.items():
        if count and count % scale == 0:
            return f"{count // scale}{unit}"
    return str(count)


def convert(kind: str, unit: str, raw: object) -> Any:
    """`raw` as a value of one of `TYPES`.

    Raises:
        ValueError: It is none; the text says what to write.
    """
    if kind.startswith("tuple["):
        item = kind.removeprefix("tuple[").removesuffix(", ...]")
        entries = raw if isinstance(raw, list) else [raw]  # one need not be written as a list
        return tuple(_SCALARS[item](entry, unit) for entry in entries)
    return _SCALARS[kind](raw, unit)


def to_toml(value: object, unit: str = "") -> str:
    """`value` as TOML, a duration or size in its shortest text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(to_toml(item, unit) for item in value)}]"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if unit == SECONDS:
            return f'"{duration_text(value)}"'
        text = size_text(value) if unit == BYTES and isinstance(value, int) else ""
        return f'"{text}"' if text[-1:] == "B" else repr(value)
    # JSON's escapes are TOML's, but for DEL, which TOML wants escaped too.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007F")


def _bool(raw: object, unit: str) -> bool:
    del unit
    if isinstance(raw, bool):
        return raw
    raise ValueError("is neither true nor false: write one of them, without quotes.")


def _int(raw: object, unit: str) -> int:
    if isinstance(raw, str) and unit == BYTES:
        return size(raw)
    if isinstance(raw, str) and unit == SECONDS:
        seconds = duration(raw)
        if seconds != int(seconds):
            raise ValueError("is not a whole number of seconds: round it.")
        return int(seconds)
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    raise ValueError("is not a whole number: write digits, without quotes or a point.")


def _float(raw: object, unit: str) -> float:
    if isinstance(raw, str) and unit == SECONDS:
        return duration(raw)
    if isinstance(raw, (int, float)) and not isinstance(raw, bool) and abs(raw) <= MAX_NUMBER:
        return float(raw)
    raise ValueError("is not a number: write digits, without quotes.")


def _str(raw: object, unit: str) -> str:
    del unit
    if isinstance(raw, str):
        return raw
    raise ValueError("is not a text: write it in quotes.")


def _path(raw: object, unit: str) -> Path:
    text = _str(raw, unit)
    if not text or "\0" in text:
        raise ValueError("is not a path: write a file or folder, in quotes.")
    return Path(text)


def _secret(raw: object, unit: str) -> Secret:
    return Secret(_str(raw, unit))


_SCALARS: Final[dict[str, Callable[[object, str], Any]]] = {
    "bool": _bool,
    "int": _int,
    "float": _float,
    "str": _str,
    "Path": _path,
    "Secret": _secret,
}
TYPES: Final = frozenset(_SCALARS) | {f"tuple[{kind}, ...]" for kind in _SCALARS}
