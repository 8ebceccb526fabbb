"""NOTIFY (RFC 5465): what a client wants to be told of, unasked."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import fetch
from merpati.wire.imap.commands import Command
from merpati.wire.imap.lexer import BadCommand
from merpati.wire.imap.responses import Code

if TYPE_CHECKING:
    from merpati.wire.imap.arguments import Arguments
    from merpati.wire.imap.fetch import FetchItem

GROUPS_MAX: Final = 100  # event groups of one command; ours


class Filter(Enum):
    """Which mailboxes a group is about (RFC 5465 6)."""

    SELECTED = b"SELECTED"
    SELECTED_DELAYED = b"SELECTED-DELAYED"
    INBOXES = b"INBOXES"
    PERSONAL = b"PERSONAL"
    SUBSCRIBED = b"SUBSCRIBED"
    SUBTREE = b"SUBTREE"
    MAILBOXES = b"MAILBOXES"


class Event(Enum):
    """What may happen (RFC 5465 5); the value is its name on the wire."""

    MESSAGE_NEW = b"MessageNew"
    MESSAGE_EXPUNGE = b"MessageExpunge"
    FLAG_CHANGE = b"FlagChange"
    MAILBOX_NAME = b"MailboxName"
    SUBSCRIPTION_CHANGE = b"SubscriptionChange"
    MAILBOX_METADATA_CHANGE = b"MailboxMetadataChange"
    SERVER_METADATA_CHANGE = b"ServerMetadataChange"


OF_MESSAGES: Final = frozenset({Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE, Event.FLAG_CHANGE})
OF_THE_SELECTED: Final = frozenset({Filter.SELECTED, Filter.SELECTED_DELAYED})

_EVENTS: Final = {event.value.upper(): event for event in Event}
_FILTERS: Final = {each.value: each for each in Filter}
_NAMED: Final = frozenset({Filter.SUBTREE, Filter.MAILBOXES})
_BOTH: Final = frozenset({Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE})

BADEVENT: Final = Code(b"BADEVENT (%b)" % b" ".join([event.value for event in Event]))
NOTIFICATIONOVERFLOW: Final = Code(b"NOTIFICATIONOVERFLOW")  # RFC 5465 5.8


class BadEvent(BadCommand):
    """An event that is not known here: `tag NO [BADEVENT (...)]` (RFC 5465 3.1)."""


class Group(msgspec.Struct, frozen=True):
    """Some mailboxes, and the events wanted of them; none: nothing of them.

    `names`: of SUBTREE and MAILBOXES. `items`: what to FETCH of each new message.
    """

    filter: Filter
    events: frozenset[Event]
    names: tuple[str, ...] = ()
    items: tuple[FetchItem, ...] = ()


class Notify(Command, frozen=True):
    """NOTIFY (RFC 5465 3.1).

    `groups`: of SET, empty for NONE. `status`: tell
    how the mailboxes are now.
    """

    groups: tuple[Group, ...] = ()
    status: bool = False


def read_notify(a: Arguments) -> Command:
    """`NOTIFY NONE`, `NOTIFY SET [STATUS] (filter events) ...`."""
    a.space()
    word = a.word("SET or NONE")
    if word == b"NONE":
        return Notify(a.tag)
    if word != b"SET":
        raise SyntaxFault("expected SET or NONE")
    a.space()
    status = a.take_word(b"STATUS ")
    groups = [_group(a)]
    while a.take(b" "):
        if len(groups) == GROUPS_MAX:
            raise SyntaxFault(f"at most {GROUPS_MAX} event groups can be named")
        groups.append(_group(a))
    if sum(group.filter in OF_THE_SELECTED for group in groups) > 1:
        raise SyntaxFault("the selected mailbox is named twice")
    return Notify(a.tag, tuple(groups), status)


def _group(a: Arguments) -> Group:
    a.expect(b"(")
    which = a.option(_FILTERS, "mailboxes such as selected or personal")
    names: tuple[str, ...] = ()
    if which in _NAMED:
        names = _names(a)
    a.space()
    events: frozenset[Event] = frozenset()
    items: tuple[FetchItem, ...] = ()
    if a.comes(b"("):
        found = a.list_of(lambda: _event(a), empty=False)
        events = frozenset([event for event, _ in found])
        items = tuple([item for _, part in found for item in part])
        _check(which, events, items)
    elif a.word("events") != b"NONE":
        raise SyntaxFault("expected events in parentheses, or NONE")
    a.expect(b")")
    return Group(which, events, names, items)


def _names(a: Arguments) -> tuple[str, ...]:
    """A mailbox, or several in parentheses."""
    a.space()
    if a.comes(b"("):
        return a.list_of(a.name, empty=False)
    return (a.name(),)


def _event(a: Arguments) -> tuple[Event, tuple[FetchItem, ...]]:
    name = a.word("an event")
    event = _EVENTS.get(name)
    if event is None:
        raise BadEvent("this event is not known here", a.tag)
    if event is not Event.MESSAGE_NEW or not (a.comes(b" (")):
        return event, ()
    a.space()
    return event, fetch.read_items(a)


def _check(which: Filter, events: frozenset[Event], items: tuple[FetchItem, ...]) -> None:
    """RFC 5465 5, 5.2 and 6.1."""
    if events & OF_MESSAGES and not events >= _BOTH:
        raise SyntaxFault("MessageNew and MessageExpunge go together, FlagChange needs both")
    selected = which in OF_THE_SELECTED
    if selected and not events <= OF_MESSAGES:
        raise SyntaxFault("of the selected mailbox only events of messages can be told")
    if items and not selected:
        raise SyntaxFault("only messages of the selected mailbox can be fetched unasked")
