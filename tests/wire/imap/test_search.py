from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import search, sets
from merpati.wire.imap.lexer import CommandReader, Cursor, Limits
from merpati.wire.imap.search import (
    All,
    And,
    Body,
    Day,
    EmailId,
    Filter,
    Fuzzy,
    Header,
    Keyword,
    Larger,
    ModSeq,
    Not,
    Numbers,
    Or,
    Recent,
    Relation,
    SaveDateSupported,
    SavedDay,
    SearchKey,
    Smaller,
    Text,
    ThreadId,
    Uids,
    Within,
)

SEEN = Keyword("$seen")
DRAFT = Keyword("$draft")
DELETED = Keyword("$deleted")


def read(wire: bytes) -> SearchKey:
    """The tree of keys that may hold literals with their line ends."""
    reader = CommandReader(Limits(10**6, 10**6, 10**8))
    at = 0
    while True:
        end = wire.find(b"\r\n", at)
        line = wire[at:] if end < 0 else wire[at:end]
        literal = reader.feed(line)
        if literal is None:
            break
        if not literal.fits:
            raise SyntaxFault("too much for a test")
        start = at + len(line) + 2
        at = start + literal.size
        reader.fill(wire[start:at].ljust(literal.size, b"x"))
    cursor = Cursor(reader.parts)
    key = search.read_keys(cursor)
    cursor.end()
    return key


@pytest.mark.parametrize(
    ("wire", "key"),
    [
        (b"all", All()),
        (b"seen", SEEN),
        (b"UNSEEN", Keyword("$seen", present=False)),
        (b"keyword Work", Keyword("work")),
        (b"UNKEYWORD $Forwarded", Keyword("$forwarded", present=False)),
        (b"new", And((Recent(), Keyword("$seen", present=False)))),
        (b"OLD", Recent(present=False)),
        (b"1:3,5", Numbers(sets.parse(b"1:3,5"))),
        (b"*", Numbers(sets.parse(b"*"))),
        (b"$", Numbers(sets.SAVED)),
        (b"uid 7:*", Uids(sets.parse(b"7:*"))),
        (b"from smith", Header("from", "smith")),
        (b'subject ""', Header("subject", "")),
        (b'header X-Extra "a b"', Header("x-extra", "a b")),
        (b"header Subject x", Header("subject", "x")),
        (b"body {3}\r\na\nb", Body("a\nb")),
        (b'text "caf\xc3\xa9"', Text("café")),
        (b"before 1-Feb-1994", Day(Relation.BEFORE, 8797)),
        (b'senton "1-Feb-1994"', Day(Relation.ON, 8797, sent=True)),
        (b"SINCE 01-feb-1994", Day(Relation.SINCE, 8797)),
        (b"larger 0", Larger(0)),
        (b"smaller 4294967295", Smaller(4294967295)),
        (b"modseq 620162338", ModSeq(620162338)),
        (b'MODSEQ "/flags/\\\\seen" ALL 1', ModSeq(1, b"/flags/\\seen", b"all")),
        (b"savedon 1-Feb-1994", SavedDay(Relation.ON, 8797)),
        (b"SAVEDATESUPPORTED", SaveDateSupported()),
        (b"younger 60", Within(60)),
        (b"OLDER 4294967295", Within(4294967295, younger=False)),
        (b"emailid C1-2", EmailId("C1-2")),
        (b"THREADID T0", ThreadId("T0")),
        (b"fuzzy from x", Fuzzy(Header("from", "x"))),
        (b"fuzzy fuzzy (seen draft)", Fuzzy(And((SEEN, DRAFT)))),
        (b"not fuzzy not seen", Not(Fuzzy(Not(SEEN)))),
        (b"or fuzzy body a filter on-the-road", Or((Fuzzy(Body("a")), Filter("on-the-road")))),
        (b"seen draft", And((SEEN, DRAFT))),
        (b"(seen (draft) (deleted all))", And((SEEN, DRAFT, DELETED, All()))),
        (b"not seen", Not(SEEN)),
        (b"not not seen", SEEN),
        (b"not not not seen", Not(SEEN)),
        (b"not (not seen)", SEEN),
        (b"not (seen draft) deleted", And((Not(And((SEEN, DRAFT))), DELETED))),
        (b"or seen draft", Or((SEEN, DRAFT))),
        (b"or seen or draft deleted", Or((SEEN, DRAFT, DELETED))),
        (b"or or seen draft deleted", Or((SEEN, DRAFT, DELETED))),
        (b"or (or seen draft) deleted", Or((SEEN, DRAFT, DELETED))),
        (b"or seen draft deleted", And((Or((SEEN, DRAFT)), DELETED))),
        (b"or not seen (draft deleted)", Or((Not(SEEN), And((DRAFT, DELETED))))),
    ],
)
def test_keys_make_a_flat_tree(wire: bytes, key: SearchKey) -> None:
    assert read(wire) == key
    assert read(search.render(key)) == key


