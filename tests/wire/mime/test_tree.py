from __future__ import annotations

import email
import json
import mmap
import re
import time
import tracemalloc
import xml.etree.ElementTree as ET
from email.message import Message
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.mime import params, tree
from merpati.wire.mime.tree import Part
from tests.support.growth import LINEAR, growth

if TYPE_CHECKING:
    from collections.abc import Callable

CORPORA = Path(__file__).parents[2] / "corpora"
MIME4J = sorted((CORPORA / "mime4j").glob("*.msg"))
MAIL_PARSER = sorted((CORPORA / "mail-parser").glob("*/*.eml"))


def crlf(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def shape(part: Part) -> Any:
    """Types only, as nested lists."""
    kind = f"{part.type}/{part.subtype}"
    return [kind, *[shape(child) for child in part.children]] if part.children else kind


def bodies(message: bytes, part: Part) -> list[bytes]:
    """What the leaves say, in order."""
    if part.children:
        return [body for child in part.children for body in bodies(message, child)]
    return [message[part.body_start : part.body_end]]


def check(part: Part, start: int, end: int, depth: int = 1) -> int:
    """Offsets are ordered and nested; gives the number of parts."""
    assert depth <= tree.MAX_DEPTH
    assert start <= part.header_start <= part.body_start <= part.body_end <= end
    assert part.lines <= part.size
    at, count = part.body_start, 1
    for child in part.children:
        count += check(child, at, max(at, part.body_end), depth + 1)
        at = child.body_end
    return count


# --- judged by others


# Where CPython's parser reads a file of the corpora differently, and why we do not.
STDLIB_DIFFERS = {
    "001.eml": "message/external-body holds no message to be opened (RFC 2046 5.2.3)",
    "008.eml": "an encoded message is a file: its bytes are base64, not a header",
    "bad-newlines-multiple-parts-base64.msg": "the same",
    "base64encoded-rfc822message.msg": "the same",
    "base64encoded-rfc822message-nested.msg": "the same",
    "ending-boundaries.msg": "text may follow a boundary in its line (RFC 2046 5.1.1)",
    "weird-boundary.msg": "spaces at the end of a boundary count, as its author expects",
    "very-long-boundary.msg": "the same",
    "very-very-long-boundary.msg": "the same",
}


def stdlib_shape(message: Message) -> Any:
    kind = message.get_content_type()
    if message.is_multipart():
        children = [child for child in message.get_payload() if isinstance(child, Message)]
        return [kind, *map(stdlib_shape, children)]
    return kind


@pytest.mark.parametrize("path", MIME4J + MAIL_PARSER, ids=lambda path: path.name)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
def test_structure_is_what_the_standard_library_finds(path: Path, line_end: bytes) -> None:
    message = crlf(path.read_bytes()).replace(b"\r\n", line_end)
    same = shape(tree.parse(message)) == stdlib_shape(email.message_from_bytes(message))
    known = path.name in STDLIB_DIFFERS and path.parent.name != "legacy"
    assert same is not known


def expected_shape(node: ET.Element) -> Any:
    """The tree of a mime4j expectation: how many leaves where."""
    multipart, message = node.find("multipart"), node.find("message")
    if multipart is not None:
        return [expected_shape(part) for part in multipart.findall("body-part")]
    if message is not None:
        return [expected_shape(message)]
    return "leaf"


def counted_shape(part: Part) -> Any:
    if part.type == "multipart" or part.children:
        return [counted_shape(child) for child in part.children]
    return "leaf"


# An encoded message is read by mime4j as a message whose header is base64.
MIME4J_DIFFERS = {
    "bad-newlines-multiple-parts-base64",
    "base64encoded-rfc822message",
    "base64encoded-rfc822message-nested",
}


@pytest.mark.parametrize("path", MIME4J, ids=lambda path: path.stem)
def test_structure_is_what_mime4j_expects(path: Path) -> None:
    wanted = expected_shape(ET.parse(path.with_suffix(".xml")).getroot())
    same = counted_shape(tree.parse(path.read_bytes())) == wanted
    assert same is (path.stem not in MIME4J_DIFFERS)


def test_offsets_are_what_mail_parser_expects() -> None:
    def compare(wanted: Any, part: Part) -> int:
        assert [part.header_start, part.body_start, part.body_end] == wanted["at"]
        children = part.children if part.type == "multipart" else []
        pairs = zip(wanted.get("parts", []), children, strict=True)
        return 1 + sum(compare(wanted_child, child) for wanted_child, child in pairs)

    expected = json.loads((CORPORA / "mail-parser/expected.json").read_text())
    parts = 0
    for name, wanted in expected.items():
        message = crlf((CORPORA / "mail-parser" / name).read_bytes())
        parts += compare(wanted, tree.parse(message))
    assert parts > 150


# --- fields


def test_every_content_field_is_kept() -> None:
    part = tree.parse(
        b"content-type: IMAGE/PNG; Name=a.png\r\n"
        b"Content-Transfer-Encoding: (so) BASE64 (yes)\r\n"
        b"Content-ID: <id@x>\r\n"
        b"Content-Description: A\r\n picture\r\n"
        b"Content-MD5: Q2hlY2s=\r\n"
        b'Content-Disposition: Attachment; filename="b c.png"; size=3\r\n'
        b"Content-Language: en, id (both)\r\n"
        b"Content-Location: http://x/y\r\n"
        b"Content-Type: text/html\r\n\r\nabc"
    )
    assert (part.type, part.subtype, part.params) == ("image", "png", [("name", "a.png")])
    assert part.encoding == "base64"
    assert (part.id, part.description, part.md5) == ("<id@x>", "A picture", "Q2hlY2s=")
    assert part.disposition == "attachment"
    assert part.disposition_params == [("filename", "b c.png"), ("size", "3")]
    assert part.filename == "b c.png"
    assert part.language == ["en", "id"]
    assert part.location == "http://x/y"
    assert part.lines == 0
    assert part.size == 3


def test_defaults_are_those_of_rfc_2045() -> None:
    part = tree.parse(b"Subject: x\n\none\ntwo\n")
    assert (part.type, part.subtype, part.encoding, part.params) == ("text", "plain", "7bit", [])
    assert (part.body_start, part.body_end, part.lines) == (12, 20, 2)


@pytest.mark.parametrize("value", [b"", b"text", b"/", b"; charset=x", b"(only this)", b"a/b/c d"])
def test_a_content_type_that_is_none_means_plain_text(value: bytes) -> None:
    part = tree.parse(b"Content-Type: " + value + b"\r\n\r\nx")
    assert part.type in {"text", "a"}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "charset", "Name", "boundary", "name*", "b*0", "x-y"]),
            st.text(st.sampled_from("ab =?;/\"\\'()\t,.-_%é"), max_size=8),
            st.booleans(),
        ),
        max_size=4,
    )
)
def test_the_short_way_to_read_parameters_agrees_with_the_long_one(
    pairs: list[tuple[str, str, bool]],
) -> None:
    raw = "Text/Plain" + "".join(
        f'; {name}="{value}"' if quoted else f";{name}={value}" for name, value, quoted in pairs
    )
    value, found = tree._parameters(raw.encode())
    wanted_value, wanted = params.parse(raw.encode())
    assert (value, dict(found)) == (wanted_value, wanted)


