"""What a server takes of one client, as it says in its answer to EHLO (RFC 9422).

    LIMITS MAILMAX=100 RCPTMAX=50 RCPTDOMAINMAX=1

Each limit is a number of one to six digits that is not 0. A limit that is not known, or not
written so, is as if it were not there.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

KEYWORD: Final = "LIMITS"
_LIMIT: Final = re.compile(r"([A-Z0-9-]+)=([1-9][0-9]{0,5})")


class Limits(msgspec.Struct, frozen=True):
    """0: it does not say.

    Attributes:
        messages: MAILMAX, transactions of one session.
        recipients: RCPTMAX, of one transaction.
        domains: RCPTDOMAINMAX, different ones among the recipients of one transaction.
    """

    messages: int = 0
    recipients: int = 0
    domains: int = 0


NONE: Final = Limits()


def announced(features: Mapping[str, str]) -> Limits:
    """The limits of a server with these EHLO keywords."""
    text = features.get(KEYWORD)
    return parse(text) if text else NONE


@lru_cache(maxsize=256)
def parse(text: str) -> Limits:
    """The limits that stand behind the keyword; of one that stands twice, the first."""
    found: dict[str, int] = {}
    for word in text.upper().split():
        limit = _LIMIT.fullmatch(word)
        if limit is not None:
            found.setdefault(limit[1], int(limit[2]))
    return Limits(
        found.get("MAILMAX", 0), found.get("RCPTMAX", 0), found.get("RCPTDOMAINMAX", 0)
    )  # fmt: skip


def render(limits: Limits) -> str:
    """What stands behind the keyword; `parse` reads it back. Empty: nothing is limited."""
    said = {
        "MAILMAX": limits.messages,
        "RCPTMAX": limits.recipients,
        "RCPTDOMAINMAX": limits.domains,
    }
    return " ".join(f"{name}={value}" for name, value in said.items() if value)
