from __future__ import annotations

import pytest

from merpati.wire.imap import parser
from merpati.wire.imap.commands import Command, Search
from merpati.wire.imap.finding import (
    Algorithm,
    CancelUpdate,
    MultiSearch,
    Scope,
    Sort,
    SortBy,
    SortKey,
    Sources,
    Thread,
)
from merpati.wire.imap.lexer import BadCommand, CommandReader, Limits
from merpati.wire.imap.results import Option, Partial, Returns
from merpati.wire.imap.search import All, Header

ALL = Returns(frozenset({Option.ALL}))


def read(line: bytes) -> Command:
    reader = CommandReader(Limits(10**6, 10**6, 10**6))
    assert reader.feed(line) is None
    return parser.parse(reader)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"a SEARCH RETURN () ALL", Search(b"a", False, All(), ALL)),
        (
            b"a uid search return (save partial 9:2) all",
            Search(
                b"a", True, All(),
                Returns(frozenset({Option.SAVE, Option.PARTIAL}), Partial(2, 9)),
            ),
        ),
        (
            b"a SEARCH RETURN (PARTIAL -1:-100) ALL",
            Search(b"a", False, All(), Returns(frozenset({Option.PARTIAL}), Partial(1, 100, True))),
        ),
        (
            b"a sort (reverse date SUBJECT) utf-8 from x",
            Sort(
                b"a", False, (SortKey(SortBy.DATE, True), SortKey(SortBy.SUBJECT)),
                Header("from", "x"),
            ),
        ),
        (
            b'a UID SORT RETURN (ALL) (DISPLAYFROM) "US-ASCII" ALL',
            Sort(b"a", True, (SortKey(SortBy.DISPLAYFROM),), All(), ALL, is_utf8=False),
        ),
        (b"a THREAD references utf-8 all", Thread(b"a", False, Algorithm.REFERENCES, All())),
        (b"a UID THREAD REFS utf-8 all", Thread(b"a", True, Algorithm.REFS, All())),
        (b"a ESEARCH ALL", MultiSearch(b"a", (), All(), ALL)),
        (
            b'a ESEARCH IN (inboxes subtree (x "y z") mailboxes INBOX) CHARSET UTF-8 ALL',
            MultiSearch(
                b"a",
                (
                    Sources(Scope.INBOXES), Sources(Scope.SUBTREE, ("x", "y z")),
                    Sources(Scope.MAILBOXES, ("INBOX",)),
                ),
                All(), ALL, charset=True,
            ),
        ),
        (b'a CANCELUPDATE "b" "c d"', CancelUpdate(b"a", (b"b", b"c d"))),
    ],
)  # fmt: skip
def test_commands_are_read(line: bytes, command: Command) -> None:
    assert read(line) == command


@pytest.mark.parametrize(
    "line",
    [
        *(b"SEARCH RETURN (PARTIAL) ALL", b"SEARCH RETURN (PARTIAL 0:1) ALL", b"SEARCH RETURN ALL"),
        *(b"SEARCH RETURN (PARTIAL 1:2 PARTIAL 1:2) ALL", b"SEARCH RETURN (PARTIAL -1:2) ALL"),
        *(b"SEARCH RETURN (ALL PARTIAL 1:2) ALL", b"SEARCH RETURN (PARTIAL 1:4294967296) ALL"),
        *(
            b"SORT (DATE) ALL",
            b"SORT () utf-8 all",
            b"SORT DATE utf-8 all",
            b"SORT (REVERSE) x all",
        ),
        *(b"SORT (" + b" ".join([b"DATE"] * 21) + b") utf-8 ALL", b"SORT (REVERSEDATE) utf-8 all"),
        *(b"THREAD utf-8 all", b"THREAD REFERENCES all", b"ESEARCH", b"ESEARCH IN () ALL"),
        *(b"ESEARCH IN (subtree) ALL", b"ESEARCH IN (selected x) ALL", b"UID ESEARCH ALL"),
        *(b"ESEARCH IN (mailboxes (" + b" ".join([b"x"] * 101) + b")) ALL", b"CANCELUPDATE"),
        *(b"ESEARCH IN (selected-delayed) ALL", b"SEARCH RETURN (UPDATE ()) ALL"),
        *(b"CANCELUPDATE x", b'CANCELUPDATE "a"  "b"', b'CANCELUPDATE "a"b'),
    ],
)
def test_wrong_commands_are_refused(line: bytes) -> None:
    with pytest.raises(BadCommand):
        read(b"a " + line)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"SEARCH NONSENSE", "SEARCH knows no such key"),
        (b"SEARCH (SEEN NONSENSE)", "SEARCH knows no such key"),
        (b"THREAD REFERENCES utf-8 NONSENSE x", "SEARCH knows no such key"),
        (b"SEARCH SUBJECT", "an argument is missing, or a space before it"),
        (b"SEARCH RETURN (PARTIAL 1:4294967296) ALL", "a place in a range is at most 4294967295"),
        (b"SEARCH RETURN (PARTIAL -1:2) ALL", "both ends of a range count from the same side"),
        (b"UID FETCH 1 UID (PARTIAL 1:4294967296)", "a place in a range is at most 4294967295"),
        (b"UID FETCH 1 UID (PARTIAL -1:2)", "both ends of a range count from the same side"),
        (b"UID FETCH 1 UID (NONSENSE)", "expected CHANGEDSINCE, VANISHED or PARTIAL"),
        (b"STORE 1 +FLAGS", "an argument is missing, or a space before it"),
        (b"STORE 1 NONSENSE x", "expected FLAGS, +FLAGS or -FLAGS"),
    ],
)
def test_a_refusal_names_what_is_wrong(line: bytes, why: str) -> None:
    with pytest.raises(BadCommand) as caught:
        read(b"a " + line)
    assert caught.value.text == why


def test_an_unknown_charset_is_told() -> None:
    for line in (b"SEARCH CHARSET x ALL", b"SORT (DATE) x ALL", b"THREAD REFS x ALL"):
        with pytest.raises(parser.BadCharset) as caught:
            read(b"a " + line)
        assert not caught.value.saves
    with pytest.raises(parser.BadCharset) as caught:
        read(b"a SORT RETURN (SAVE) (DATE) x ALL")
    assert caught.value.saves
