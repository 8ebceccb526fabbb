"""RFC 8621 4.6, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.jmap import email_body, email_builder
from merpati.wire.jmap.faults import SetFault
from merpati.wire.mime import text, tree

PLAIN = {"partId": "1", "type": "text/plain"}
HTML = {"partId": "2", "type": "text/html"}
VALUES = {"1": {"value": "hello"}, "2": {"value": "<p>hello"}}
TEXTS = {"textBody": [PLAIN], "bodyValues": VALUES}


def built(email: dict[str, Any], **blobs: bytes) -> bytes:
    draft = email_builder.read(email)
    assert set(draft.blob_ids) <= set(blobs)
    return b"".join(email_builder.pieces(draft, [b"MIME-Version: 1.0\r\n"], blobs, "BOUND"))


def shape(part: tree.Part) -> Any:
    kind = f"{part.type}/{part.subtype}"
    return {kind: [shape(one) for one in part.children]} if part.type == "multipart" else kind


@pytest.mark.parametrize(
    ("email", "properties"),
    [
        ({"headers": []}, ["headers"]),
        ({"from": [], "header:From": "x"}, ["header:From"]),
        ({"header:X:asText": "a", "header:x": "b"}, ["header:x"]),
        ({"header:From:asText": "x"}, ["header:From:asText"]),
        ({"header:Subject:asDate": "2020-01-01T00:00:00Z"}, ["header:Subject:asDate"]),
        ({"header:X:asNothing": "x"}, ["header:X:asNothing"]),
        ({"header:Content-Type": "text/html"}, ["header:Content-Type"]),
        ({"header:content-x:asText": "x"}, ["header:content-x:asText"]),
        ({"subject": 3}, ["subject"]),
        ({"id": "M1"}, ["id"]),
        ({"size": 1, "preview": "x"}, ["size", "preview"]),
        ({"hasAttachment": True}, ["hasAttachment"]),
        ({"bodyStructure": PLAIN, "textBody": [PLAIN], "bodyValues": VALUES}, ["textBody"]),
        ({"bodyStructure": PLAIN, "attachments": [], "bodyValues": VALUES}, ["attachments"]),
        ({"textBody": [], "bodyValues": VALUES}, ["textBody"]),
        ({"textBody": [PLAIN, PLAIN], "bodyValues": VALUES}, ["textBody"]),
        ({"textBody": [HTML], "bodyValues": VALUES}, ["textBody"]),
        ({"htmlBody": [PLAIN], "bodyValues": VALUES}, ["htmlBody"]),
        ({"htmlBody": [HTML, HTML], "bodyValues": VALUES}, ["htmlBody"]),
        ({"textBody": [{**PLAIN, "blobId": "B"}], "bodyValues": VALUES}, ["textBody"]),
        ({"textBody": [{"type": "text/plain"}]}, ["textBody"]),
        ({"textBody": [PLAIN]}, ["textBody"]),
        ({"textBody": [{**PLAIN, "charset": "utf-8"}], "bodyValues": VALUES}, ["textBody"]),
        ({"textBody": [{**PLAIN, "size": 5}], "bodyValues": VALUES}, ["textBody"]),
        ({"textBody": [{**PLAIN, "headers": []}], "bodyValues": VALUES}, ["textBody"]),
        (
            {
                "textBody": [{**PLAIN, "header:Content-Transfer-Encoding": "7bit"}],
                "bodyValues": VALUES,
            },
            ["textBody"],
        ),
        (
            {"textBody": [{**PLAIN, "cid": "x", "header:Content-ID": "<y>"}], "bodyValues": VALUES},
            ["textBody"],
        ),
        (
            {
                "subject": "a",
                "bodyStructure": {**PLAIN, "header:Subject": "b"},
                "bodyValues": VALUES,
            },
            ["bodyStructure"],
        ),
        (
            {"textBody": [PLAIN], "bodyValues": {"1": {"value": "", "isTruncated": True}}},
            ["bodyValues"],
        ),
        (
            {"textBody": [PLAIN], "bodyValues": {"1": {"value": "", "isEncodingProblem": True}}},
            ["bodyValues"],
        ),
        ({"textBody": [PLAIN], "bodyValues": {"1": {}}}, ["bodyValues", "textBody"]),
        ({"bodyStructure": {"type": "multipart/mixed"}}, ["bodyStructure"]),
        ({"bodyStructure": {"type": "multipart/mixed", "subParts": []}}, ["bodyStructure"]),
        (
            {"bodyStructure": {"type": "text/plain", "blobId": "B", "subParts": [PLAIN]}},
            ["bodyStructure"],
        ),
        ({"attachments": [{"type": "no type", "blobId": "B"}]}, ["attachments"]),
        ({"attachments": [{"blobId": "B", "disposition": "a b"}]}, ["attachments"]),
    ],
)
def test_what_breaks_a_rule_is_named(email: dict[str, Any], properties: list[str]) -> None:
    with pytest.raises(SetFault) as caught:
        email_builder.read(email)
    assert caught.value.type == "invalidProperties"
    assert caught.value.properties == properties


def test_isTruncated_and_isEncodingProblem_may_be_false() -> None:  # noqa: N802 -- the RFC's names
    value = {"value": "x", "isTruncated": False, "isEncodingProblem": False}
    assert built({"textBody": [PLAIN], "bodyValues": {"1": value}}).endswith(b"\r\n\r\nx")


def test_an_email_of_nothing_is_an_empty_text() -> None:
    root = tree.parse(built({}))
    assert shape(root) == "text/plain"


def test_text_and_html_are_alternatives_around_related_and_attached() -> None:
    email = {
        "textBody": [PLAIN],
        "htmlBody": [HTML],
        "bodyValues": VALUES,
        "attachments": [
            {"blobId": "B", "type": "image/png", "cid": "i@x", "disposition": "inline"},
            {"blobId": "B", "type": "application/pdf", "name": "ä.pdf"},
        ],
    }
    content = built(email, B=bytes(range(256)) * 1000)
    root = tree.parse(content)
    assert shape(root) == {
        "multipart/mixed": [
            {
                "multipart/alternative": [
                    "text/plain", {"multipart/related": ["text/html", "image/png"]},
                ]
            },
            "application/pdf",
        ]
    }  # fmt: skip
    shown = email_body.shown(email_body.numbered(root))
    assert [one.part.subtype for one in shown.text] == ["plain"]
    assert [one.part.subtype for one in shown.html] == ["html"]
    assert [one.part.subtype for one in shown.attachments] == ["png", "pdf"]
    pdf = root.children[1]
    assert pdf.filename == "ä.pdf"
    assert pdf.disposition == "attachment"
    assert text.content(content, pdf) == bytes(range(256)) * 1000


def test_a_given_structure_is_written_as_it_is() -> None:
    structure = {
        "type": "multipart/mixed",
        "subParts": [
            {"type": "multipart/alternative", "subParts": [PLAIN, HTML]},
            {"blobId": "M", "type": "message/rfc822"},
        ],
    }
    message = b"Subject: \xc3\xa4\nX: y\n\nbody"
    content = built({"bodyStructure": structure, "bodyValues": VALUES}, M=message)
    root = tree.parse(content)
    inner = root.children[1]
    assert shape(root.children[0]) == {"multipart/alternative": ["text/plain", "text/html"]}
    assert inner.encoding == "8bit"
    assert root.encoding == "8bit"  # RFC 2045 6.4: what is around it must say so too
    assert text.content(content, inner) == b"Subject: \xc3\xa4\r\nX: y\r\n\r\nbody"


def test_a_name_alone_makes_no_attachment() -> None:
    content = built({"textBody": [{**PLAIN, "name": "a.txt"}], "bodyValues": VALUES})
    root = tree.parse(content)
    assert (root.filename, root.disposition) == ("a.txt", "")
    assert email_body.shown(email_body.numbered(root)).attachments == []


def test_no_boundary_begins_with_another() -> None:  # RFC 2046 5.1.1
    part: dict[str, Any] = PLAIN
    for _ in range(12):
        part = {"type": "multipart/mixed", "subParts": [part] * 1}
    content = built({"bodyStructure": part, "bodyValues": VALUES})
    marks = {line for line in content.split(b"\r\n") if line.startswith(b"--")}
    open_ = [mark for mark in marks if not mark.endswith(b"--")]
    assert len(open_) == 12
    assert not any(a != b and a.startswith(b) for a in open_ for b in open_)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r")))
def test_text_comes_back_whatever_it_is(said: str) -> None:
    content = built({"textBody": [PLAIN], "bodyValues": {"1": {"value": said}}})
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    value = email_body.body_value(content, tree.parse(content), 0)
    assert value == {"value": said, "isEncodingProblem": "\ufffd" in said, "isTruncated": False}


@given(st.binary(max_size=300))
def test_files_come_back_octet_by_octet(data: bytes) -> None:
    content = built({"attachments": [{"blobId": "B", "type": "application/x"}]}, B=data)
    [part] = tree.parse(content).children
    assert text.content(content, part) == data


def test_missing_blobs_are_all_named() -> None:
    with pytest.raises(SetFault) as caught:
        email_builder.check_blobs(["a", "b"])
    assert caught.value.error()["notFound"] == ["a", "b"]
    assert caught.value.type == "blobNotFound"


def test_the_depth_and_number_of_parts_are_limited() -> None:
    part: dict[str, Any] = PLAIN
    for _ in range(30):
        part = {"type": "multipart/mixed", "subParts": [part]}
    with pytest.raises(SetFault):
        email_builder.read({"bodyStructure": part, "bodyValues": VALUES})
    many = {"type": "multipart/mixed", "subParts": [PLAIN] * 1100}
    with pytest.raises(SetFault):
        email_builder.read({"bodyStructure": many, "bodyValues": VALUES})
