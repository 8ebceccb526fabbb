from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import commands as c
from merpati.wire.imap import flags, parser, sets
from merpati.wire.imap.fetch import Attribute
from merpati.wire.imap.lexer import BadCommand, CommandReader, Limits
from merpati.wire.imap.results import Option, Returns
from merpati.wire.imap.search import All, Header, Keyword

ROOMY = Limits(10**6, 10**6, 10**7)
ONE = sets.parse(b"1")
SEVEN_ON = sets.parse(b"7:*")


def parse(wire: bytes, *, utf8: bool = False, limits: Limits = ROOMY) -> c.Command:
    """The command in `wire`, literals and all, fed as a session feeds it."""
    reader = CommandReader(limits)
    at = 0
    while True:
        end = wire.find(b"\r\n", at)
        line = wire[at:] if end < 0 else wire[at:end]
        literal = reader.feed(line)
        if literal is None:
            return parser.parse(reader, utf8=utf8)
        start = at + len(line) + 2
        at = min(start + literal.size, 2 * len(wire))
        if literal.fits and literal.size <= len(wire):
            reader.fill(wire[start:at].ljust(literal.size, b"x"))
        else:
            reader.skip("too long")


@pytest.mark.parametrize(
    ("wire", "command"),
    [
        (b"a capability", c.Capability(b"a")),
        (b"a NOOP", c.Noop(b"a")),
        (b"a Logout", c.Logout(b"a")),
        (b"a STARTTLS", c.StartTls(b"a")),
        (b"a NAMESPACE", c.Namespace(b"a")),
        (b"a IDLE", c.Idle(b"a")),
        (b"a CHECK", c.Check(b"a")),
        (b"a CLOSE", c.Close(b"a")),
        (b"a UNSELECT", c.Unselect(b"a")),
        (b"a EXPUNGE", c.Expunge(b"a")),
        (b"a UID EXPUNGE 7:*", c.Expunge(b"a", SEVEN_ON)),
        (b'a LOGIN me "p w"', c.Login(b"a", "me", "p w")),
        (b"a LOGIN {2}\r\nme {3+}\r\np\r\n", c.Login(b"a", "me", "p\r\n")),
        (b'a LOGIN "m\xc3\xa9" x', c.Login(b"a", "mé", "x")),
        (b"a authenticate plain", c.Authenticate(b"a", b"PLAIN")),
        (b"a AUTHENTICATE PLAIN AG1lAHg=", c.Authenticate(b"a", b"PLAIN", b"\0me\0x")),
        (b"a AUTHENTICATE EXTERNAL =", c.Authenticate(b"a", b"EXTERNAL", b"")),
        (b"a ID nil", c.Id(b"a", None)),
        (b"a ID ()", c.Id(b"a", ())),
        (b'a ID ("Name" "x" "os" NIL)', c.Id(b"a", ((b"name", b"x"), (b"os", None)))),
        (b"a ENABLE CondStore X-Y", c.Enable(b"a", (b"CONDSTORE", b"X-Y"))),
        (b"a SELECT inbox", c.Select(b"a", "INBOX", written="inbox")),
        (b"a EXAMINE p&AOQ-", c.Select(b"a", "pä", read_only=True)),
        (b"a SELECT x (CONDSTORE)", c.Select(b"a", "x", condstore=True)),
        (b"a SELECT x (QRESYNC (67 20))", c.Select(b"a", "x", qresync=c.QResync(67, 20))),
        (
            b"a SELECT x (QRESYNC (67 20 7:9) condstore)",
            c.Select(b"a", "x", False, True, c.QResync(67, 20, sets.parse(b"7:9"))),
        ),
        (
            b"a SELECT x (QRESYNC (67 20 7:9 (1,3 7,9)))",
            c.Select(
                b"a",
                "x",
                qresync=c.QResync(
                    67, 20, sets.parse(b"7:9"), (sets.parse(b"1,3"), sets.parse(b"7,9"))
                ),
            ),
        ),
        (
            b"a SELECT x (QRESYNC (67 20 (1 7)))",
            c.Select(b"a", "x", qresync=c.QResync(67, 20, None, (ONE, sets.parse(b"7")))),
        ),
        (b"a CREATE a/", c.Create(b"a", "a")),
        (b"a CREATE a (USE (\\Sent \\X))", c.Create(b"a", "a", (b"\\Sent", b"\\X"))),
        (b'a DELETE "a b"', c.Delete(b"a", "a b")),
        (b"a RENAME a {1}\r\nb", c.Rename(b"a", "a", "b")),
        (b"a SUBSCRIBE a", c.Subscribe(b"a", "a")),
        (b"a UNSUBSCRIBE a", c.Unsubscribe(b"a", "a")),
        (b'a LIST "" ""', c.List(b"a", "", ("",))),
        (b"a LIST a/ %", c.List(b"a", "a/", ("%",))),
        (b'a LIST "" "p&AOQ-*"', c.List(b"a", "", ("pä*",))),
        (b'a LSUB "" *', c.Lsub(b"a", "", "*")),
        (
            b'a LIST (Subscribed RecursiveMatch) "" (a b%) RETURN (CHILDREN)',
            c.List(
                b"a",
                "",
                ("a", "b%"),
                frozenset((c.ListSelection.SUBSCRIBED, c.ListSelection.RECURSIVEMATCH)),
                frozenset((c.ListReturn.CHILDREN,)),
                extended=True,
            ),
        ),
        (
            b'a LIST "" % RETURN (SPECIAL-USE STATUS (MESSAGES size))',
            c.List(
                b"a",
                "",
                ("%",),
                returns=frozenset((c.ListReturn.SPECIAL_USE, c.ListReturn.STATUS)),
                status=(c.StatusItem.MESSAGES, c.StatusItem.SIZE),
                extended=True,
            ),
        ),
        (
            b'a LIST (SPECIAL-USE) "" "*"',
            c.List(b"a", "", ("*",), frozenset((c.ListSelection.SPECIAL_USE,)), extended=True),
        ),
        (
            b"a STATUS x (uidnext MESSAGES UIDNEXT HIGHESTMODSEQ)",
            c.Status(
                b"a",
                "x",
                (c.StatusItem.UIDNEXT, c.StatusItem.MESSAGES, c.StatusItem.HIGHESTMODSEQ),
            ),
        ),
        (b"a SEARCH ALL", c.Search(b"a", False, All())),
        (
            b"a uid search charset utf-8 from x",
            c.Search(b"a", True, Header("from", "x"), charset=True),
        ),
        (
            b"a SEARCH RETURN () UNSEEN",
            c.Search(b"a", False, Keyword("$seen", False), Returns(frozenset((Option.ALL,)))),
        ),
        (
            b"a SEARCH RETURN (MIN COUNT) CHARSET US-ASCII ALL",
            c.Search(
                b"a", False, All(), Returns(frozenset((Option.MIN, Option.COUNT))), charset=True
            ),
        ),
        (
            b"a UID FETCH 7:* (FLAGS UID)",
            c.Fetch(b"a", True, SEVEN_ON, (Attribute.FLAGS, Attribute.UID)),
        ),
        (
            b"a FETCH 1 UID (CHANGEDSINCE 5)",
            c.Fetch(b"a", False, ONE, (Attribute.UID,), changed_since=5),
        ),
        (
            b"a UID FETCH 1 (UID) (CHANGEDSINCE 5 VANISHED)",
            c.Fetch(b"a", True, ONE, (Attribute.UID,), 5, vanished=True),
        ),
        (
            b"a STORE 1 +flags \\Deleted",
            c.Store(b"a", False, ONE, c.StoreMode.ADD, ("$deleted",)),
        ),
        (
            b"a UID STORE 1 -FLAGS.silent (\\Seen Work work)",
            c.Store(b"a", True, ONE, c.StoreMode.REMOVE, ("$seen", "work"), silent=True),
        ),
        (b"a STORE 1 FLAGS ()", c.Store(b"a", False, ONE, c.StoreMode.REPLACE, ())),
        (
            b"a STORE 1 (UNCHANGEDSINCE 12) FLAGS.SILENT a b",
            c.Store(b"a", False, ONE, c.StoreMode.REPLACE, ("a", "b"), True, 12),
        ),
        (b"a COPY 1 x", c.Copy(b"a", False, ONE, "x")),
        (b"a UID COPY 7:* x", c.Copy(b"a", True, SEVEN_ON, "x")),
        (b"a MOVE 1 {1}\r\nx", c.Move(b"a", False, ONE, "x")),
        (b"a UID MOVE $ x", c.Move(b"a", True, sets.SAVED, "x")),
    ],
)
def test_each_command_becomes_its_struct(wire: bytes, command: c.Command) -> None:
    assert parse(wire) == command


