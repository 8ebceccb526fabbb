"""Canonicalisation: the octets of a message that a signature is made over (RFC 6376 3.4).

On its way a message may be folded anew and lose white space at line ends. "simple" forgives
next to nothing, "relaxed" treats every run of white space as one space. For a body both
leave away the empty lines at its end and end its last line with CRLF.

All is done by whole chunks in C. What lies between two signatures' needs is little: most
octets of mail are base64, which has no space or tab, and there a chunk is hashed as it is.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    import mmap

Buffer: TypeAlias = "bytes | mmap.mmap"
Form = Literal["simple", "relaxed"]

CHUNK: Final = 128 * 1024
"""Octets worked on at a time: two copies of them fit the processor's cache."""

_SPACES: Final = re.compile(rb"  +")


def relax_field(key: bytes, raw_value: bytes) -> bytes:
    """A field in relaxed form, with its CRLF (RFC 6376 3.4.2).

    Args:
        key: Its name in lower case.
        raw_value: All after the colon, folds included.
    """
    value = raw_value.replace(b"\r\n", b"").replace(b"\t", b" ")
    if value.find(b"  ") >= 0:  # `in` would cost half as much again
        value = _SPACES.sub(b" ", value)
    return key + b":" + value.strip(b" ") + b"\r\n"


class BodyHash:
    """SHA-256 over the canonical form of a body that comes in chunks of any size."""

    def __init__(self, form: Form) -> None:
        self._hash = sha256()
        self._relaxed = form == "relaxed"
        self._held = b""  # an end of what came that may change with what comes: " ", "\r", " \r"
        self._ends = 0  # CRLFs that count only if something follows
        self._begun = False

    def update(self, chunk: bytes) -> None:
        """More of the body."""
        data = self._held + chunk if self._held else chunk
        if self._relaxed:
            data = _relax(data)
        cut = len(data) - data.endswith(b"\r")
        if self._relaxed:
            cut -= data.endswith(b" ", 0, cut)
        data, self._held = data[:cut], data[cut:]
        text = _without_ends(data)
        if text:
            self._flush()
            self._hash.update(text)
            self._begun = True
        self._ends += (len(data) - len(text)) // 2

    def digest(self) -> bytes:
        """The hash; nothing may come after it."""
        held = self._held.rstrip(b" ") if self._relaxed else self._held
        if held:
            self._flush()
            self._hash.update(held)
            self._begun = True
        # RFC 6376 3.4.3: an empty body is one CRLF; 3.4.4: relaxed, it is empty.
        if self._begun or not self._relaxed:
            self._hash.update(b"\r\n")
        return self._hash.digest()

    def _flush(self) -> None:
        if self._ends:
            self._hash.update(b"\r\n" * self._ends)
            self._ends = 0


def hash_body(data: Buffer, start: int, form: Form) -> bytes:
    """The hash of the body that begins at `start`."""
    body = BodyHash(form)
    for at in range(start, len(data), CHUNK):
        body.update(data[at : at + CHUNK])
    return body.digest()


def _relax(data: bytes) -> bytes:
    """Runs of white space as one space, none before a CRLF."""
    if b"\t" in data:
        data = data.replace(b"\t", b" ")
    elif b" " not in data:
        return data
    if b"  " in data:
        data = _SPACES.sub(b" ", data)
    return data.replace(b" \r\n", b"\r\n")


def _without_ends(data: bytes) -> bytes:
    """`data` without the CRLFs at its end, however many; a CR or LF alone is text."""
    if not data.endswith(b"\r\n"):
        return data
    text = data.rstrip(b"\r\n")
    ends = data[len(text) :].replace(b"\r\n", b"\0")
    return data[: len(data) - 2 * (len(ends) - len(ends.rstrip(b"\0")))]
