from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import client_responses, responses
from merpati.wire.imap.client_responses import (
    Continuation,
    Data,
    Elsewhere,
    ResponseReader,
    Status,
    folder,
    message,
    namespaces,
    parse,
)


def read(raw: bytes, *, stream: bool = False) -> Any:
    """One response as a client reads it from the wire."""
    reader = ResponseReader()
    while True:
        line, _, raw = raw.partition(b"\r\n")
        size = reader.feed(line)
        if size is None:
            return parse(reader.parts)
        if stream and reader.is_body:
            reader.leave()
        else:
            reader.fill(raw[:size])
        raw = raw[size:]


def test_an_answer_with_its_code_and_text() -> None:
    assert read(b"m1 OK [READ-ONLY] done\r\n") == Status(b"m1", b"OK", b"READ-ONLY", b"", "done")
    assert read(b"* ok [UIDVALIDITY 17] yes\r\n") == Status(
        b"", b"OK", b"UIDVALIDITY", b"17", "yes"
    )
    assert read(b"m2 NO\r\n") == Status(b"m2", b"NO")


def test_the_server_may_wait() -> None:
    assert read(b"+ YWJj\r\n") == Continuation(b"YWJj")
    assert read(b"+\r\n") == Continuation(b"")


def test_a_folder_with_its_own_separator_is_read_with_ours() -> None:
    found = folder(read(b'* LIST (\\HasChildren \\Sent) "." "INBOX.Entw&APw-rfe"\r\n'))
    assert found is not None
    assert found.name == b"INBOX.Entw&APw-rfe"
    assert found.path == "INBOX/Entwürfe"
    assert found.attributes == {rb"\haschildren", rb"\sent"}


def test_a_folder_whose_name_would_be_two_commands_is_none() -> None:
    assert folder(read(b"* LIST () NIL {6}\r\na\r\nb c\r\n")) is None


def test_namespaces_tell_whose_a_folder_is() -> None:
    cyrus = namespaces(read(b'* NAMESPACE (("INBOX." ".")) (("user." ".")) (("" "."))\r\n'))
    assert (cyrus.personal, cyrus.others) == ((b"INBOX.",), (b"user.", b""))
    assert list(map(cyrus.is_others, (b"INBOX", b"inbox", b"INBOX.a", b"user.b", b"c"))) == [
        False, False, False, True, True
    ]  # fmt: skip
    own = namespaces(read(b'* NAMESPACE (("" "/" "X-PARAM" ("a"))) NIL (("Public/" "/"))\r\n'))
    assert [own.is_others(name) for name in (b"a", b"Publicity", b"Public/a")] == [
        False, False, True
    ]  # fmt: skip
    for odd in (b"* NAMESPACE\r\n", b"* NAMESPACE () x ((NIL))\r\n"):
        assert not namespaces(read(odd)).is_others(b"a")


def test_a_message_with_its_body_in_a_literal() -> None:
    raw = (
        b'* 3 FETCH (UID 7 FLAGS (\\Seen Work) INTERNALDATE "17-Jul-1996 02:44:25 -0700"'
        b" RFC822.SIZE 5 BODY[] {5}\r\nhel\r\n)\r\n"
    )
    found = message(read(raw))
    assert (found.uid, found.size, found.body) == (7, 5, b"hel\r\n")
    assert found.flags == (b"\\Seen", b"Work")
    assert found.date == 837596665


def test_a_body_may_go_elsewhere_as_it_comes() -> None:
    raw = b"* 3 FETCH (BODY[] {5}\r\nhel\r\n UID 7)\r\n"
    assert read(raw, stream=True).values == ((b"BODY[]", Elsewhere(5), b"UID", b"7"),)
    assert message(read(raw, stream=True)).elsewhere


def test_a_section_with_spaces_is_one_name() -> None:
    raw = b'* 1 FETCH (BODY[HEADER.FIELDS (DATE "FROM")]<0> NIL)\r\n'
    assert read(raw) == Data(b"FETCH", 1, ((b'BODY[HEADER.FIELDS (DATE "FROM")]<0>', None),))


def test_quotes_are_taken_off() -> None:
    assert read(b'* X "a\\"b\\\\" nil "NIL"\r\n').values == (b'a"b\\', None, b"NIL")


@pytest.mark.parametrize(
    "raw",
    [b"", b"hello", b"* ", b"* 1 FETCH (UID", b"* 1 FETCH UID)", b'* X "open', b"* X \x00",
     b"m1 MAYBE so", b"* X " + b"(" * 60 + b")" * 60],
)  # fmt: skip
def test_what_is_no_response_is_refused(raw: bytes) -> None:
    with pytest.raises(SyntaxFault):
        read(raw + b"\r\n")


def test_a_response_without_end_is_refused() -> None:
    raw = b"* X {1}\r\nx" * 40_000
    with pytest.raises(SyntaxFault, match="too long"):
        read(raw)


def test_a_list_of_many_lists_costs_no_recursion() -> None:
    raw = b"* X " + b"(a)" * 50_000 + b"\r\n"
    with pytest.raises(SyntaxFault, match="too many"):
        read(raw)


def test_what_our_server_says_is_understood() -> None:
    for raw in (
        responses.untagged(responses.Condition.OK, "hi", responses.uidvalidity(3)),
        responses.fetch(1, [b"UID 4", rb"FLAGS (\Seen)"]),
        responses.mailbox_list("Größe/x", [rb"\HasNoChildren"]),
    ):
        assert isinstance(read(raw), (Status, Data))


@given(st.lists(st.binary(max_size=80), min_size=1, max_size=5))
@example([b'* 1 FETCH (INTERNALDATE "x")'])
def test_any_bytes_are_a_response_or_a_fault(parts: list[bytes]) -> None:
    given_parts: list[bytes | Elsewhere] = [b"* " + parts[0], *parts[1:]]
    for one in (given_parts, list[bytes | Elsewhere](parts)):
        try:
            found = parse(one)
            if isinstance(found, Data):
                client_responses.folder(found)
                client_responses.message(found)
        except SyntaxFault:
            continue
