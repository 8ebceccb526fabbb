"""What a script may use up: time, memory, actions (RFC 5228 10 asks for such bounds)."""

from __future__ import annotations

from typing import Final

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """The bounds of one run.

    Attributes:
        work: units of about a microsecond of the processor, counted as the interpreter
            goes, not measured, so that a script always ends in the same place.
        text: characters that variables and expanded strings may produce.
        variable: characters of one variable; longer values are cut (RFC 5229 6 wants 4,000).
        variables: how many there may be; more are not set (RFC 5229 6 wants 128).
        body: bytes of the message's parts that are decoded for `body` and `extracttext`.
        actions: of all kinds (RFC 5228 2.10.4 forbids to bound them below 1 redirect).
        redirects: among them.
        notifications: among them; also bounds vacation's copies.
        includes: scripts within each other (RFC 6609 3.1 wants 3).
        included: scripts included in all.
        notes: lines of the explanation.
    """

    work: int = 1_000_000
    text: int = 2_000_000
    variable: int = 64_000
    variables: int = 500
    body: int = 16 << 20
    actions: int = 64
    redirects: int = 16
    notifications: int = 16
    includes: int = 10
    included: int = 100
    notes: int = 5_000


DEFAULT: Final = Limits()


class Stopped(Exception):  # noqa: N818 -- it ends a script; what went wrong is the script's
    """The script cannot go on; `kind` and `values` make the note that tells why."""

    def __init__(self, kind: str, **values: str | int) -> None:
        super().__init__(kind)
        self.kind = kind
        self.values = values


class Budget:
    """What is left of the limits."""

    __slots__ = ("body", "limits", "text", "work")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.work = limits.work
        self.text = limits.text
        self.body = limits.body

    def spend(self, work: int) -> None:
        """Count units of work.

        Raises:
            Stopped: there are none left.
        """
        self.work -= work
        if self.work < 0:
            raise Stopped("too-much-work", limit=self.limits.work)

    def write(self, characters: int) -> None:
        """Count characters that the script produces.

        Raises:
            Stopped: too many.
        """
        self.text -= characters
        if self.text < 0:
            raise Stopped("too-much-text", limit=self.limits.text)