@pytest.mark.parametrize(
    "wire",
    [
        *(b"a FOO", b"a UID NOOP", b"a UID SELECT x", b"a DONE", b"a NOOP ", b"a NOOP x"),
        *(
            b"a LOGIN",
            b"a LOGIN x",
            b"a LOGIN x ",
            b"a LOGIN x y z",
            b'a LOGIN "x y',
            b"a LOGIN (a) b",
        ),
        *(b'a LOGIN "\xff" x', b"a LOGIN {1}\r\n\0 x", b"a LOGIN x  y", b"a LOGIN ~{1}\r\na b"),
        *(b"a AUTHENTICATE", b"a AUTHENTICATE PLAIN %", b"a AUTHENTICATE PLAIN A", b"a ID"),
        *(b'a ID ("x")', b'a ID (NIL "x")', b"a ID nilly", b"a ENABLE", b"a ENABLE (X)"),
        *(b"a SELECT", b"a SELECT x ()", b"a SELECT x (FOO)", b"a SELECT x (CONDSTORE CONDSTORE)"),
        *(b"a SELECT x (QRESYNC)", b"a SELECT x (QRESYNC (1))", b"a SELECT x (QRESYNC (1 2 *))"),
        *(b"a SELECT x (QRESYNC (1 2 (3 4) 5))", b"a SELECT x (QRESYNC (1 2 3 4))"),
        *(b"a CREATE x (USE \\Sent)", b"a CREATE x (FOO ())", b"a RENAME x", b"a DELETE *"),
        *(b'a LIST ""', b'a LIST (FOO) "" %', b'a LIST (RECURSIVEMATCH) "" %', b'a LIST "" ()'),
        *(
            b'a LIST (RECURSIVEMATCH REMOTE) "" %',
            b'a LIST "" % RETURN (FOO)',
            b'a LIST "" % FOO ()',
        ),
        *(b'a LIST "" % RETURN (STATUS)', b"a STATUS x ()", b"a STATUS x (FOO)", b"a STATUS x FOO"),
        *(
            b"a SEARCH",
            b"a SEARCH RETURN (FOO) ALL",
            b"a SEARCH RETURN () ",
            b"a SEARCH CHARSET UTF-8",
        ),
        *(
            b"a FETCH 1",
            b"a FETCH 0 UID",
            b"a FETCH x UID",
            b"a FETCH 1 UID ()",
            b"a FETCH 1 UID (X)",
        ),
        *(b"a UID FETCH 1 UID (VANISHED)", b"a FETCH 1 UID (CHANGEDSINCE 1 VANISHED)"),
        *(
            b"a STORE 1 FLAGS",
            b"a STORE 1 FLAGS ",
            b"a STORE 1 \\Seen",
            b"a STORE 1 +FLAGS (\\Recent)",
        ),
        *(b"a STORE 1 +FLAGS \\Foo", b"a STORE 1 (FOO 1) FLAGS ()", b"a COPY 1", b"a COPY x y"),
        *(b"a UID EXPUNGE", b"a EXPUNGE 1", b"a APPEND x {1}\r\ny", b"a APPEND x"),
    ],
)
def test_wrong_arguments_are_refused_under_their_tag(wire: bytes) -> None:
    with pytest.raises(BadCommand) as caught:
        parse(wire)
    assert caught.value.tag == b"a"


