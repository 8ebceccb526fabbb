"""Content-Type and Content-Disposition values with parameters (RFC 2045, 2183, 2231).

    value *( ";" attribute "=" ( token / quoted-string ) )

One parameter can be written in three forms, and a sender may write it several
times. A filter that believes another one than the mail program that later
saves the attachment can be walked past (the class of CVE-2024-39929), so there
is one rule, and every part of the product gets its names from here: the
extended form `name*=` wins over continuations `name*0=`, which win over the
plain `name=`; of one form the first wins; continuations are joined by number
even if numbers are missing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from merpati.wire.mime import charsets, comments, words

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_PARAMS: Final = 100
"""So many parameters are looked at, continuations counted singly."""

# A quote in the middle of a token opens nothing: `charset=utf-8"; name=x` is seen in mail.
_SEPARATOR: Final = re.compile(rb'(?<=[=\s])"[^"\\]*+(?:\\.[^"\\]*+)*"|(;)', re.DOTALL)
_QUOTED: Final = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*)', re.DOTALL)
# Other pairs keep their backslash, as in the Windows paths some senders give as names.
_QUOTED_PAIR: Final = re.compile(rb'\\(["\\])')

# The value, up to white space or the end: the first ";" may have been forgotten.
_VALUE: Final = re.compile(rb"\s*((?:[^\s/=]+\s*/\s*)?[^\s=]*)(?=\s|\Z)")
# attribute ["*" section] ["*"], RFC 2231 7
_ATTRIBUTE: Final = re.compile(rb"([^\s*]+)(?:\*([0-9]{1,4}))?(\*?)")
_PERCENT: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
# Often written without quotes, and then brackets belong to the name.
_FILE_NAMES: Final = frozenset({b"name", b"filename"})

_EXTENDED: Final = -2  # in place of a section: `name*=`
_PLAIN: Final = -1  # `name=`
_Sections = dict[int, tuple[bytes, bool]]  # section: what it says, is it percent-encoded

_ATTRIBUTE_CHARS: Final = frozenset(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$&+-.^_`{|}~"
)
_PERCENT_ENCODED: Final = {
    byte: f"%{byte:02X}" for byte in range(256) if byte not in _ATTRIBUTE_CHARS
}
_QUOTABLE: Final = re.compile(r"(?!.*=\?)[\t -~]{0,200}")
_PIECE: Final = re.compile(r"(?:%[0-9A-F]{2}|[^%]){1,22}")


def parse(raw: bytes) -> tuple[str, dict[str, str]]:
    """The value in lower case (ASCII), and the parameters by lower-case name; never raises.

    The value is empty when the field begins with a parameter. Parameter values
    are decoded text in one line, in the case they were written in.
    """
    raw = raw.translate(None, b"\r\n")
    masked = comments.mask(raw)
    cuts = [match.start() for match in _SEPARATOR.finditer(masked) if match[1]][:MAX_PARAMS]
    at = cuts[0] if cuts else len(raw)
    found = _VALUE.match(masked, 0, at)
    value = b"".join(found[1].split()).lower() if found else b""
    names: dict[bytes, _Sections] = {}
    rest = found.end() if found else 0
    if rest < at:
        _add(names, raw, masked, rest, at)
    for start, end in zip(cuts, [*cuts[1:], len(raw)], strict=False):
        _add(names, raw, masked, start + 1, end)
    texts = {charsets.decode(name): _text(sections) for name, sections in names.items()}
    return words.clean(charsets.decode(value)), texts


def format(value: str, params: Mapping[str, str]) -> bytes:  # noqa: A001 -- pairs with parse
    """Value and parameters as a header value that may be folded at its spaces.

    Text that is not ASCII is written in the extended form in UTF-8, in several
    sections when it is long. Control characters are left out.
    """
    parts = [value]
    for name, text in params.items():
        line = words.clean(text)
        if _QUOTABLE.fullmatch(line):
            quoted = line.replace("\\", "\\\\").replace('"', '\\"')
            parts.append(f'{name}="{quoted}"')
            continue
        data = line.encode("utf-8", "replace").decode("latin-1").translate(_PERCENT_ENCODED)
        first, *more = _PIECE.findall(data)
        if not more:
            parts.append(f"{name}*=utf-8''{first}")
            continue
        parts.append(f"{name}*0*=utf-8''{first}")
        parts += [f"{name}*{number}*={piece}" for number, piece in enumerate(more, 1)]
    return "; ".join(parts).encode("ascii", "replace")


def _add(names: dict[bytes, _Sections], raw: bytes, masked: bytes, start: int, end: int) -> None:
    """Note the parameter in `raw[start:end]`, if it is one and the first of its form."""
    name, equals, value = masked[start:end].partition(b"=")
    attribute = _ATTRIBUTE.fullmatch(name.strip().lower())
    if not equals or attribute is None:
        return
    key, section, star = attribute.groups()
    value = value.strip()
    if quoted := _QUOTED.match(value):
        value = _QUOTED_PAIR.sub(rb"\1", quoted[1])
    else:
        if key in _FILE_NAMES:
            value = raw[start + len(name) + 1 : end].strip()
        value = value.rstrip(b'"')
    number = int(section) if section is not None else _EXTENDED if star else _PLAIN
    names.setdefault(key, {}).setdefault(number, (value, bool(star)))


def _text(sections: _Sections) -> str:
    """The one value of a parameter, by the rule at the head of this module."""
    if _EXTENDED in sections:
        pieces = [sections[_EXTENDED]]
    else:
        pieces = [sections[number] for number in sorted(sections) if number >= 0]
    if not pieces:
        return words.decode(sections[_PLAIN][0])
    if not any(encoded for _, encoded in pieces):
        return words.decode(b"".join(piece for piece, _ in pieces))
    label = b""
    first, encoded = pieces[0]
    if encoded and first.count(b"'") >= 2:  # charset "'" language "'" text
        label, _, first = first.split(b"'", 2)
        pieces[0] = (first, encoded)
    data = b"".join(_unpercent(piece) if encoded else piece for piece, encoded in pieces)
    return words.clean(charsets.decode(data, label.decode("latin-1")))


def _unpercent(text: bytes) -> bytes:
    return _PERCENT.sub(lambda match: bytes.fromhex(match[1].decode()), text)
