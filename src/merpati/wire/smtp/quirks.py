"""Leniencies towards peers that break RFC 5321, each with who was seen doing it."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Quirk(Enum):
    """One way of breaking the grammar that a parser can be told to accept."""

    SPACE_AFTER_COLON = "space-after-colon"  # MAIL FROM: <a@b>; seen: scanners, old Exchange
    DOTS_IN_LOCAL_PART = "dots-in-local-part"  # a..b@, a.@; seen: docomo.ne.jp, ezweb.ne.jp
    LONG_LOCAL_PART = "long-local-part"  # over 64 octets; seen: VERP and SRS senders
    UNDERSCORE_IN_DOMAIN = "underscore-in-domain"  # seen: cron mail of Windows-named hosts


Quirks = frozenset[Quirk]

STRICT: Final[Quirks] = frozenset()
TOLERATED: Final[Quirks] = frozenset(Quirk)
