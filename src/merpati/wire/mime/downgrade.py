"""Headers in UTF-8 made readable for programs that know ASCII only (RFC 6858).

Only fields that hold something else than ASCII are written anew: names and texts as encoded words
(RFC 2047), file names and other parameters as RFC 2231 has them. An address that is not ASCII
cannot be written: in its place stands a group without members, whose name shows what it was, so
that nobody answers to somebody else (RFC 6858 2.1).
"""

from __future__ import annotations

from typing import Final

from merpati.wire.mime import addresses, headers, params, words
from merpati.wire.mime.addresses import GroupEnd, GroupStart, Mailbox

HEADER_MAX: Final = headers.MAX_BYTES

_ADDRESSES: Final = frozenset(
    {b"from", b"sender", b"to", b"cc", b"bcc", b"reply-to", b"resent-from", b"resent-sender",
     b"resent-to", b"resent-cc", b"resent-bcc", b"return-path", b"disposition-notification-to"}
)  # fmt: skip
_PARAMETERS: Final = frozenset({b"content-type", b"content-disposition"})


def header(raw: bytes) -> bytes:
    """A message's header, or as much of it as is handed in, without what is not ASCII."""
    found = headers.split(raw)
    pieces = []
    at = 0
    for field in found.fields:
        whole = raw[field.start : field.end]
        if not whole.isascii():
            pieces.append(raw[at : field.start])
            pieces.append(_field(field))
            at = field.end
    pieces.append(_ascii(raw[at:]))
    return b"".join(pieces)


def is_wanted(raw: bytes) -> bool:
    """Whether a header names an address that programs without UTF-8 would take for another.

    Everything else stays as it came, raw as it may be: signatures cover it, and programs have
    shown such fields for decades.
    """
    if raw.isascii():
        return False
    for field in headers.split(raw).fields:
        value = field.value
        if field.key in _ADDRESSES and not value.isascii():
            try:
                value.decode()
            except UnicodeDecodeError:
                continue
            if any(
                isinstance(entry, Mailbox) and not entry.address.isascii()
                for entry in addresses.parse_list(value)
            ):
                return True
    return False


def _ascii(text: bytes) -> bytes:
    return text if text.isascii() else text.decode("ascii", "replace").encode("ascii", "replace")


def _field(field: headers.Field) -> bytes:
    name = _ascii(field.name)
    if not name:  # a line that is no field
        return _ascii(field.raw_value) + b"\r\n"
    if field.key in _ADDRESSES:
        entries: list[addresses.Entry] = []
        for entry in addresses.parse_list(field.value):
            if isinstance(entry, Mailbox) and not entry.address.isascii():
                shown = f"{entry.name} {entry.address}" if entry.name else entry.address
                entries += [GroupStart(shown), GroupEnd()]
            else:
                entries.append(entry)
        value = addresses.format(entries)
    elif field.key in _PARAMETERS:
        value = params.format(*params.parse(field.value))
    else:
        value = words.encode(words.decode(field.value))
    return name + b": " + value.replace(b" =?", b"\r\n =?") + b"\r\n"
