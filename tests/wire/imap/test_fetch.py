from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import fetch
from merpati.wire.imap.fetch import Attribute, FetchItem, Section, Text
from merpati.wire.imap.lexer import Cursor


def read(*parts: bytes) -> tuple[FetchItem, ...]:
    cursor = Cursor(list(parts))
    items = fetch.read_items(cursor)
    cursor.end()
    return items


def section(text: bytes) -> Section:
    (item,) = read(text)
    assert isinstance(item, Section)
    return item


def test_macros_unfold() -> None:
    fast = (Attribute.FLAGS, Attribute.INTERNALDATE, Attribute.RFC822_SIZE)
    assert read(b"fast") == fast
    assert read(b"ALL") == (*fast, Attribute.ENVELOPE)
    assert read(b"Full") == (*fast, Attribute.ENVELOPE, Attribute.BODY)


def test_macros_stand_alone_only() -> None:
    with pytest.raises(SyntaxFault):
        read(b"(FAST UID)")


def test_items_come_once_and_in_order() -> None:
    assert read(b"uid") == (Attribute.UID,)
    assert read(b"(MODSEQ uid FLAGS UID)") == (Attribute.MODSEQ, Attribute.UID, Attribute.FLAGS)


def test_old_spellings_are_sections_under_their_old_names() -> None:
    whole, header, text = read(b"(RFC822 RFC822.HEADER RFC822.TEXT)")
    assert whole == Section((), Text.ALL, (), None, peek=False, label=b"RFC822")
    assert header == Section((), Text.HEADER, (), None, peek=True, label=b"RFC822.HEADER")
    assert text == Section((), Text.TEXT, (), None, peek=False, label=b"RFC822.TEXT")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b"BODY[]", Section((), Text.ALL, (), None, False, b"BODY[]")),
        (b"body.peek[text]<0.3>", Section((), Text.TEXT, (), (0, 3), True, b"BODY[TEXT]<0>")),
        (b"BODY[1]", Section((1,), Text.ALL, (), None, False, b"BODY[1]")),
        (b"BODY[1.12.mime]", Section((1, 12), Text.MIME, (), None, False, b"BODY[1.12.MIME]")),
        (b"BODY[2.HEADER]", Section((2,), Text.HEADER, (), None, False, b"BODY[2.HEADER]")),
        (
            b'body.peek[Header.Fields (From "To")]<5.9>',
            Section(
                (), Text.FIELDS, (b"From", b"To"), (5, 9), True, b"BODY[HEADER.FIELDS (From To)]<5>"
            ),
        ),
        (
            b"BODY[4.HEADER.FIELDS.NOT (x)]",
            Section((4,), Text.FIELDS_NOT, (b"x",), None, False, b"BODY[4.HEADER.FIELDS.NOT (x)]"),
        ),
    ],
)
def test_a_section_tells_part_text_and_range(text: bytes, wanted: Section) -> None:
    assert section(text) == wanted


def test_a_field_name_may_be_a_literal() -> None:
    (item,) = read(b"BODY[HEADER.FIELDS ({4}", b"Date", b")]")
    assert isinstance(item, Section)
    assert item.label == b"BODY[HEADER.FIELDS (Date)]"


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"()", b"( UID)", b"(UID )", b"UID FLAGS", b"(UID", b"FOO", b"BODY.PEEK"),
        *(b"BODY[", b"BODY[MIME]", b"BODY[0]", b"BODY[01]", b"BODY[1.]", b"BODY[.1]"),
        *(b"BODY[1..2]", b"BODY[1HEADER]", b"BODY[1.FOO]", b"BODY[HEADER.1]", b"BODY[TEXT.]"),
        *(b"BODY[]<0>", b"BODY[]<0.0>", b"BODY[]<-1.5>", b"BODY[]<0.99999999999999999999>"),
        *(b"BODY[]<9999999999999999999.1>", b"BODY[4294967296]", b"BODY[HEADER.FIELDS]"),
        *(b"BODY[HEADER.FIELDS ()]", b'BODY[HEADER.FIELDS ("a b")]', b"BODY[HEADER.FIELDS (a:)]"),
        b"BODY[" + b".".join([b"1"] * 51) + b"]",
        b"BODY[" + b"1" * 10_000 + b"]",
        b"(" + b" ".join([b"UID"] * 1001) + b")",
        b"BODY[HEADER.FIELDS (" + b" ".join([b"a"] * 1001) + b")]",
    ],
)
def test_what_cannot_be_fetched_is_refused(text: bytes) -> None:
    with pytest.raises(SyntaxFault):
        read(text)


@given(
    st.lists(st.integers(1, fetch.NUMBER_MAX), max_size=4).map(tuple),
    st.sampled_from(Text),
    st.none() | st.tuples(st.integers(0, 2**40), st.integers(1, 2**40)),
    st.booleans(),
)
def test_a_label_reads_back_as_its_section(
    part: tuple[int, ...], text: Text, partial: tuple[int, int] | None, peek: bool
) -> None:
    if text is Text.MIME and not part:
        return
    fields = (b"From", b"X-[odd]") if text in {Text.FIELDS, Text.FIELDS_NOT} else ()
    numbers = b".".join(b"%d" % number for number in part)
    dot = b"." if part and text.value else b""
    names = b" (%b)" % b" ".join([b"From", b'"X-[odd]"']) if fields else b""
    span = b"<%d.%d>" % partial if partial else b""
    written = b"[" + numbers + dot + text.value + names + b"]" + span
    item = section((b"BODY.PEEK" if peek else b"BODY") + written)
    assert item == Section(part, text, fields, partial, peek, item.label)
    assert section(item.label.split(b"<")[0]).label == item.label.split(b"<")[0]


@given(st.binary(max_size=30) | st.text("BODY[]().<>1234567890 HEADR.FISMTX").map(str.encode))
def test_any_bytes_are_items_or_a_fault(text: bytes) -> None:
    try:
        assert read(text)
    except SyntaxFault:
        return
