from __future__ import annotations

from email.utils import getaddresses

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.mime import addresses
from merpati.wire.mime.addresses import Entry, GroupEnd, GroupStart, Mailbox
from tests.support.growth import LINEAR, growth

LIST_BYTES = st.lists(
    st.sampled_from(
        [
            *(b"joe", b"@", b"example.org", b"<", b">", b",", b";", b":", b'"', b"\\", b"(", b")"),
            *(b" ", b".", b"[", b"]", b"\r\n ", b"=?utf-8?q?a,b?=", b"\xfc", b"\0", "ü".encode()),
        ]
    )
    | st.binary(max_size=2),
    max_size=30,
).map(b"".join)
TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)
DOMAIN = st.from_regex(r"[a-z0-9ü]+(\.[a-z0-9-]+){0,2}|\[[0-9.:]+\]", fullmatch=True)
MAILBOX = st.builds(Mailbox, name=TEXT, local=TEXT, domain=DOMAIN)
GROUP = st.builds(
    lambda name, members: [GroupStart(name), *members, GroupEnd()],
    TEXT,
    st.lists(MAILBOX, max_size=3),
)
ENTRIES = st.lists(MAILBOX.map(lambda mailbox: [mailbox]) | GROUP, max_size=4).map(
    lambda lists: [entry for entries in lists for entry in entries]
)


def read(raw: bytes) -> list[tuple[str, ...]]:
    """What was read without the phrases: mailboxes as triples, groups as their name or nothing."""
    shown: list[tuple[str, ...]] = []
    for entry in addresses.parse_list(raw):
        if isinstance(entry, Mailbox):
            shown.append((entry.name, entry.local, entry.domain))
        else:
            shown.append((entry.name,) if isinstance(entry, GroupStart) else ())
    return shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"", []),
        (b"joe@example.org", [("", "joe", "example.org")]),
        (b"Joe Doe <joe@example.org>", [("Joe Doe", "joe", "example.org")]),
        (b'"Doe, Joe \\"J\\"" <joe@example.org>', [('Doe, Joe "J"', "joe", "example.org")]),
        (b"Joe Q. Public <j.q@example.org>", [("Joe Q. Public", "j.q", "example.org")]),
        (b"joe@example.org (Joe Doe)", [("Joe Doe", "joe", "example.org")]),
        (b"a@b, , <c@d>,", [("", "a", "b"), ("", "c", "d")]),
        (b'"john doe"@example.org', [("", "john doe", "example.org")]),
        (
            b"a@[192.0.2.1], b@[IPv6:2001:db8::1]",
            [("", "a", "[192.0.2.1]"), ("", "b", "[IPv6:2001:db8::1]")],
        ),
        ("Jörg <jörg@bücher.example>".encode(), [("Jörg", "jörg", "bücher.example")]),
        (b"J\xf6rg <j@example.org>", [("Jörg", "j", "example.org")]),
        (b"=?utf-8?q?J=C3=B6rg?=\r\n =?utf-8?q?_D?= <j@e.org>", [("Jörg D", "j", "e.org")]),
        (b"Pete(A nice \\) chap) <pete(his)@silly.test(host)>", [("Pete", "pete", "silly.test")]),
    ],
)
def test_mailboxes_are_read(raw: bytes, shown: list[tuple[str, ...]]) -> None:
    assert read(raw) == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"john . doe @ example . org", [("", "john.doe", "example.org")]),
        (b"Mary <@node.test,@b.test:mary@example.net>", [("Mary", "mary", "example.net")]),
        (b"<@a.test:b@c>, d@e", [("", "b", "c"), ("", "d", "e")]),
        (b'"A". Doe <a@b>', [("A. Doe", "a", "b")]),
    ],
)
def test_obsolete_forms_are_read(raw: bytes, shown: list[tuple[str, ...]]) -> None:
    assert read(raw) == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"undisclosed-recipients:;", [("undisclosed-recipients",), ()]),
        (
            b"My Group: a@b, C <c@d>;, e@f",
            [("My Group",), ("", "a", "b"), ("C", "c", "d"), (), ("", "e", "f")],
        ),
        (b"g: a@b", [("g",), ("", "a", "b"), ()]),
        (b"a: b: c@d;", [("a",), (), ("b",), ("", "c", "d"), ()]),
    ],
)
def test_groups_are_marked_and_balanced(raw: bytes, shown: list[tuple[str, ...]]) -> None:
    assert read(raw) == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"a@b; c@d", [("", "a", "b"), ("", "c", "d")]),
        (b"joe@x.com <joe@y.com>", [("joe@x.com", "joe", "y.com")]),
        (b"Foo <a@b, Bar <c@d>", [("Foo", "a", "b"), ("Bar", "c", "d")]),
        (b"Joe Doe joe@example.org", [("Joe Doe", "joe", "example.org")]),
        (b"=?utf-8?Q?Doe,_Joe?= <a@b>", [("Doe, Joe", "a", "b")]),
        (b'"=?utf-8?Q?J=C3=B6rg?=" <a@b>', [("Jörg", "a", "b")]),
        (b'"open <a@b>', [("open", "a", "b")]),
        (b"open (a@b", [("open", "(a", "b")]),
        (b"<<a@b>>", [("", "a", "b")]),
        (b"a@b@c", [("", "a@b", "c")]),
        (b"root", [("", "root", "")]),
        (b"Joe Doe", [("Joe Doe", "", "")]),
        (b"<>", [("", "", "")]),
        (b"(nobody)", []),
        (b",;>,", []),
    ],
)
def test_what_real_senders_get_wrong_is_read(raw: bytes, shown: list[tuple[str, ...]]) -> None:
    assert read(raw) == shown


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        (b'Ani <ani@a.test>, budi@b.test, "c d"@c.test (x), g: d . e @ (y) d . test;', [""] * 4),
        (b"<@r.test,@s.test:ani@a.test>, Ani <ani@[192.0.2.1]> (x)", [""] * 2),
        ("Jürgen <jürgen@bücher.test>".encode(), [""]),
        (b"ani, ani@, @a.test, <>", ["ani", "ani@", "@a.test", "<>"]),
        (b"ani budi@a.test, ani@a.test budi", ["ani budi@a.test", "ani@a.test budi"]),
        (
            b"ani@budi@a.test, ani@a.test <budi@b.test>",
            ["ani@budi@a.test", "ani@a.test <budi@b.test"],
        ),
        (b"<ani@a.test", ["ani@a.test"]),
    ],
)
def test_what_is_no_address_is_told_from_what_is_one(raw: bytes, written: list[str]) -> None:
    assert [text for _, text in addresses.judge(raw)] == written


