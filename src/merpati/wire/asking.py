"""What pure code asks of the DNS, and what it is told.

SPF, DKIM, DMARC and their kin need the DNS in the middle of their rules. Such a rule is
a generator: it yields a `Question`, is sent an `Answer`, and returns its result. A few
lines drive it against a resolver (`net/asking.py`); tests drive the same body against
records in a dictionary.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Literal, TypeVar

import msgspec

T = TypeVar("T")
RecordType = Literal["A", "AAAA", "MX", "TXT", "PTR", "TLSA", "CNAME", "SRV", "CAA"]


class Question(msgspec.Struct, frozen=True):
    """The records of one type at one name: A-labels, lower case, no dot at the end."""

    name: str
    type: RecordType


class Answer(msgspec.Struct, frozen=True):
    """What the DNS said.

    `records` by type: A, AAAA: the address as text; MX: (preference, host), the null MX
    with the host ""; TXT: bytes, its strings joined; PTR, CNAME: the name; TLSA: (usage,
    selector, matching type, bytes); SRV: (priority, weight, port, host); CAA: (flags, tag,
    value). Without records, `exists` tells whether the name has
    records of other types. `failure` is the reason why nobody can tell at the moment, and
    is empty otherwise. `secure`: a validating resolver vouches for the answer.
    """

    records: tuple[Any, ...] = ()
    exists: bool = True
    secure: bool = False
    failure: str = ""


Asking = Generator[Question, Answer, T]
"""A rule that asks the DNS and comes to a `T`."""