# --- multiparts


def test_the_line_end_before_a_delimiter_belongs_to_it() -> None:
    message = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n\r\n--b\r\n\r\n--b--\r\n"
    )
    root = tree.parse(message)
    assert bodies(message, root) == [b"x\r\n", b""]
    assert root.children[0].lines == 1


def test_a_missing_end_boundary_ends_with_the_message() -> None:
    message = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b\n\ny\n"
    assert bodies(message, tree.parse(message)) == [b"x", b"y\n"]


def test_an_outer_boundary_ends_an_inner_multipart() -> None:
    message = (
        b"Content-Type: multipart/mixed; boundary=out\n\n--out\n"
        b"Content-Type: multipart/mixed; boundary=in\n\n--in\n\na\n--out\n\nb\n--out--\n"
    )
    root = tree.parse(message)
    assert shape(root) == ["multipart/mixed", ["multipart/mixed", "text/plain"], "text/plain"]
    assert bodies(message, root) == [b"a", b"b"]


@pytest.mark.parametrize(
    ("outer", "inner"), [(b"b", b"b-1"), (b"b-1", b"b"), (b"b", b"b--"), (b"b--", b"b")]
)
def test_a_boundary_may_begin_with_another(outer: bytes, inner: bytes) -> None:
    message = (
        b"Content-Type: multipart/mixed; boundary=%(o)b\n\n--%(o)b\n"
        b"Content-Type: multipart/mixed; boundary=%(i)b\n\n--%(i)b\n\na\n--%(i)b\n\nb\n--%(i)b--\n"
        b"--%(o)b\n\nc\n--%(o)b--\n"
    ) % {b"o": outer, b"i": inner}
    root = tree.parse(message)
    assert bodies(message, root) == [b"a", b"b", b"c"]
    assert len(root.children) == 2


