from __future__ import annotations

import pytest

from merpati.wire.imap import parser
from merpati.wire.imap.fetch import Attribute
from merpati.wire.imap.lexer import BadCommand, CommandReader
from merpati.wire.imap.notify import BADEVENT, BadEvent, Event, Filter, Group, Notify

BOTH = frozenset({Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE})


def read(line: bytes) -> object:
    reader = CommandReader()
    assert reader.feed(line) is None
    return parser.parse(reader)


def test_none_and_set() -> None:
    assert read(b"a NOTIFY none") == Notify(b"a")
    wanted = Notify(b"a", (Group(Filter.PERSONAL, BOTH),))
    assert read(b"a notify set (PERSONAL (messagenew MESSAGEEXPUNGE))") == wanted


def test_groups_of_different_kinds() -> None:
    command = read(
        b"a notify set status (selected (MessageNew (uid flags) MessageExpunge))"
        b" (subtree Lists None)"
    )
    selected = Group(Filter.SELECTED, BOTH, (), (Attribute.UID, Attribute.FLAGS))
    lists = Group(Filter.SUBTREE, frozenset(), ("Lists",))
    assert command == Notify(b"a", (selected, lists), status=True)


def test_names_stand_alone_or_in_parentheses() -> None:
    command = read(b'a NOTIFY SET (mailboxes ("a b" inbox c) NONE) (subtree d (MailboxName))')
    assert isinstance(command, Notify)
    assert command.groups[0].names == ("a b", "INBOX", "c")
    assert command.groups[1].names == ("d",)


@pytest.mark.parametrize(
    "arguments",
    [
        b"",
        b"SET",
        b"SET STATUS",
        b"SET ()",
        b"SET (personal)",
        b"SET (personal ())",
        b"SET (personal (MessageNew))",
        b"SET (personal (MessageNew FlagChange))",
        b"SET (personal (MessageNew (UID) MessageExpunge))",
        b"SET (selected (MessageNew MessageExpunge MailboxName))",
        b"SET (selected NONE) (selected-delayed NONE)",
        b"SET (mailboxes (MessageNew MessageExpunge))",
        b"SET (mailboxes () NONE)",
        b"SET (personal NONE) " + b"(personal NONE) " * 200,
        b"NONE now",
    ],
)
def test_what_is_no_notify(arguments: bytes) -> None:
    with pytest.raises(BadCommand) as caught:
        read(b"a NOTIFY " + arguments)
    assert caught.value.tag == b"a"
    assert not isinstance(caught.value, BadEvent)


def test_an_unknown_event_is_told_apart() -> None:
    with pytest.raises(BadEvent):
        read(b"a NOTIFY SET (personal (AnnotationChange))")
    assert BADEVENT.startswith(b"BADEVENT (MessageNew MessageExpunge FlagChange ")
