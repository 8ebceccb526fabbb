from __future__ import annotations

import base64
import json
import mmap
import quopri
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.mime import charsets, headers, section, text, tree
from merpati.wire.mime.tree import Part
from tests.support.growth import LINEAR, growth

CORPORA = Path(__file__).parents[2] / "corpora"

# Where the expected text is not what a person should see, and why ours is.
MAIL_PARSER_DIFFERS = {
    "legacy/026.eml": "uuencoded text is decoded",
    "legacy/052.eml": "8-bit text without a charset is windows-1252, not lost",
}


def leaf(encoding: str, body: bytes, kind: str = "text/plain") -> bytes:
    head = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + body


def content(message: bytes) -> bytes:
    return text.content(message, tree.parse(message))


def said(message: bytes) -> str:
    return "".join(text.text(message, tree.parse(message)))


def preview(message: bytes) -> str:
    return text.preview(message, tree.parse(message))


def searched(message: bytes) -> str:
    return "\n".join(text.searchable(message, tree.parse(message)))


# --- transfer encodings


def binary_cases() -> list[tuple[str, int, bytes]]:
    """What imaptest expects of BINARY[n]: group, part, content."""
    found = []
    for group in ("fetch-binary-mime-qp", "fetch-binary-mime-base64"):
        script = (CORPORA / "imaptest" / group).read_bytes()
        pattern = rb"binary\[(\d)\] ~?\{\{\{\n(.*?)\n\}\}\}"
        for number, wanted in re.findall(pattern, script, re.DOTALL):
            found.append((group, int(number), wanted))
    return found


@pytest.mark.parametrize(("group", "number", "wanted"), binary_cases())
def test_content_is_what_imaptest_expects(group: str, number: int, wanted: bytes) -> None:
    _, _, message = (CORPORA / "imaptest" / f"{group}.mbox").read_bytes().partition(b"\n")
    message = message.replace(b"\n", b"\r\n")
    part = section.find(tree.parse(message), (number,))
    assert part is not None
    found = text.content(message, part)
    assert found.replace(b"\r\n", b"\n") == wanted.replace(b"\r\n", b"\n")


def test_text_is_what_mail_parser_expects() -> None:
    def compare(name: str, message: bytes, wanted: Any, part: Part) -> int:
        pairs = zip(wanted.get("parts", []), part.children, strict=False)
        count = sum(compare(name, message, *pair) for pair in pairs)
        if "text" not in wanted or part.type != "text":
            return count
        same = "".join(text.text(message, part)) == wanted["text"]
        assert same or name in MAIL_PARSER_DIFFERS
        return count + 1

    expected = json.loads((CORPORA / "mail-parser/expected.json").read_text())
    texts = 0
    for name, wanted in expected.items():
        message = (CORPORA / "mail-parser" / name).read_bytes()
        message = message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        texts += compare(name, message, wanted, tree.parse(message))
    assert texts == 89


@given(st.binary(max_size=500))
def test_what_was_encoded_is_decoded(data: bytes) -> None:
    assert content(leaf("base64", base64.encodebytes(data))) == data
    assert content(leaf("binary", data)) == data
    lines = data.replace(b"\r", b"").replace(b"\n", b"\r\n")
    assert content(leaf("quoted-printable", quopri.encodestring(lines))) == lines


@given(st.binary(max_size=300), st.sampled_from(["base64", "quoted-printable", "x-uuencode", "?"]))
def test_any_body_is_decoded(data: bytes, encoding: str) -> None:
    content(leaf(encoding, data))


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b"QUJD", b"ABC"),
        (b"QUI", b"AB"),
        (b"QUI==", b"AB"),
        (b"QUJDR", b"ABC"),
        (b"QQ==QkM=", b"ABC"),
        (b"Q!U\x00J\xffD-\r\n", b"ABC"),
        (b"=", b""),
    ],
)
def test_broken_base64_gives_what_it_holds(body: bytes, wanted: bytes) -> None:
    assert content(leaf("base64", body)) == wanted


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b"a=20b=3d", b"a b="),
        (b"a=e9", b"a\xe9"),
        (b"a=\r\nb=\nc", b"abc"),
        (b"a= \t\r\nb", b"ab"),
        (b"a  \r\nb\t", b"a\r\nb"),
        (b"a=ZZ =", b"a=ZZ "),
        (b"a=\rb\nc", b"a=\rb\nc"),
        (b"a=", b"a"),
    ],
)
def test_broken_quoted_printable_gives_what_it_holds(body: bytes, wanted: bytes) -> None:
    assert content(leaf("quoted-printable", body)) == wanted