@given(LIST_BYTES)
@example(b"\1@joe")
def test_what_is_judged_is_what_is_read(raw: bytes) -> None:
    found = [entry for entry in addresses.parse_list(raw) if isinstance(entry, Mailbox)]
    judged = addresses.judge(raw)
    assert [entry for entry, _ in judged] == found
    assert all(entry.local and entry.domain for entry, text in judged if not text)


def test_the_phrase_keeps_encoded_words_for_envelope() -> None:
    raw = b'=?iso-8859-1?q?J=F6rg?= Doe <a@b>, "x \\" y" <c@d>, e@f (g \\( h)'
    assert [entry.phrase for entry in addresses.parse_list(raw) if isinstance(entry, Mailbox)] == [
        b"=?iso-8859-1?q?J=F6rg?= Doe",
        b'x " y',
        b"g ( h",
    ]


def test_address_is_shown_without_quoting() -> None:
    assert Mailbox("Joe", "joe doe", "example.org").address == "joe doe@example.org"
    assert Mailbox("", "root", "").address == "root"


def test_mailboxes_beyond_the_limit_are_left_out() -> None:
    raw = b"a@b.example, " * 20_000
    assert len(addresses.parse_list(raw)) == addresses.MAX_ADDRESSES
    groups = addresses.parse_list(b"g:" * 20_000)
    assert len(groups) == 2 * addresses.MAX_ADDRESSES


@pytest.mark.parametrize(
    ("entries", "raw"),
    [
        (
            [Mailbox("", "joe", "e.org"), Mailbox("Joe Doe", "j", "e.org")],
            b"joe@e.org, Joe Doe <j@e.org>",
        ),
        ([Mailbox("Doe, Joe", "j doe", "e.org")], b'"Doe, Joe" <"j doe"@e.org>'),
        ([Mailbox("Jörg", "j", "e.org")], b"=?utf-8?q?J=C3=B6rg?= <j@e.org>"),
        (
            [GroupStart("g"), Mailbox("", "a", "b"), Mailbox("", "c", "d"), GroupEnd()],
            b"g: a@b, c@d;",
        ),
        ([GroupStart("g"), GroupEnd(), Mailbox("", "a", "b")], b"g:;, a@b"),
        ([Mailbox("", "root", "")], b"<root>"),
    ],
)
def test_lists_are_written_in_plain_rfc_5322(entries: list[Entry], raw: bytes) -> None:
    assert addresses.format(entries) == raw
    assert [e for e in addresses.parse_list(raw) if isinstance(e, GroupEnd)] == [
        e for e in entries if isinstance(e, GroupEnd)
    ]