@pytest.mark.parametrize(
    "wire",
    [
        *(b"", b" ", b"()", b"(seen", b"seen)", b"seen  draft", b"seen ", b"not", b"not ", b"or"),
        *(
            b"or seen",
            b"foo",
            b"keyword",
            b"keyword \\Seen",
            b"from",
            b"header x",
            b"uid",
            b"uid x",
        ),
        *(
            b"0",
            b"1,",
            b"uid 0",
            b"larger -1",
            b"larger 9223372036854775808",
            b"on 31-Feb-2000",
            b"on x",
        ),
        *(
            b'on "1-Feb-1994',
            b"modseq",
            b'modseq "/flags/x" foo 1',
            b'modseq "/flags/x" all',
            b'modseq "x" all 1',
            b'text "\xff"',
        ),
        b"modseq 9223372036854775808",
        *(b"younger 0", b"older", b"emailid", b"emailid a.b", b"filter", b"fuzzy", b"savedon x"),
        b"(" * 51 + b"seen" + b")" * 51,
        b"or seen not (" * 26 + b"seen" + b")" * 26,
        b" ".join([b"all"] * 1001),
    ],
)
def test_what_cannot_be_searched_for_is_refused(wire: bytes) -> None:
    with pytest.raises(SyntaxFault):
        read(wire)


def test_chains_of_or_and_not_do_not_count_as_depth() -> None:
    key = read(b"or seen " * 900 + b"draft")
    assert isinstance(key, Or)
    assert len(key.keys) == 901
    assert read(b"or " * 900 + b" ".join([b"seen"] * 901)) == Or((SEEN,) * 901)
    assert read(b"not " * 10_000 + b"seen") == SEEN


def test_hostile_nesting_is_linear() -> None:
    started = time.process_time()
    for wire in (b"not " * 16_000, b"or " * 21_000, b"(" * 64_000, b"(seen " * 10_000):
        with pytest.raises(SyntaxFault):
            read(wire)
    assert time.process_time() - started < 1


def test_the_charset_decides_how_texts_are_read() -> None:
    assert search.codec(b"utf-8") == "utf-8"
    assert search.codec(b"Shift_JIS") is None
    with pytest.raises(SyntaxFault):
        search.read_keys(Cursor([b'text "caf\xc3\xa9"']), "ascii")


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
LEAVES: st.SearchStrategy[SearchKey] = st.one_of(
    st.just(All()),
    st.builds(Keyword, st.sampled_from(["$seen", "$draft", "work", "$forwarded"]), st.booleans()),
    st.builds(Recent, st.booleans()),
    st.builds(Header, st.sampled_from(["from", "subject", "x-a", "list id"]), TEXTS),
    st.builds(Body, TEXTS),
    st.builds(Text, TEXTS),
    st.builds(Day, st.sampled_from(Relation), st.integers(-700_000, 2_900_000), st.booleans()),
    st.builds(Larger, st.integers(0, search.NUMBER_MAX)),
    st.builds(Smaller, st.integers(0, search.NUMBER_MAX)),
    st.builds(ModSeq, st.integers(0, search.MODSEQ_MAX)),
    st.builds(ModSeq, st.integers(1, 9), st.just(b"/flags/\\seen"), st.just(b"priv")),
    st.sampled_from([b"1", b"2:*", b"5,7:9"]).map(lambda text: Uids(sets.parse(text))),
    st.sampled_from([b"1", b"*:2", b"$"]).map(lambda text: Numbers(sets.parse(text))),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner, min_size=2, max_size=4).map(lambda keys: And(tuple(keys))),
        st.lists(inner, min_size=2, max_size=4).map(lambda keys: Or(tuple(keys))),
    ),
    max_leaves=12,
)


@given(TREES)
def test_a_written_tree_reads_back_flat_and_then_stays(tree: SearchKey) -> None:
    flat = read(search.render(tree))
    assert read(search.render(flat)) == flat


WORDS = [b"seen", b"not", b"or", b"(", b")", b"1:3", b"uid", b"from", b'"x"', b"{2}\r\nab", b"all"]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(WORDS), max_size=12).map(b" ".join) | st.binary(max_size=30))
def test_any_bytes_are_keys_or_a_fault(wire: bytes) -> None:
    wire = re.sub(rb"\( | (?=\))", lambda match: match[0].strip(), wire)
    try:
        key = read(wire)
    except SyntaxFault:
        return
    assert read(search.render(key)) == key
