"""What was lately told of emails out of their bytes, which never change.

A client that looks at a list asks for the same fifty emails each time something happens in
their mailbox. Header fields and structure are then not read again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final

ENTRIES: Final = 4096  # of about 2 KB
PLANS: Final = 64  # different sets of properties


class Told:
    """The properties of emails by what was asked for; the least recently asked for goes first."""

    def __init__(self) -> None:
        self._plans: dict[Hashable, int] = {}
        self._entries: OrderedDict[tuple[int, int, int], dict[str, Any]] = OrderedDict()

    def plan(self, wanted: Hashable) -> int:
        """A number for a set of properties."""
        if wanted not in self._plans and len(self._plans) >= PLANS:
            self._plans.clear()
            self._entries.clear()
        return self._plans.setdefault(wanted, len(self._plans))

    def of(
        self, account_id: int, email_id: int, plan: int, make: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """The properties of an email, made if they are not known. Not to be changed."""
        key = (account_id, email_id, plan)
        known = self._entries.get(key)
        if known is not None:
            self._entries.move_to_end(key)
            return known
        told = make()
        self._entries[key] = told
        if len(self._entries) > ENTRIES:
            self._entries.popitem(last=False)
        return told
