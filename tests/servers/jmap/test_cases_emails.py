"""Emails as a stranger would try them (RFC 8621 4), over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.jmap_http import Client
from tests.support.server import ANA

TOLD = {
    "id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt", "messageId",
    "inReplyTo", "references", "sender", "from", "to", "cc", "bcc", "replyTo", "subject", "sentAt",
    "hasAttachment", "preview", "bodyValues", "textBody", "htmlBody", "attachments",
}  # fmt: skip
PART = {
    "partId", "blobId", "size", "name", "type", "charset", "disposition", "cid", "language",
    "location",
}  # fmt: skip
ROW = b"--b\r\nContent-Type: %b\r\n\r\n%b\r\n"


def mixed(*parts: tuple[bytes, bytes], subtype: bytes = b"mixed") -> bytes:
    """A message of parts: each the value of its Content-Type (and more fields), and its body."""
    rows = b"".join(ROW % part for part in parts)
    return b"Content-Type: multipart/%b; boundary=b\r\n\r\n%b--b--\r\n" % (subtype, rows)


async def source(client: Client, email: str) -> bytes:
    """A whole message as it is downloaded."""
    blob = (await client.email(email, "blobId"))["blobId"]
    return (await client.site.get(f"/jmap/download/{client.account}/{blob}/m", user=ANA)).body


async def test_what_is_told_when_nothing_is_named(client: Client) -> None:
    id_ = await client.add(b"Subject: hi\r\n\r\nhello\r\n")
    one = await client.email(id_)
    assert one.keys() == TOLD
    assert one["bodyValues"] == {}
    assert one["textBody"] == one["htmlBody"]
    [part] = one["textBody"]
    assert part.keys() == PART
    assert (part["type"], part["charset"], part["size"]) == ("text/plain", "us-ascii", 7)
    assert (await client.email(id_, "subject")).keys() == {"id", "subject"}
    told = await client.call("Email/get", ids=[id_], properties=[])
    assert told["list"] == [{"id": id_}]


@pytest.mark.parametrize(
    ("type_", "encoding", "body", "value", "is_problem"),
    [
        ("text/plain; charset=utf-8", "8bit", b"\xc3\xa9\r\n", "\u00e9\n", False),
        ("text/plain; charset=utf-8", "8bit", b"a\xffb", "a\ufffdb", True),
        ("text/plain; charset=iso-8859-1", "8bit", b"caf\xe9", "caf\u00e9", False),
        ("text/plain; charset=iso-2022-jp", "7bit", b'\x1b$B$"\x1b(B', "\u3042", False),
        ("text/plain; charset=x-none", "8bit", b"abc", "abc", True),
        ("text/plain", "7bit", b"abc", "abc", False),
        ("text/plain", "8bit", b"\xc3\xa9", "\u00e9", True),
        ("text/plain; charset=us-ascii", "7bit", b"abc", "abc", False),
        ('text/plain; charset="US-ASCII"', "8bit", b"\xc3\xa9", "\u00e9", True),
        ("text/plain; charset=us-ascii", "8bit", b"caf\xe9", "caf\u00e9", True),
        ("text/plain", "x-none", b"abc", "abc", True),
        ("text/plain", "BASE64", b"YWJj", "abc", False),
        ("text/html; charset=utf-8", "quoted-printable", b"=C3=A9=\r\nx", "\u00e9x", False),
        ("nonsense", "7bit", b"abc", "abc", False),
    ],
)
async def test_a_value_is_decoded_and_says_when_that_went_wrong(
    client: Client, type_: str, encoding: str, body: bytes, value: str, is_problem: bool
) -> None:
    head = f"Content-Type: {type_}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    id_ = await client.add(head.encode() + body)
    told = await client.email(id_, "bodyValues", fetchAllBodyValues=True)
    [one] = told["bodyValues"].values()
    assert one == {"value": value, "isEncodingProblem": is_problem, "isTruncated": False}


@pytest.mark.parametrize("most", range(1, 12))
async def test_a_value_is_cut_between_characters(client: Client, most: int) -> None:
    said = "a\u00e9\u20ac\U0001f600b"
    id_ = await client.add(b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + said.encode())
    told = await client.email(id_, "bodyValues", fetchTextBodyValues=True, maxBodyValueBytes=most)
    [one] = told["bodyValues"].values()
    assert said.startswith(one["value"])
    size = len(one["value"].encode())
    assert size <= most < size + 4 or one["value"] == said
    assert one["isTruncated"] is (one["value"] != said)


async def test_which_values_are_fetched(client: Client) -> None:
    id_ = await client.add(
        mixed(
            (b"text/plain", b"one"), (b"text/html", b"<b>two</b>"),
            (b"text/csv\r\nContent-Disposition: attachment", b"1,2"), (b"image/png", b"x"),
        )
    )  # fmt: skip
    whole = await client.email(id_, "textBody", "htmlBody", "attachments")
    assert [one["type"] for one in whole["textBody"]] == ["text/plain", "text/html", "image/png"]
    assert whole["htmlBody"] == whole["textBody"]
    assert [one["type"] for one in whole["attachments"]] == ["text/csv"]
    for wanted, values in (
        ({}, []),
        ({"fetchTextBodyValues": True}, ["one", "<b>two</b>"]),
        ({"fetchHTMLBodyValues": True}, ["one", "<b>two</b>"]),
        ({"fetchAllBodyValues": True}, ["one", "<b>two</b>", "1,2"]),
    ):
        told = await client.email(id_, "bodyValues", **wanted)
        assert {one["value"] for one in told["bodyValues"].values()} == set(values)


@pytest.mark.parametrize(
    ("more", "name", "has"),
    [
        (b"image/png", None, True),
        (b"image/png\r\nContent-Disposition: inline", None, False),
        (b"image/png; name=a.png\r\nContent-Disposition: INLINE", "a.png", False),
        (b"image/png\r\nContent-Disposition: attachment; filename=a.png", "a.png", True),
        (b"image/png; name=b\r\nContent-Disposition: attachment; filename=a", "a", True),
        (b"image/png\r\nContent-Disposition: attachment; filename*=utf-8''%c3%a9", "\u00e9", True),
        (b'image/png; name*0="a"; name*1="b"', "ab", True),
        (b'image/png; name="=?utf-8?q?=C3=A9?="', "\u00e9", True),
    ],
)
async def test_names_and_whether_something_is_attached(
    client: Client, more: bytes, name: str | None, has: bool
) -> None:
    picture = more + b"\r\nContent-ID: <x>"
    id_ = await client.add(
        mixed((b"text/html", b'<img src="cid:x">'), (picture, b"x"), subtype=b"related")
    )
    one = await client.email(id_, "hasAttachment", "attachments", "textBody")
    assert one["hasAttachment"] is has
    assert [part["type"] for part in one["textBody"]] == ["text/html"]
    [part] = one["attachments"]
    assert (part["name"], part["cid"]) == (name, "x")


async def test_an_attached_message_is_read_by_its_blob(client: Client) -> None:
    inner = (
        b"Subject: inner\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n"
        b"--c\r\nContent-Type: message/rfc822\r\n\r\nSubject: innermost\r\n\r\ny\r\n--c--\r\n"
    )
    id_ = await client.add(mixed((b"text/plain", b"t"), (b"message/rfc822", inner)))
    one = await client.email(id_, "attachments", "bodyStructure")
    assert one["bodyStructure"]["subParts"][1]["subParts"] is None
    blob = one["attachments"][0]["blobId"]
    told = await client.call("Email/parse", blobIds=[blob, "nobody"], fetchAllBodyValues=True)
    assert (told["notFound"], told["notParsable"]) == (["nobody"], None)
    parsed = told["parsed"][blob]
    assert parsed["subject"] == "inner"
    assert [value["value"] for value in parsed["bodyValues"].values()] == ["x"]
    again = parsed["attachments"][0]["blobId"]
    told = await client.call("Email/parse", blobIds=[again], properties=["subject", "preview"])
    assert told["parsed"] == {again: {"subject": "innermost", "preview": "y"}}
    taken = await client.call(
        "Email/import", emails={"k": {"blobId": blob, "mailboxIds": {"F1": True}}}
    )
    made = await client.email(taken["created"]["k"]["id"], "subject")
    assert made["subject"] == "inner"


async def test_an_import_is_dated_by_what_received_it_last(client: Client) -> None:
    received = (
        b"Received: from a by b; Tue, 1 Jul 2025 10:00:00 +0700\r\n"
        b"Received: from x by y; Mon, 30 Jun 2025 10:00:00 +0000\r\n"
    )
    for given, at in (({}, "2025-07-01T03:00:00Z"), *[
        ({"receivedAt": at}, at) for at in ("2001-02-03T04:05:06Z",)
    ]):  # fmt: skip
        id_ = await client.add(received + b"Subject: x\r\n\r\n", **given)
        assert (await client.email(id_, "receivedAt"))["receivedAt"] == at


@pytest.mark.parametrize(
    ("email", "type_"),
    [
        ({"mailboxIds": {"F1": True}}, "invalidProperties"),
        ({"blobId": "nobody", "mailboxIds": {"F1": True}}, "invalidProperties"),
        ({"mailboxIds": {}}, "invalidProperties"),
        ({"mailboxIds": {"F999": True}}, "invalidProperties"),
        ({"mailboxIds": {"F1": True}, "keywords": {"a b": True}}, "invalidProperties"),
        ({"mailboxIds": {"F1": True}, "receivedAt": "now"}, "invalidProperties"),
    ],
)
async def test_what_cannot_be_imported(client: Client, email: dict[str, Any], type_: str) -> None:
    blob = await client.upload(b"Subject: x\r\n\r\n")
    given = email if email == {"mailboxIds": {"F1": True}} else {"blobId": blob, **email}
    told = await client.call("Email/import", emails={"k": given})
    assert told["notCreated"]["k"]["type"] == type_
    assert told["oldState"] == told["newState"]


async def test_a_draft_with_everything_has_the_structure_clients_expect(client: Client) -> None:
    picture = await client.upload(b"\0\xff", "image/png")
    told = await client.call("Email/set", create={"k": {
        "mailboxIds": {"F2": True}, "keywords": {"$draft": True}, "subject": "\u00e9 " * 60,
        "from": [{"name": '\u00c4 "q"', "email": "a@x.test"}],
        "to": [{"name": None, "email": f"u{n}@x.test"} for n in range(40)],
        "textBody": [{"partId": "t", "type": "text/plain"}],
        "htmlBody": [{"partId": "h", "type": "text/html"}],
        "attachments": [
            {"blobId": picture, "type": "image/png", "cid": "c", "disposition": "inline"},
            {"blobId": picture, "type": "image/png", "name": "\u00e9 a.png",
             "disposition": "attachment", "language": ["en", "de"], "location": "http://x.test/"},
        ],
        "bodyValues": {"t": {"value": "h\u00e9\nx"}, "h": {"value": "<img src='cid:c'>"}},
    }})  # fmt: skip
    id_ = told["created"]["k"]["id"]
    one = await client.email(
        id_, "subject", "from", "to", "textBody", "htmlBody", "attachments", "bodyStructure",
        "hasAttachment", "keywords", "bodyValues", fetchAllBodyValues=True,
    )  # fmt: skip
    assert (one["subject"], len(one["to"])) == ("\u00e9 " * 60, 40)
    assert one["from"] == [{"name": '\u00c4 "q"', "email": "a@x.test"}]
    assert [part["type"] for part in one["textBody"]] == ["text/plain"]
    assert [part["type"] for part in one["htmlBody"]] == ["text/html"]
    inline, attached = one["attachments"]
    assert (inline["cid"], inline["disposition"], inline["size"]) == ("c", "inline", 2)
    assert (attached["name"], attached["language"]) == ("\u00e9 a.png", ["en", "de"])
    assert attached["location"] == "http://x.test/"
    assert one["hasAttachment"] is True
    values = {value["value"] for value in one["bodyValues"].values()}
    assert values == {"h\u00e9\nx", "<img src='cid:c'>"}
    raw = await source(client, id_)
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert raw.isascii()
    for name in (b"Message-ID:", b"Date:", b"MIME-Version:"):
        assert raw.count(b"\r\n" + name) == 1


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("header:X-A", " raw", b"X-A: raw"),
        ("header:X-A:asRaw", "raw", b"X-A:raw"),
        ("header:X-A:asText", "\u00e9", b"X-A: =?utf-8?"),
        ("header:X-A:asAddresses", [{"name": "n", "email": "a@b"}], b"X-A: n <a@b>"),
        (
            "header:X-A:asGroupedAddresses",
            [{"name": "g", "addresses": [{"name": None, "email": "a@b"}]},
             {"name": None, "addresses": [{"name": None, "email": "c@d"}]}],
            b"X-A: g: a@b;, c@d",
        ),
        ("header:X-A:asMessageIds", ["a@b", "c@d"], b"X-A: <a@b> <c@d>"),
        ("header:X-A:asDate", "2020-01-02T03:04:05-03:30", b"X-A: Thu, 02 Jan 2020 03:04:05 -0330"),
        ("header:X-A:asURLs", ["http://a", "mailto:b"], b"X-A: <http://a>, <mailto:b>"),
        ("header:X-A:all", [" a", " b"], b"X-A: a\r\nX-A: b"),
        ("header:X-A:asText:all", ["c", "d"], b"X-A: c\r\nX-A: d"),
        ("header:X-A", None, None),
        ("header:X-A:all", [], None),
    ],
)  # fmt: skip
async def test_a_header_field_is_written_and_read_in_every_form(
    client: Client, name: str, value: Any, field: bytes | None
) -> None:
    told = await client.call("Email/set", create={"k": {"mailboxIds": {"F2": True}, name: value}})
    id_ = told["created"]["k"]["id"]
    assert (await client.email(id_, name))[name] == value
    raw = await source(client, id_)
    assert (b"X-A" not in raw) if field is None else (field in raw)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"header:Subject:asText": "x", "subject": "y"}, "subject"),
        ({"header:From:asDate": "2020-01-02T03:04:05Z"}, "header:From:asDate"),
        ({"header:X-A:asDate": "2020-01-02"}, "header:X-A:asDate"),
        ({"header:X-A:asURLs": "http://a"}, "header:X-A:asURLs"),
        ({"header:X A": "x"}, "header:X A"),
        ({"header:X-A": "x\r\n\r\nbody"}, "header:X-A"),
        ({"header:Content-Type": "text/html"}, "header:Content-Type"),
        ({"header:Content-Transfer-Encoding": "8bit"}, "header:Content-Transfer-Encoding"),
        ({"headers": [{"name": "X", "value": "y"}]}, "headers"),
        ({"from": [{"name": 1, "email": "a@b"}]}, "from"),
        ({"to": "a@b"}, "to"),
        ({"messageId": "a@b"}, "messageId"),
        ({"sentAt": "2020-01-02T03:04:05"}, "sentAt"),
        ({"receivedAt": "2020-01-02T03:04:05+01:00"}, "receivedAt"),
        ({"keywords": {"": True}}, "keywords"),
        ({"keywords": {"a" * 256: True}}, "keywords"),
        ({"keywords": {"a]": True}}, "keywords"),
        ({"keywords": {"\u00e9": True}}, "keywords"),
        ({"keywords": {"a": False}}, "keywords"),
        ({"keywords": None}, "keywords"),
        ({"mailboxIds": None}, "mailboxIds"),
        ({"mailboxIds": {"#nobody": True}}, "mailboxIds"),
        ({"bodyValues": {"1": "x"}}, "bodyValues"),
        ({"textBody": [{"partId": "1", "type": "text/plain"}]}, "textBody"),
        ({"bodyStructure": {"type": "multipart/mixed", "subParts": None}}, "bodyStructure"),
    ],
)  # fmt: skip
async def test_a_property_of_a_new_email_that_cannot_be(
    client: Client, given: dict[str, Any], named: str
) -> None:
    told = await client.call("Email/set", create={"k": {"mailboxIds": {"F2": True}, **given}})
    error = told["notCreated"]["k"]
    assert (error["type"], error["properties"]) == ("invalidProperties", [named])


async def test_patches_reach_into_keywords_and_mailboxes(client: Client) -> None:
    id_ = await client.add(b"Subject: x\r\n\r\n", keywords={"a/b": True, "c~d": True})
    other = await client.add(b"Subject: y\r\n\r\n")
    for patch, keywords in (
        ({"keywords/a~1b": None}, {"c~d"}),
        ({"keywords/c~0d": None, "keywords/$SEEN": True}, {"$seen"}),
        ({"keywords/none": None}, {"$seen"}),
        ({"keywords": {"x": True}}, {"x"}),
        ({"keywords": None}, set()),
        ({"keywords/e": True, "mailboxIds/F3": True, "mailboxIds/F1": None}, {"e"}),
    ):
        told = await client.call("Email/set", update={id_: patch})
        assert told["updated"] == {id_: None}, (patch, told)
        assert (await client.email(id_, "keywords"))["keywords"].keys() == keywords
    assert (await client.email(id_, "mailboxIds"))["mailboxIds"] == {"F3": True}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"keywords/x": True, "keywords": {}}, "invalidPatch"),
        ({"keywords/x/y": True}, "invalidPatch"),
        ({"nothing/x": True}, "invalidPatch"),
        ({"from/0": {"email": "a@b"}}, "invalidPatch"),
        ({"keywords/x": 1}, "invalidProperties"),
        ({"mailboxIds/F3": None}, "invalidProperties"),
        ({"mailboxIds/F999": True}, "invalidProperties"),
        ({"subject": "z"}, "invalidProperties"),
        ({"blobId": "z"}, "invalidProperties"),
    ]
    for broken, type_ in wrong:
        told = await client.call("Email/set", update={id_: broken, other: {"keywords/ok": True}})
        assert told["notUpdated"][id_]["type"] == type_, broken
        assert told["updated"] == {other: None}


async def test_what_an_email_is_never_changes(client: Client) -> None:
    id_ = await client.add(b"Subject: x\r\n\r\n")
    whole = await client.email(id_)
    told = await client.call("Email/set", update={id_: {**whole, "keywords": {"$flagged": True}}})
    assert told["updated"] == {id_: None}, told
    assert await client.email(id_) == {**whole, "keywords": {"$flagged": True}}
    state = (await client.call("Email/get", ids=[]))["state"]
    await client.call("Email/set", update={id_: {"keywords/$seen": True}})
    changes = await client.call("Email/changes", sinceState=state)
    assert (changes["updated"], changes["created"]) == ([id_], [])
    await client.call("Email/set", destroy=[id_])
    changes = await client.call("Email/changes", sinceState=state)
    assert (changes["updated"], changes["destroyed"]) == ([], [id_])


async def test_a_preview_is_short_text(client: Client) -> None:
    for body, has in (
        (b"word " * 400, "word word"), (b"", ""), (b"  \r\n\r\n a \r\n b", "a b"),
    ):  # fmt: skip
        id_ = await client.add(b"Subject: x\r\n\r\n" + body)
        preview = (await client.email(id_, "preview"))["preview"]
        assert preview.startswith(has)
        assert len(preview) <= 256