def test_equal_boundaries_belong_to_the_innermost_multipart() -> None:
    message = (
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\n"
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\na\n--b--\n--b\n\nb\n--b--\n"
    )
    root = tree.parse(message)
    assert shape(root) == ["multipart/mixed", ["multipart/mixed", "text/plain"], "text/plain"]
    assert bodies(message, root) == [b"a", b"b"]


@pytest.mark.parametrize(
    "header", [b"", b"; boundary=", b'; boundary=""', b"; boundary=" + b"x" * 9_000]
)
def test_a_multipart_without_a_usable_boundary_is_text(header: bytes) -> None:
    part = tree.parse(b"Content-Type: multipart/mixed" + header + b"\n\n--\n\nx\n")
    assert (shape(part), part.lines) == ("text/plain", 3)


def test_a_boundary_may_be_folded_and_hold_a_space() -> None:
    header = b'Content-Type: multipart/mixed; boundary="foo\r\n bar"\r\n\r\n'
    message = header + b"--foo bar\r\n\r\nx\r\n--foo bar--\r\n"
    assert bodies(message, tree.parse(message)) == [b"x"]


def test_parts_of_a_digest_are_messages_unless_they_say_otherwise() -> None:
    message = (
        b"Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: a\n\none\n"
        b"--b\nContent-Type: text/plain\n\ntwo\n--b--\n"
    )
    root = tree.parse(message)
    assert shape(root) == ["multipart/digest", ["message/rfc822", "text/plain"], "text/plain"]
    assert bodies(message, root) == [b"one", b"two"]


# --- headers that are none


def test_a_part_without_header_and_empty_line_is_all_body() -> None:
    message = b"Content-Type: multipart/mixed; boundary=b\n\n--b\nHello you\n\nthere\n--b--\n"
    assert bodies(message, tree.parse(message)) == [b"Hello you\n\nthere"]


def test_a_missing_empty_line_does_not_lose_the_text() -> None:
    message = b"Subject: x\nContent-Type: text/html\nHello you\nthere\n"
    part = tree.parse(message)
    assert part.subtype == "html"
    assert bodies(message, part) == [b"Hello you\nthere\n"]


@pytest.mark.parametrize("filling", [b"", b"x" * tree.MAX_HEADER])
def test_the_first_empty_line_ends_the_header_however_its_line_ends(filling: bytes) -> None:
    head = b"Subject: " + filling + b"x"
    for end in (b"\n\n", b"\r\n\n", b"\n\r\n", b"\r\n\r\n"):
        for body in (b"\r\n\r\nbody", b"\n\nbody", b"body"):
            part = tree.parse(head + end + body)
            assert part.body_start == len(head + end)


def test_a_line_that_is_no_field_does_not_end_the_header() -> None:
    part = tree.parse(b"Subject: x\nno field at all\nContent-Type: text/html\n\nbody")
    assert (part.subtype, part.size) == ("html", 4)


def test_a_header_without_body_is_a_header() -> None:
    part = tree.parse(b"Subject: x\r\n")
    assert (part.header_start, part.body_start, part.body_end) == (0, 12, 12)


# --- messages within messages


def test_an_inner_message_is_the_one_child() -> None:
    message = b"Content-Type: message/rfc822\n\nSubject: in\n\nx\ny\n"
    root = tree.parse(message)
    assert shape(root) == ["message/rfc822", "text/plain"]
    assert (root.lines, root.children[0].lines) == (4, 2)
    assert bodies(message, root) == [b"x\ny\n"]


# --- laws


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message(data: bytes) -> None:
    assert check(tree.parse(data), 0, len(data)) >= 1


PIECES = [
    b"Content-Type: multipart/mixed; boundary=a\r\n\r\n",
    b"Content-Type: multipart/digest; boundary=ab\n\n",
    b"Content-Type: message/rfc822\n\n",
    b'Content-Type: multipart/mixed; boundary="a--"\n\n',
    b"Content-Transfer-Encoding: base64\n",
    b"--a\r\n",
    b"--a--\r\n",
    b"--ab\n",
    b"--ab--\n",
    b"--a x\n",
    b"\n",
    b"\r\n",
    b"text\r\n",
    b"\xff\x00:",
]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=25))
def test_any_mixture_of_parts_nests_and_is_stored_and_read_back(pieces: list[bytes]) -> None:
    message = b"".join(pieces)
    part = tree.parse(message)
    check(part, 0, len(message))
    assert tree.decode(tree.encode(part)) == part


