"""What the addresses of operations may say after the `?`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Limit = Annotated[int, Meta(ge=1, le=500)]
Search = Annotated[str, Meta(max_length=320, description="A part; `*` stands for anything.")]
Language = Literal["", "en", "id"]


class Page(Struct, frozen=True, rename="camel", kw_only=True):
    """A page of a long list: what to look for, and the last address of the page before."""

    search: Search = ""
    domain: str = ""
    after: str = ""
    limit: Limit = 50


class Pick(Struct, frozen=True, rename="camel", kw_only=True):
    """Which messages of the queue; patterns have `*`."""

    sender: str = ""
    recipient: str = ""
    destination: str = ""
    held: bool | None = None
    limit: Limit = 100


class Asked(Struct, frozen=True, rename="camel", kw_only=True):
    """Whose road: an address, a Message-ID, a trace id, or words of a subject."""

    what: Annotated[str, Meta(min_length=1, max_length=998)]
    last: Annotated[int, Meta(ge=1, le=100)] = 20
    language: Language = ""


class Days(Struct, frozen=True, rename="camel", kw_only=True):
    """How far back, and the language of the sentences."""

    days: Annotated[int, Meta(ge=1, le=400)] = 7
    language: Language = ""


class Hours(Struct, frozen=True, rename="camel", kw_only=True):
    """How far back, and in which steps; minutes are kept for a day."""

    hours: Annotated[int, Meta(ge=1, le=9600)] = 48
    step: Literal["minute", "hour", "day"] = "hour"


class Changes(Struct, frozen=True, rename="camel", kw_only=True):
    """A page of the audit: what to look for, and the last id of the page before."""

    search: Search = ""
    before: Annotated[int, Meta(ge=0)] = 0
    limit: Limit = 50
    language: Language = ""


class Removed(Struct, frozen=True, rename="camel", kw_only=True):
    """Which removed mail: of a mailbox and those below it, from a time on (Unix ms)."""

    mailbox: str = ""
    since: Annotated[int, Meta(ge=0)] = 0


class SentMessages(Struct, frozen=True, rename="camel", kw_only=True):
    """A page of messages: the last id of the page before."""

    before: str = ""
    limit: Limit = 50


class SentEvents(Struct, frozen=True, rename="camel", kw_only=True):
    """Which events: from when on (Unix milliseconds), and of which kind."""

    since: Annotated[int, Meta(ge=0)] = 0
    kind: Literal["", "accepted", "delivered", "deferred", "bounced", "suppressed"] = ""
    limit: Limit = 100


class Latest(Struct, frozen=True, rename="camel", kw_only=True):
    """How many of the latest."""

    limit: Limit = 50


class Ended(Struct, frozen=True, rename="camel", kw_only=True):
    """Whether what is over is shown as well, and the language of the sentences."""

    ended: bool = False
    language: Language = ""


class Told(Struct, frozen=True, rename="camel", kw_only=True):
    """The language of the sentences."""

    language: Language = ""


class Named(Struct, frozen=True, rename="camel", kw_only=True):
    """One domain (empty: all that the caller may see), and the language of the sentences."""

    domain: str = ""
    language: Language = ""
