"""The commands about rights, quotas and annotations, and their responses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.imap import acl, commands, metadata, parser, quota
from merpati.wire.imap.commands import StoreMode
from merpati.wire.imap.lexer import BadCommand, CommandReader, Literal
from merpati.wire.imap.quota import Resource


def parse(*parts: bytes) -> commands.Command:
    """A command from its lines and literals."""
    reader = CommandReader()
    waiting: Literal | None = None
    for part in parts:
        if waiting is None:
            waiting = reader.feed(part)
        else:
            reader.fill(part)
            waiting = None
    assert waiting is None
    return parser.parse(reader)


READ = {
    b"a SETACL Work ani@example.org lrs": acl.SetAcl(
        b"a", "Work", "ani@example.org", StoreMode.REPLACE, "lrs"
    ),
    b'a SETACL Work "-ani" +cd': acl.SetAcl(b"a", "Work", "-ani", StoreMode.ADD, "cd"),
    b"a SETACL inbox anyone -x": acl.SetAcl(b"a", "INBOX", "anyone", StoreMode.REMOVE, "x"),
    b'a SETACL Work anyone ""': acl.SetAcl(b"a", "Work", "anyone", StoreMode.REPLACE, ""),
    b"a DELETEACL Work anyone": acl.DeleteAcl(b"a", "Work", "anyone"),
    b"a getacl Work": acl.GetAcl(b"a", "Work"),
    b"a LISTRIGHTS Work anyone": acl.ListRights(b"a", "Work", "anyone"),
    b"a MYRIGHTS Work": acl.MyRights(b"a", "Work"),
    b'a GETQUOTA ""': quota.GetQuota(b"a", ""),
    b"a GETQUOTAROOT inbox": quota.GetQuotaRoot(b"a", "INBOX"),
    b'a SETQUOTA "x" ()': quota.SetQuota(b"a", "x", {}),
    b"a SETQUOTA x (storage 5 MESSAGE 7)": quota.SetQuota(
        b"a", "x", {Resource.STORAGE: 5, Resource.MESSAGE: 7}
    ),
    b'a GETMETADATA "" /shared/comment': metadata.GetMetadata(b"a", "", ("/shared/comment",)),
    b"a GETMETADATA (MAXSIZE 9 DEPTH 1) INBOX (/private/A /private/a)": metadata.GetMetadata(
        b"a", "INBOX", ("/private/a",), 9, 1
    ),
    b"a GETMETADATA INBOX (DEPTH infinity) /private": metadata.GetMetadata(
        b"a", "INBOX", ("/private",), None, -1
    ),
    b'a GETMETADATA INBOX ("/private/x y")': metadata.GetMetadata(b"a", "INBOX", ("/private/x y",)),
    b"a SETMETADATA INBOX (/private/a NIL /shared/b x)": None,
    b'a SETMETADATA INBOX (/private/a NIL /shared/b "x")': metadata.SetMetadata(
        b"a", "INBOX", {"/private/a": None, "/shared/b": b"x"}
    ),
}
REFUSED = (
    b"a SETACL Work ani",
    b"a SETACL Work ani LR",
    b"a SETACL Work ani l+r",
    b'a SETACL Work "" lr',
    b"a SETACL Work " + b"a" * 501 + b" lr",
    b"a GETACL",
    b"a SETQUOTA x",
    b"a SETQUOTA x (STORAGE)",
    b"a SETQUOTA x (STORAGE 1 STORAGE 2)",
    b"a SETQUOTA x (STORAGE 9223372036854775808)",
    b"a SETQUOTA x ((STORAGE) 1)",
    b"a GETMETADATA INBOX",
    b"a GETMETADATA INBOX ()",
    b"a GETMETADATA INBOX /other/a",
    b"a GETMETADATA INBOX /private/a*",
    b"a GETMETADATA INBOX /private//a",
    b"a GETMETADATA INBOX /private/a/",
    b"a GETMETADATA (DEPTH 2) INBOX /private/a",
    b"a GETMETADATA (DEPTH 1 DEPTH 1) INBOX /private/a",
    b"a GETMETADATA INBOX /private/" + b"a" * 255,
    b"a SETMETADATA INBOX ()",
    b"a SETMETADATA INBOX (/private/a)",
)


@pytest.mark.parametrize("line", READ, ids=lambda line: line.decode())
def test_commands_are_read(line: bytes) -> None:
    wanted = READ[line]
    if wanted is None:
        with pytest.raises(BadCommand):
            parse(line)
    else:
        assert parse(line) == wanted


@pytest.mark.parametrize("line", REFUSED, ids=lambda line: line.decode()[:60])
def test_what_the_grammar_does_not_have_is_refused_with_its_tag(line: bytes) -> None:
    with pytest.raises(BadCommand) as refused:
        parse(line)
    assert refused.value.tag == b"a"


def test_a_value_may_hold_any_byte_in_a_binary_literal() -> None:
    found = parse(b"a SETMETADATA INBOX (/private/a ~{3}", b"x\0y", b" /private/b {1}", b"z", b")")
    assert found == metadata.SetMetadata(b"a", "INBOX", {"/private/a": b"x\0y", "/private/b": b"z"})
    with pytest.raises(BadCommand):
        parse(b"a SETMETADATA INBOX (/private/a {1}", b"\0", b")")
    told = metadata.metadata("INBOX", [("/private/a", b"x\0y")])
    assert told == b'* METADATA "INBOX" (/private/a ~{3}\r\nx\0y)\r\n'


def test_lists_ask_for_rights_and_annotations() -> None:
    found = parse(b'a LIST "" * RETURN (MYRIGHTS METADATA (/shared/Comment "/private/x"))')
    assert isinstance(found, commands.List)
    assert found.returns == {commands.ListReturn.MYRIGHTS, commands.ListReturn.METADATA}
    assert found.metadata == ("/shared/comment", "/private/x")


def test_responses() -> None:
    assert acl.acl("Work", [("ani@example.org", "lr"), ("anyone", "")]) == (
        b'* ACL "Work" ani@example.org lr anyone ""\r\n'
    )
    assert acl.my_rights("Ä", "lr", utf8=True) == '* MYRIGHTS "Ä" lr\r\n'.encode()
    assert acl.list_rights("a", "anyone", "", "lr") == b'* LISTRIGHTS "a" anyone "" l r\r\n'
    assert quota.quota("", {Resource.STORAGE: (1, 2)}) == b'* QUOTA "" (STORAGE 1 2)\r\n'
    assert quota.quota_root("a", ["x y"]) == b'* QUOTAROOT "a" "x y"\r\n'
    assert metadata.changed("a", ["/shared/b"]) == b'* METADATA "a" /shared/b\r\n'


@given(st.dictionaries(st.sampled_from(["/private/a", "/shared/b/c"]), st.binary(max_size=50),
                       min_size=1))  # fmt: skip
def test_a_value_that_was_told_can_be_set_again(values: dict[str, bytes]) -> None:
    told = metadata.metadata("INBOX", values.items())
    assert told.startswith(b'* METADATA "INBOX" (')
    assert told.endswith(b")\r\n")
    parts: list[bytes] = []
    rest = b"a SETMETADATA INBOX " + told[len(b'* METADATA "INBOX" ') : -2]
    while True:
        head, found, tail = rest.partition(b"}\r\n")
        if not found:
            parts.append(rest)
            break
        size = int(head.rpartition(b"{")[2])
        parts += [head + b"}", tail[:size]]
        rest = tail[size:]
    assert parse(*parts) == metadata.SetMetadata(b"a", "INBOX", {**values})
