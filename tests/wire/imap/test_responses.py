from __future__ import annotations

from collections.abc import Callable

import pytest

from merpati.wire.imap import responses as r
from merpati.wire.imap.commands import StatusItem

INJECTIONS = ["a\r\n* BYE", "a\nb", "a\rb", "a\0b"]


@pytest.mark.parametrize(
    ("made", "wire"),
    [
        (r.tagged(b"a1", r.Condition.OK, "done"), b"a1 OK done\r\n"),
        (r.tagged(b"a1", r.Condition.NO, "no", r.TRYCREATE), b"a1 NO [TRYCREATE] no\r\n"),
        (r.untagged(r.Condition.BYE, "so long"), b"* BYE so long\r\n"),
        (r.untagged(r.Condition.OK, "x", r.uidnext(7)), b"* OK [UIDNEXT 7] x\r\n"),
        (r.untagged(r.Condition.OK, "x", r.unseen(2)), b"* OK [UNSEEN 2] x\r\n"),
        (r.untagged(r.Condition.OK, "x", r.uidvalidity(9)), b"* OK [UIDVALIDITY 9] x\r\n"),
        (r.untagged(r.Condition.OK, "x", r.highestmodseq(5)), b"* OK [HIGHESTMODSEQ 5] x\r\n"),
        (r.bad(None, "what?"), b"* BAD what?\r\n"),
        (r.bad(b"t", "what?"), b"t BAD what?\r\n"),
        (r.continuation("go ahead"), b"+ go ahead\r\n"),
        (r.challenge(b""), b"+ \r\n"),
        (r.challenge(b"YQ=="), b"+ YQ==\r\n"),
        (r.capability([b"IMAP4rev1", b"AUTH=PLAIN"]), b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"),
        (r.enabled([]), b"* ENABLED\r\n"),
        (r.enabled([b"CONDSTORE"]), b"* ENABLED CONDSTORE\r\n"),
        (r.exists(3), b"* 3 EXISTS\r\n"),
        (r.recent(0), b"* 0 RECENT\r\n"),
        (r.expunge([3, 3]), b"* 3 EXPUNGE\r\n* 3 EXPUNGE\r\n"),
        (r.vanished(b"1:3"), b"* VANISHED 1:3\r\n"),
        (r.vanished(b"7", earlier=True), b"* VANISHED (EARLIER) 7\r\n"),
        (r.flag_list(["$seen", "work"]), b"* FLAGS (\\Seen work)\r\n"),
        (r.fetch(2, [b"UID 7", b"FLAGS ()"]), b"* 2 FETCH (UID 7 FLAGS ())\r\n"),
        (r.separator(), b'* LIST (\\Noselect) "/" ""\r\n'),
        (r.namespace(), b'* NAMESPACE (("" "/")) NIL NIL\r\n'),
        (r.namespace([""], [], ["Shared/"]), b'* NAMESPACE (("" "/")) NIL (("Shared/" "/"))\r\n'),
        (r.server_id({b"name": b"x", b"os": None}), b'* ID ("name" "x" "os" NIL)\r\n'),
        (r.server_id(None), b"* ID NIL\r\n"),
    ],
)
def test_responses_are_written_as_the_standards_say(made: bytes, wire: bytes) -> None:
    assert made == wire


def test_codes_with_arguments() -> None:
    assert r.appenduid(1, b"5") == b"APPENDUID 1 5"
    assert r.copyuid(1, b"5:6", b"8:9") == b"COPYUID 1 5:6 8:9"
    assert r.modified(b"7,9") == b"MODIFIED 7,9"
    assert r.badcharset([b"US-ASCII", b"UTF-8"]) == b"BADCHARSET (US-ASCII UTF-8)"
    assert r.capability_code([b"IMAP4rev1"]) == b"CAPABILITY IMAP4rev1"
    assert r.permanentflags(["$seen"], new=True) == b"PERMANENTFLAGS (\\Seen \\*)"
    assert r.permanentflags([], new=False) == b"PERMANENTFLAGS ()"


def test_list_and_status_write_names_for_the_client_at_hand() -> None:
    made = r.mailbox_list("Entwürfe", [b"\\Drafts"], child_info=[b"SUBSCRIBED"])
    assert made == b'* LIST (\\Drafts) "/" "Entw&APw-rfe" ("CHILDINFO" ("SUBSCRIBED"))\r\n'
    made = r.mailbox_list("Entwürfe", utf8=True, kind=b"LSUB")
    assert made == '* LSUB () "/" "Entwürfe"\r\n'.encode()
    made = r.status('a "b"', (StatusItem.MESSAGES, StatusItem.UIDNEXT), (2, 4))
    assert made == b'* STATUS "a \\"b\\"" (MESSAGES 2 UIDNEXT 4)\r\n'


@pytest.mark.parametrize("text", [*INJECTIONS, "", "[ALERT] hello"])
def test_no_text_can_break_its_line_or_feign_a_code(text: str) -> None:
    makers: list[Callable[[str], bytes]] = [
        lambda t: r.tagged(b"a", r.Condition.OK, t),
        lambda t: r.untagged(r.Condition.OK, t),
        lambda t: r.bad(b"a", t),
        r.continuation,
    ]
    for make in makers:
        with pytest.raises(ValueError, match="one line"):
            make(text)


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_argument_can_break_its_line(text: str) -> None:
    raw = text.encode()
    makers: list[Callable[[], bytes]] = [
        lambda: r.tagged(b"a", r.Condition.OK, "x", r.Code(raw)),
        lambda: r.tagged(b"a", r.Condition.OK, "x", r.Code(b"A] b")),
        lambda: r.capability([raw]),
        lambda: r.capability_code([raw]),
        lambda: r.enabled([raw]),
        lambda: r.vanished(raw),
        lambda: r.copyuid(1, raw, b"1"),
        lambda: r.flag_list([text]),
        lambda: r.permanentflags([text], new=False),
        lambda: r.mailbox_list("a", [raw]),
        lambda: r.mailbox_list("a", child_info=[raw]),
        lambda: r.challenge(raw),
        lambda: r.server_id({raw: b"x"}),
    ]
    for make in makers:
        with pytest.raises(ValueError, match=r"\w"):
            make()


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_strange_name_becomes_a_shift_or_a_literal(text: str) -> None:
    assert r.mailbox_list(text).count(b"\r\n") == 1
    head = r.mailbox_list(text, utf8=True).split(b"\r\n")[0]
    assert head.endswith(b"{%d}" % len(text))


def test_text_outside_ascii_is_replaced() -> None:
    assert r.continuation("bitte schön") == b"+ bitte sch?n\r\n"