def test_what_was_stored_without_the_newest_fields_is_readable() -> None:
    assert tree.decode(b"\x93\x00\x05\x09") == Part(0, 5, 9)


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x91\x00", b"\x91" * 5_000, b"\x93\x00\x05\x09x"])
def test_what_is_no_stored_tree_is_refused(data: bytes) -> None:
    with pytest.raises(SyntaxFault):
        tree.decode(data)


def test_a_memory_map_gives_the_same_tree(tmp_path: Path) -> None:
    for path in [*MIME4J[:10], *MAIL_PARSER[:10]]:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            assert tree.parse(view) == tree.parse(path.read_bytes())


def test_a_large_memory_map_is_read_in_place(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as large:
        large.write(b"Content-Type: multipart/mixed; boundary=b\n\n--b\nSubject: x\n\n")
        large.truncate(16 << 20)
        large.seek(0, 2)
        large.write(b"\n--b--\n")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        tracemalloc.start()
        try:
            (part,) = tree.parse(view).children
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert part.body_end == 16 << 20
    assert peak < 2 << 20


# --- bombs


def _nested(n: int) -> bytes:
    return b"".join(
        b"Content-Type: multipart/mixed; boundary=b%dx\n\n--b%dx\n" % (i, i) for i in range(n)
    )


def _prefixes(n: int) -> bytes:
    levels = (b"b" * (i + 1) for i in range(90))
    nest = b"".join(
        b"Content-Type: multipart/mixed; boundary=%b\n\n--%b\n" % (b, b) for b in levels
    )
    return nest + (b"\n--" + b"b" * 60 + b"\n") * n


BOMBS: dict[str, tuple[int, Callable[[int], bytes]]] = {
    "nested": (3_000, _nested),
    "parts": (
        100_000,
        lambda n: b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * n,
    ),
    "messages": (2_000, lambda n: b"Content-Type: message/rfc822\n\n" * n),
    "same": (20_000, lambda n: b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" * n),
    "prefixes": (10_000, _prefixes),
    "dashes": (100_000, lambda n: _nested(99) + b"\n--b" * n),
    "parameters": (5_000, lambda n: b"Content-Type: text/plain" + b";\n a*1=b" * n + b"\n\n"),
    "fields": (40_000, lambda n: b"Content-Type: text/plain\n" * n),
    "folds": (500_000, lambda n: b"Content-Type: text/plain" + b"\n " * n),
    "no line": (1_000_000, lambda n: b"a" * n),
    "digest": (
        40_000,
        lambda n: b"Content-Type: multipart/digest; boundary=b\n\n" + b"--b\n\n\n\n" * n,
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_read_at_once(name: str) -> None:
    size, make = BOMBS[name]
    message = make(size)
    start = time.process_time()
    part = tree.parse(message)
    assert time.process_time() - start < 0.5  # about 0.1 s on an idle machine
    assert check(part, 0, len(message)) <= tree.MAX_PARTS + tree.MAX_DEPTH


@pytest.mark.parametrize("name", BOMBS)
def test_time_is_linear_in_the_size_of_a_bomb(name: str) -> None:
    size, make = BOMBS[name]
    messages = {b"n": make(size // 10), b"nn": make(size // 5)}  # by the length of the key
    assert growth(lambda key: tree.parse(messages[key]), b"n", 1) < LINEAR


def test_beyond_the_limits_the_rest_is_opaque() -> None:
    part = tree.parse(_nested(150))
    depth = 1
    while part.children:
        (part,) = part.children
        depth += 1
    assert depth == tree.MAX_DEPTH
    assert shape(part) == "application/octet-stream"
    many = tree.parse(b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 20_000)
    assert len(many.children) == tree.MAX_PARTS - 1
    assert many.children[-1].size > 50_000


NEVER = re.compile(rb"(?!)")
TYPE_PIECES = [b"text", b"Text/HTML", b"multipart/mixed", b"/", b"; ", b";", b"\r\n ", b" ", b"\r"]
TYPE_PIECES += [b"boundary=", b"charset=", b'"a b"', b'"', b"utf-8", b"a*=", b"=", b"(c)", b"\\"]


@given(
    st.lists(st.sampled_from(TYPE_PIECES), max_size=8).map(b"".join)
    | st.from_regex(tree._COMMON_TYPE, fullmatch=True)
)
@settings(max_examples=400)
def test_a_common_content_type_is_read_like_any_other(raw: bytes) -> None:
    message = b"Content-Type: " + raw + b"\r\n\r\nbody\r\n"
    quick = tree.parse(message)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "_COMMON_TYPE", NEVER)
        tree._remembered.cache_clear()
        assert quick == tree.parse(message)