def test_uuencoded_text_is_decoded() -> None:
    body = b"A note\r\nbegin 644 a\r\n#04)#\r\n`\r\nend\r\nmore"
    assert content(leaf("x-uuencode", body)) == b"ABC"


@pytest.mark.parametrize("size", [text.CHUNK - 1, text.CHUNK, text.CHUNK * 2 + 57])
def test_long_bodies_are_decoded_in_pieces(size: int, tmp_path: Path) -> None:
    data = (bytes(range(32, 127)) + b"\r\n") * (size // 97) + b"=" * (size % 97)
    for encoding, encoded in (
        ("base64", base64.encodebytes(data)),
        ("base64", base64.b64encode(data)),
        ("quoted-printable", quopri.encodestring(data)),
        ("quoted-printable", data.replace(b"=", b"=3D").replace(b"\r\n", b"=0D=0A")),
        ("8bit", data),
    ):
        path = tmp_path / "message"
        path.write_bytes(leaf(encoding, encoded))
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            pieces = list(text.stream(view, tree.parse(view)))
        assert max(map(len, pieces)) <= text.CHUNK + 4
        assert b"".join(pieces) == data


# --- text


def test_text_is_read_in_the_charset_it_declares() -> None:
    assert (
        said(leaf("8bit", "日本".encode("iso-2022-jp"), "text/plain; charset=iso-2022-jp"))
        == "日本"
    )


def test_undeclared_text_is_utf_8_or_else_windows_1252() -> None:
    assert said(leaf("8bit", "é".encode())) == "é"
    assert said(leaf("8bit", b"\x93\xe9\x94")) == "“é”"


@pytest.mark.parametrize("charset", ["utf-8", "utf-16le", "gb18030", "iso-2022-jp"])
@pytest.mark.parametrize("line", ["日本語" * 10 + "\n", "日本語"])
def test_no_character_is_torn_between_pieces(charset: str, line: str) -> None:
    if charset == "iso-2022-jp" and not line.endswith("\n"):
        return  # a stateful line of half a megabyte: nobody writes that
    wanted = line * (600_000 // len(line.encode(charset)))
    message = leaf("8bit", wanted.encode(charset), f"text/plain; charset={charset}")
    found = said(message)
    assert len(found) > 100_000
    assert found == wanted


# --- previews


def test_a_preview_is_the_first_words_on_one_line() -> None:
    assert (
        preview(b"Subject: x\r\n\r\n Hello\r\n\r\n  you. \r\n----------\r\n> old\r\n")
        == "Hello you."
    )
    assert len(preview(b"\r\n" + b"word " * 1_000)) in range(text.PREVIEW - 5, text.PREVIEW + 1)


def test_a_preview_has_no_control_characters() -> None:
    assert preview(b"\r\na\0b \x1b[31mred\x7f\r\n") == "ab [31mred"
    assert preview(leaf("7bit", b"<p>a\0b</p>", "text/html")) == "ab"


def test_a_preview_of_quotes_alone_shows_them() -> None:
    assert preview(b"\r\n> only\r\n> this\r\n") == "> only > this"


def test_a_preview_of_html_has_neither_tags_nor_styles_nor_fillers() -> None:
    body = (
        b"<html><head><title>T</title><style>p {}</style></head><!-- c --><body>"
        b"<p class='x'>Fish &amp; chips&nbsp;&zwnj;&zwnj;</p><script>x()</script>now"
    )
    assert preview(leaf("7bit", body, "text/html")) == "Fish & chips now"


def test_a_preview_keeps_words_whole_that_html_sets_in_parts() -> None:
    body = b"<p><span>Und</span><span>angan</span> r<b>apat</b> H<sub>2</sub>O<br>Jumat"
    assert preview(leaf("7bit", body, "text/html")) == "Undangan rapat H2O Jumat"


def test_a_preview_looks_behind_a_long_style_sheet() -> None:
    body = b"<style>" + b"p { color: red }\r\n" * 1_000 + b"</style><p>Hello"
    assert preview(leaf("7bit", body, "text/html")) == "Hello"


def test_a_preview_comes_from_the_first_part_with_words() -> None:
    message = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nfile\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\n \r\n"
        b"--b\r\nContent-Type: text/calendar\r\n\r\nBEGIN\r\n"
        b"--b\r\nContent-Type: text/html\r\n\r\n<b>Hello</b>\r\n--b--\r\n"
    )
    assert preview(message) == "Hello"
    assert preview(leaf("base64", b"AAAA", "image/png")) == ""


def test_a_preview_that_is_cut_does_not_break_a_character() -> None:
    message = b"Subject: x\r\n\r\n" + b" " * 8_091 + "é".encode() * 3_000
    assert set(preview(message)) == {"é"}


@given(st.binary(max_size=300), st.sampled_from(["text/plain", "text/html; charset=utf-7"]))
def test_any_message_has_a_preview(data: bytes, kind: str) -> None:
    line = preview(leaf("8bit", data, kind))
    assert len(line) <= text.PREVIEW
    assert "\n" not in line


@pytest.mark.parametrize(
    "unit", [b"<!--", b"<style>", b"<a ", b"<", b"&#9", b"&", b"</style ", b" ", b"=\r\n", b"= "]
)
def test_html_is_read_in_linear_time(unit: bytes) -> None:
    def run(body: bytes) -> None:
        searched(leaf("quoted-printable", body, "text/html"))

    assert growth(run, unit, 100_000) < LINEAR


# --- searching


def test_all_text_is_searchable() -> None:
    message = (
        b"Subject: outer\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\naGlkZGVu\r\n"
        b"--b\r\nContent-Type: text/html\r\n\r\n<table>r&eacute;sum&eacute;</table>\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: =?utf-8?q?inn=65r?=\r\n\r\nwithin\r\n"
        b"--b\r\nContent-Type: image/png\r\n\r\npicture\r\n--b--\r\n"
    )
    found = searched(message)
    for word in ("hidden", "résumé", "Subject: inner", "within"):
        assert word in found
    for word in ("outer", "picture", "table", "aGlk"):
        assert word not in found


def test_header_text_is_what_a_person_reads() -> None:
    header = headers.split(b"Subject: =?utf-8?q?=C3=A9?=\r\n =?utf-8?q?a?=\r\nTo: a@b\r\n\r\n")
    assert text.header_text(header) == "Subject: éa\nTo: a@b"


@pytest.mark.parametrize("kind", ["text/plain", "text/html"])
def test_a_word_between_two_pieces_is_found(kind: str) -> None:
    body = b"x" * (text.CHUNK - 5) + b"needle" + b"x" * 2 * text.CHUNK
    pieces = list(text.searchable(leaf("7bit", body, kind), tree.parse(leaf("7bit", body, kind))))
    assert len(pieces) > 1
    assert any("needle" in piece for piece in pieces)


def test_a_tag_between_two_pieces_is_hidden() -> None:
    body = b"x\r\n" * (text.CHUNK // 3) + b"<img alt='\r\nsecret\r\n'>" + b"y\r\n" * text.CHUNK
    for shift in range(0, 24, 5):
        found = searched(leaf("7bit", body[shift:], "text/html"))
        assert "secret" not in found
        assert "y" in found


PLAIN_PIECES = [
    b"word ",
    b"on",
    b"\r\n",
    b"\n",
    b"> cited",
    b"----",
    b"=20",
    b"\xc3\xa4",
    b"\0\x1c",
]


@given(
    st.lists(st.sampled_from([*PLAIN_PIECES, b"more words here " * 4]), max_size=60).map(b"".join),
    st.sampled_from(["7bit", "binary", "quoted-printable"]),
    st.sampled_from(["", "UTF-8", "utf-16", "iso-2022-jp", "johab"]),
)
def test_a_glance_sees_what_a_full_preview_shows(body: bytes, encoding: str, charset: str) -> None:
    part = Part(0, 0, len(body), params=[("charset", charset)], encoding=encoding)
    assert text._glance(body, part) in {"", text._first_line(body, part)}


def test_a_glance_is_enough_for_ordinary_text() -> None:
    body = b"Good morning, here is the report.\r\n" * 100
    assert len(text._glance(body, Part(0, 0, len(body)))) == text.PREVIEW
    assert text._glance(body, Part(0, 0, 14)) == "Good morning,"


@given(
    st.lists(st.sampled_from(["words ", "a", " ", "-----", "\u200b", "\xe4", "\n"]), max_size=900)
)
def test_the_first_line_is_found_in_the_first_characters(pieces: list[str]) -> None:
    said = "".join(pieces)
    assert text._one_line(said) == text._shown(said.split(None, 400)[:400])


@pytest.mark.parametrize("label", sorted(text._OVER_ASCII))
def test_ascii_is_ascii_in_the_charsets_of_a_glance(label: str) -> None:
    assert charsets.decode(bytes(range(128)), label) == bytes(range(128)).decode()