@pytest.mark.parametrize(
    "mailbox",
    [
        Mailbox("", "a", "b\r\nBcc: x@y"),
        Mailbox("", "a\r\nBcc: x", "b"),
        Mailbox("", "a", "b>, c@d"),
        Mailbox("", "a", "b c"),
        Mailbox("", "a", "[b"),
        Mailbox("", "\ud800", "b"),
    ],
)
def test_an_address_that_would_end_the_field_is_not_written(mailbox: Mailbox) -> None:
    with pytest.raises(SyntaxFault):
        addresses.format([mailbox])


def test_a_name_cannot_end_the_field() -> None:
    assert b"\n" not in addresses.format([Mailbox("a\r\nBcc: x@y", "a", "b")])


def plain(entry: Entry) -> Entry:
    """The entry as a constructed one, whose phrase is not known."""
    if isinstance(entry, Mailbox):
        return Mailbox(entry.name, entry.local, entry.domain)
    return GroupStart(entry.name) if isinstance(entry, GroupStart) else entry


@given(ENTRIES)
@example([Mailbox("", "", ""), Mailbox("a", "", ""), Mailbox("", "", "b")])
@example([Mailbox('"', "\\", "b"), Mailbox("=?utf-8?q?a?=", "a@b", "c"), Mailbox(" x ", ".", "c")])
@settings(max_examples=150)
def test_what_is_written_reads_the_same(entries: list[Entry]) -> None:
    assert [plain(entry) for entry in addresses.parse_list(addresses.format(entries))] == entries


@given(LIST_BYTES)
@settings(max_examples=250)
def test_any_bytes_give_a_balanced_list(raw: bytes) -> None:
    entries = addresses.parse_list(raw)
    depth = 0
    for entry in entries:
        depth += isinstance(entry, GroupStart) - isinstance(entry, GroupEnd)
        assert depth in {0, 1}
        if not isinstance(entry, GroupEnd):
            assert not set(entry.phrase) & set(b"\0\r\n")
    assert depth == 0
    try:
        written = addresses.format(entries)
    except SyntaxFault:
        return
    assert list(map(plain, addresses.parse_list(written))) == list(map(plain, entries))


@given(
    st.lists(
        st.sampled_from(
            [b"joe", b" ", b"@", b"example.org", b"<", b">", b",", b'"', b".", b"Doe", b"\t", b"="]
        ),
        max_size=12,
    )
)
@example([b'"Doe, J." <a.b@c-d.example>,\tx@y'])
@example([b'"" <a@b>'])
@settings(max_examples=150)
def test_the_short_way_for_common_lists_gives_what_the_long_way_gives(pieces: list[bytes]) -> None:
    raw = b"".join(pieces)
    short = addresses._common(raw)
    if short is not None:
        assert short == addresses.parse_list(raw + b",(long)")


def test_common_lists_go_the_short_way() -> None:
    assert addresses._common(b'Joe Q. Doe <joe@example.org>, "Doe, J" <j@e.org>,\ta.b@c-d.org')
    assert addresses._common(b"joe@example.org (Joe)") is None


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"([A-Za-z]+( [A-Za-z]+)?)?", fullmatch=True),
            st.from_regex(r"[a-z0-9]+([.+_-][a-z0-9]+)?", fullmatch=True),
        ),
        min_size=1,
        max_size=5,
    )
)
@settings(max_examples=50)
def test_ordinary_lists_read_as_the_standard_library_reads_them(
    pairs: list[tuple[str, str]],
) -> None:
    raw = addresses.format([Mailbox(name, local, "example.org") for name, local in pairs])
    judged = getaddresses([raw.decode()])
    assert [
        (entry.name, entry.address)
        for entry in addresses.parse_list(raw)
        if isinstance(entry, Mailbox)
    ] == judged


def test_three_thousand_nested_comments_are_harmless() -> None:
    raw = b"joe@example.org " + b"(" * 3_000 + b")" * 3_000
    assert read(raw)[0][1:] == ("joe", "example.org")


@pytest.mark.parametrize(
    "unit",
    [
        *(b"a", b"a ", b"a@", b"<", b">", b",", b";", b":", b'"', b'"\\', b"(", b"()", b"((a)"),
        *(b"[", b"\\", b". ", b"@ ", b"=?a?q?", b"a@b,", b"<@a,", b"g:a@b;", b'""', b"a:", b" "),
    ],
)
@pytest.mark.parametrize("start", [b"", b"<@"])
def test_time_grows_with_the_list_and_no_faster(unit: bytes, start: bytes) -> None:
    assert growth(addresses.parse_list, unit, 4_000, start) <= LINEAR