@pytest.mark.parametrize("wire", [b"", b" ", b"*", b"+ NOOP", b"\r\n", b"(a) NOOP", b"\xff NOOP"])
def test_without_a_readable_tag_there_is_none_to_answer(wire: bytes) -> None:
    with pytest.raises(BadCommand) as caught:
        parse(wire)
    assert caught.value.tag is None


def test_a_tag_alone_is_still_answered() -> None:
    with pytest.raises(BadCommand) as caught:
        parse(b"a1")
    assert caught.value.tag == b"a1"


def test_a_fault_never_repeats_what_the_peer_sent() -> None:
    for wire in (b"a SECRET", b"a LOGIN x secret secret", b"a FETCH 1 SECRET", b"a ENABLE secret("):
        with pytest.raises(BadCommand) as caught:
            parse(wire)
        assert "secret" not in caught.value.text.lower()


def test_a_skipped_literal_refuses_the_whole_command() -> None:
    with pytest.raises(BadCommand) as caught:
        parse(b"a LOGIN x {11+}\r\n12345678901", limits=Limits(100, 10, 1000))
    assert (caught.value.tag, caught.value.text) == (b"a", "too long")


def test_an_unknown_charset_has_its_own_fault() -> None:
    with pytest.raises(parser.BadCharset) as caught:
        parse(b"a SEARCH CHARSET KOI8-R TEXT x")
    assert caught.value.tag == b"a"


def test_names_are_utf8_for_those_who_enabled_it() -> None:
    assert parse('a SELECT "Q&-pä"'.encode(), utf8=True) == c.Select(b"a", "Q&-pä")


def test_limits_of_lists_are_kept() -> None:
    pairs = b" ".join([b'"k" "v"'] * (parser.ID_PAIRS_MAX + 1))
    with pytest.raises(BadCommand):
        parse(b"a ID (" + pairs + b")")
    parse(b"a ID (" + pairs[8:] + b")")
    with pytest.raises(BadCommand):
        parse(b'a ID ("' + b"k" * 31 + b'" "v")')
    with pytest.raises(BadCommand):
        parse(b'a ID ("k" "' + b"v" * 1025 + b'")')
    many = b" ".join(b"k%d" % number for number in range(flags.FLAGS_MAX + 1))
    with pytest.raises(BadCommand):
        parse(b"a STORE 1 FLAGS (" + many + b")")
    with pytest.raises(BadCommand):
        parse(b'a LIST "" (' + b" ".join([b"a"] * 10_001) + b")")


