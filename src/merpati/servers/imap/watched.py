"""What a client has asked to be told of with NOTIFY (RFC 5465), and how far it was told."""

from __future__ import annotations

from collections.abc import Callable

from merpati.model.mailbox import SEPARATOR
from merpati.wire.imap.notify import OF_THE_SELECTED, Event, Filter, Group

Key = tuple[int, int]  # account and mailbox


class Watch:
    """What one client wants to be told of, and what it knows.

    Attributes:
        selected: the group of the selected mailbox, or None when nothing of it is wanted.
        stale: something was announced since it was last told.
        since: the modseq of each account up to which it was told.
        others: what it may do in other accounts, as `places.of_others` has it.
        server: hashes of the server's annotations that it knows, by entry.
    """

    __slots__ = (
        "groups", "others", "paths", "selected", "server", "since", "stale", "stops", "subscribed",
    )  # fmt: skip

    def __init__(self, groups: tuple[Group, ...]) -> None:
        own = [group for group in groups if group.filter in OF_THE_SELECTED and group.events]
        self.selected: Group | None = own[0] if own else None
        self.groups = tuple([each for each in groups if each.filter not in OF_THE_SELECTED])
        self.stale = False
        self.since: dict[int, int] = {}
        self.others: dict[int, tuple[str, dict[int, str]]] = {}
        self.server: dict[str, int] = {}
        self.stops: list[Callable[[], None]] = []
        self.paths: dict[Key, str] = {}
        self.subscribed: set[str] = set()

    @property
    def tells_flags(self) -> bool:
        """Whether changed flags of the selected mailbox are wanted."""
        return self.selected is not None and Event.FLAG_CHANGE in self.selected.events

    @property
    def delays_expunge(self) -> bool:
        """Whether EXPUNGE waits for a command that allows it."""
        return self.selected is None or self.selected.filter is Filter.SELECTED_DELAYED

    def wants(self, *events: Event) -> bool:
        """Whether any group wants any of these."""
        return any(not group.events.isdisjoint(events) for group in self.groups)

    def events(self, own: bool, path: str, subscribed: set[str]) -> frozenset[Event]:
        """What is wanted of a mailbox: by all groups that cover it (RFC 5465 6).

        Nothing, if one of them is NONE.
        """
        wanted: frozenset[Event] = frozenset()
        for group in self.groups:
            if _covers(group, path, own=own, subscribed=subscribed):
                if not group.events:
                    return group.events
                wanted |= group.events
        return wanted


def _covers(group: Group, path: str, *, own: bool, subscribed: set[str]) -> bool:
    if group.filter is Filter.MAILBOXES:
        return path in group.names
    if group.filter is Filter.SUBTREE:
        return any(path == name or path.startswith(name + SEPARATOR) for name in group.names)
    if group.filter is Filter.SUBSCRIBED:
        return path in subscribed
    return own  # rules may put mail into any of them, so INBOXES are all (RFC 5465 6.3)
