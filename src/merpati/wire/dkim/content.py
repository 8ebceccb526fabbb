"""A message as signatures see it: fields counted from the bottom, and a body to be hashed.

One `Content` serves every signature of a message, DKIM's and ARC's: the header is split
once, and the body is hashed once for each form, however many signatures ask for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from merpati.wire.dkim import canonical
from merpati.wire.dkim import tags as tag_list
from merpati.wire.dkim.canonical import Buffer, Form
from merpati.wire.mime.headers import Field, split

# What a signature says of the body's form, without reading all of it.
_FORM: Final = re.compile(rb"(?:\A|;)[ \t\r\n]*+c[ \t\r\n]*+=[ \t\r\n]*+\w++/relaxed")
_SIGNATURES: Final = (b"dkim-signature", b"arc-message-signature")


class Content:
    """The content of a message, in its buffer."""

    def __init__(self, data: Buffer) -> None:
        header = split(data)
        self._data = data
        self._body_start = header.body_start
        self._by_key: dict[bytes, list[Field]] = {}
        self._hashes: dict[Form, bytes] = {}
        for field in header.fields:
            self._by_key.setdefault(field.key, []).append(field)
        end = header.fields[-1].end if header.fields else 0
        self.whole: Final = header.body_start - end <= 2
        """False when the header is beyond the limits of `mime.headers`, and has more fields."""

    def __len__(self) -> int:
        return len(self._data)

    def named(self, key: bytes) -> list[Field]:
        """The fields with this lower-case name, from the top."""
        return self._by_key.get(key, [])

    def select(self, names: Iterable[bytes]) -> list[Field]:
        """The fields that a list of names stands for (RFC 6376 5.4.2).

        A name that stands n times means the n lowest fields, from the bottom up; those that
        do not exist are nothing, which is how their absence is signed.
        """
        chosen: list[Field] = []
        used: dict[bytes, int] = {}
        for name in names:
            fields = self._by_key.get(name)
            if fields is None:
                continue
            count = used[name] = used.get(name, 0) + 1
            if count <= len(fields):
                chosen.append(fields[-count])
        return chosen

    def canonical(self, field: Field, form: Form) -> bytes:
        """A field in a form, with its CRLF."""
        if form == "relaxed":
            return canonical.relax_field(field.key, field.raw_value)
        raw = self._data[field.start : field.end]
        return raw if raw.endswith(b"\n") else raw + b"\r\n"

    def unsigned(self, field: Field, form: Form) -> bytes:
        """A signature's own field as it is signed: "b" emptied, no CRLF (RFC 6376 3.7)."""
        bare = tag_list.without(field.raw_value, b"b")
        if form == "relaxed":
            return canonical.relax_field(field.key, bare)[:-2]
        raw = self._data[field.start : field.end]
        return raw[: raw.index(b":") + 1] + bare

    def hash_body(self, form: Form) -> bytes:
        """SHA-256 of the body in a form."""
        digest = self._hashes.get(form)
        if digest is None:
            digest = canonical.hash_body(self._data, self._body_start, form)
            self._hashes[form] = digest
        return digest

    def hash_ahead(self) -> None:
        """Hash the body for the signatures that are there: for a thread, when it is large."""
        for key in _SIGNATURES:
            for field in self.named(key)[:1]:
                self.hash_body("relaxed" if _FORM.search(field.raw_value) else "simple")