def test_passwords_are_not_shown() -> None:
    assert "hush" not in repr(parse(b"a LOGIN me hush"))
    assert "aHVzaA" not in repr(parse(b"a AUTHENTICATE X aHVzaA=="))
    assert "hush" not in repr(parse(b"a AUTHENTICATE X aHVzaA=="))


def test_a_sasl_line_is_base64_or_a_star() -> None:
    assert parser.sasl_response(b"AG1lAHg=") == b"\0me\0x"
    assert parser.sasl_response(b"") == b""
    assert parser.sasl_response(b"*") is None
    for wrong in (b"A", b"A=B", b"\xff", b"AAAA" * 5000):
        with pytest.raises(SyntaxFault):
            parser.sasl_response(wrong)


NAMES = [
    *(b"LOGIN", b"SELECT", b"LIST", b"STATUS", b"FETCH", b"UID FETCH", b"STORE", b"SEARCH"),
    *(b"ID", b"ENABLE", b"COPY", b"CREATE", b"AUTHENTICATE", b"UID EXPUNGE", b"APPEND"),
]
TOKENS = [
    *(b"x", b'"q"', b"(", b")", b"1:*", b"{1}\r\nx", b"{3+}\r\na b", b"FLAGS", b"BODY[", b"]"),
    *(b"RETURN", b"\\Seen", b"UID", b"NOT", b"OR", b"*", b"%", b"QRESYNC", b"<0.1>", b"NIL", b" "),
]
ARGUMENTS = st.lists(st.sampled_from(TOKENS) | st.binary(max_size=4), max_size=10)


@settings(max_examples=300)
@given(st.sampled_from(NAMES), ARGUMENTS, st.sampled_from([b" ", b""]))
def test_any_arguments_make_a_command_or_a_fault(
    name: bytes, arguments: list[bytes], between: bytes
) -> None:
    try:
        answered = parse(b"a1 " + name + b" " + between.join(arguments)).tag
    except BadCommand as fault:
        answered = fault.tag or b""
    assert answered == b"a1"


@given(st.binary(max_size=40))
def test_any_bytes_make_a_command_or_a_fault(wire: bytes) -> None:
    try:
        parse(wire)
    except BadCommand:
        return


@given(st.text(min_size=1, max_size=20).map(lambda text: text.replace("\0", "").encode()))
def test_a_literal_says_the_same_as_a_quoted_string(text: bytes) -> None:
    as_literal = parse(b"a DELETE {%d}\r\n%b" % (len(text), text))
    escaped = text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    if b"\r" not in text and b"\n" not in text:
        assert parse(b'a DELETE "%b"' % escaped) == as_literal


def test_what_was_said_before_bears_the_new_tag_and_keeps_to_its_names() -> None:
    for _ in range(2):
        for tag in (b"a", b"b1"):
            said = tag + b" SELECT Entw&APw-rfe"
            assert parse(said) == c.Select(tag, "Entwürfe")
            assert parse(said, utf8=True) == c.Select(tag, "Entw&APw-rfe")
    for tag in (b"c", b"d"):
        with pytest.raises(BadCommand) as refused:
            parse(tag + b" SELECT")
        assert refused.value.tag == tag


@pytest.mark.parametrize("named", [b"7", b"2:9,12", b"5:*", b"*", b"$", b"0", b"4294967296", b"1,"])
@pytest.mark.parametrize(
    "command", [b"uid Store %b +Flags (\\Seen)", b"FETCH %b (FLAGS)", b"MOVE %b Trash", b"COPY %b "]
)
def test_commands_that_differ_in_their_set_alone_are_read_as_if_each_were_new(
    command: bytes, named: bytes
) -> None:
    def read(tag: bytes) -> c.Command | str:
        try:
            return parse(tag + b" " + command % named)
        except BadCommand as fault:
            return f"{fault.tag!r} {fault.text}"

    parse(b"a " + command % b"1" + b"x" * command.endswith(b" "))
    try:
        alone: c.Command | str = parser._parsed([b"b " + command % named], "", utf8=False)
    except BadCommand as fault:
        alone = f"{fault.tag!r} {fault.text}"
    assert read(b"b") == read(b"b") == alone


def test_no_password_is_remembered() -> None:
    parser._remembered.cache_clear()
    for _ in range(2):
        parse(b"a LOGIN me secret")
        parse(b"a authenticate plain AG1lAHg=")
    assert parser._remembered.cache_info().currsize == 0
    parse(b"a NOOP")
    assert parser._remembered.cache_info().currsize == 1
