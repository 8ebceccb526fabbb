"""Split a message's or a part's header into fields, with their byte offsets.

The buffer is never copied: one regular expression runs over it, in C, and
each field is a small slice. Fields lie end to end from `start` to the empty
line, so `b"".join(buffer[f.start:f.end] for f in fields)` is the header again,
byte for byte, whatever it contains. Real mail breaks every rule of RFC 5322
2.2, so nothing here can fail: a line that is no field (no colon, an mbox
"From " line, a continuation of nothing) becomes a field without a name.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    import mmap
    from collections.abc import Collection, Iterable

MAX_BYTES: Final = 256 * 1024
"""So much of a header is looked at; Postfix's header_size_limit is 100 KiB."""

MAX_FIELDS: Final = 2_000
"""So many fields are looked at; mail seen in the wild stays below 300."""

# field = name *WSP ":" value; a value runs on over lines that begin with WSP.
# What is neither a field nor the empty line matches from its first byte on, so
# the matches lie end to end. No repeat gives anything back, so each byte is read
# once; the CRs of the line end stay with the value.
_LINES: Final = re.compile(
    rb"(?:([!-9;-~\x80-\xff]++)[ \t]*+:|(?=[^\r\n]|\r(?!\n)))(.*+(?:\n[ \t].*+)*)\n?"
    rb"|(\r?\n)"
)
_LF: Final = ord("\n")  # a number: to look for it takes a tenth of the time that bytes take
_EMPTY_LINE: Final = re.compile(rb"\n\r?\n")


class Field(msgspec.Struct, frozen=True, gc=False):
    """One header field.

    Attributes:
        name: as written, without white space before the colon; empty for a line
            that is no field, and then `raw_value` is that whole line.
        key: the name in lower case.
        raw_value: all after the colon as written, folds included, without the
            line end that closes it.
        start: offset in the buffer of the first byte of the name.
        end: offset just after the line end that closes the field.
    """

    name: bytes
    key: bytes
    raw_value: bytes
    start: int
    end: int

    @property
    def value(self) -> bytes:
        """The value unfolded and without white space around it (RFC 5322 2.2.3)."""
        return unfold(self.raw_value)


class Headers(msgspec.Struct, frozen=True):
    """The fields of one header, in order.

    Attributes:
        fields: at most `MAX_FIELDS`, from the first `MAX_BYTES` of the header.
        body_start: offset just after the empty line; the end of the range that
            was read when there is no empty line.
    """

    fields: list[Field]
    body_start: int

    def get(self, key: bytes) -> bytes | None:
        """The unfolded value of the first field with this lower-case name."""
        for field in self.fields:
            if field.key == key:
                return unfold(field.raw_value)
        return None

    def get_all(self, key: bytes) -> list[bytes]:
        """The unfolded values of all fields with this lower-case name, in order."""
        return [unfold(field.raw_value) for field in self.fields if field.key == key]


def split(buffer: bytes | mmap.mmap, start: int = 0, end: int | None = None) -> Headers:
    """Read the header that begins at `start`, up to its empty line or `end`.

    Never raises on any content. Time is linear in the length of the header,
    which without an empty line is all of `buffer[start:end]`; so whoever splits
    the parts of a message gives the end of each part.
    """
    if end is None:
        end = len(buffer)
    limit = min(end, start + MAX_BYTES)
    fields: list[Field] = []
    at = start
    for line in islice(_LINES.finditer(buffer, start, limit), MAX_FIELDS + 1):
        name, value, empty = line.groups(b"")
        if empty:
            return Headers(fields, line.end())
        at, was = line.end(), at
        fields.append(Field(name, name.lower(), value.rstrip(b"\r"), was, at))
    if at == end:
        return Headers(fields, end)
    fields.pop()  # cut by a limit; half a field would mislead
    found = _EMPTY_LINE.search(buffer, max(start, at - 2), end)
    return Headers(fields, found.end() if found else end)


def collect(
    buffer: bytes | mmap.mmap,
    start: int,
    end: int,
    keys: Collection[bytes],
    joined: Collection[bytes] = (),
) -> dict[bytes, bytes]:
    """The values that `split` and `choose` give, without making a `Field` of every field.

    The range is the header of a part in `mime.tree`: no empty line but at its end.
    """
    header = b"\n" + buffer[start : min(end, start + MAX_BYTES)]
    # A field has two bytes at least, so a short header needs no counting.
    if len(header) > 2 * MAX_FIELDS and (
        end - start > MAX_BYTES or header.count(b"\n") > MAX_FIELDS
    ):
        fields = split(buffer, start, end).fields
        return choose([(field.name, field.raw_value) for field in fields], keys, joined)
    return choose(_named(frozenset(keys)).findall(header), keys, joined)


@lru_cache(maxsize=64)  # of the code's own sets of names
def _named(keys: frozenset[bytes]) -> re.Pattern[bytes]:
    """Finds the fields of these names as `_LINES` does, and passes over all others.

    Most lines of a header are none of them, which their first letter tells already.
    """
    letters = b"".join({re.escape(key[:1]) for key in keys})
    names = b"|".join(map(re.escape, keys))
    return re.compile(
        rb"\n(?=[%b])(%b)[ \t]*+:(.*+(?:\n[ \t].*+)*)" % (letters, names), re.IGNORECASE
    )


def choose(
    fields: Iterable[tuple[bytes, bytes]], keys: Collection[bytes], joined: Collection[bytes] = ()
) -> dict[bytes, bytes]:
    """The unfolded values of some of the fields, given as name and raw value.

    Args:
        fields: of the whole header, in order.
        keys: names in lower case. Of repeated fields the first counts.
        joined: those of the keys of which all count, with ", " between the values.
    """
    values: dict[bytes, bytes] = {}
    repeated: dict[bytes, list[bytes]] = {}
    for name, raw_value in fields:
        key = name.lower()
        if key not in keys:
            continue
        value = unfold(raw_value) if _LF in raw_value else raw_value.strip()
        if key not in values:
            values[key] = value
        elif key in joined:
            repeated.setdefault(key, [values[key]]).append(value)
    for key, all_values in repeated.items():
        values[key] = b", ".join(all_values)
    return values


def unfold(raw_value: bytes) -> bytes:
    """The value in one line, without white space around it (RFC 5322 2.2.3)."""
    if _LF in raw_value:
        raw_value = raw_value.replace(b"\r\n", b"").replace(b"\n", b"")
    return raw_value.strip()
