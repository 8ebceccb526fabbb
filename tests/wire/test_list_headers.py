from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire import list_headers
from merpati.wire.list_headers import DROPPED, ListFields
from merpati.wire.mime import addresses, headers
from merpati.wire.mime.addresses import Mailbox

FIELDS = ListFields(
    title="Sales & co", list_id="sales.example.org", help="sales-request@example.org",
    post="sales@example.org", owner="sales-owner@example.org",
)  # fmt: skip


@given(st.binary(max_size=400))
def test_any_message_has_facts_and_a_header(content: bytes) -> None:
    list_headers.read(content)
    header, start = list_headers.without(content, DROPPED)
    assert header.endswith((b"\n\r\n", b"\n\n")) or header in {b"\r\n", b"\n"}
    assert not {field.key for field in headers.split(header).fields} & DROPPED
    assert content.endswith(content[start:])


def test_all_but_the_dropped_fields_stays_byte_for_byte() -> None:
    kept = b"Subject:  odd \r\n\tfold\r\nX: 1\r\n"
    content = (
        b"Return-Path: <a@b>\r\nList-Id: <x>\r\n" + kept + b"PRECEDENCE : bulk\r\n y\r\n"
        b"list-unsubscribe-post: z\r\n\r\nbody\r\n"
    )
    header, start = list_headers.without(content, DROPPED)
    assert header == kept + b"\r\n"
    assert content[start:] == b"body\r\n"


def test_a_message_without_a_body_still_gets_its_empty_line() -> None:
    assert list_headers.without(b"Subject: x", DROPPED)[0] == b"Subject: x\r\n\r\n"
    assert list_headers.without(b"Subject: x\r\n", DROPPED)[0] == b"Subject: x\r\n\r\n"
    assert list_headers.without(b"\r\nbody", DROPPED) == (b"\r\n", 2)


def test_the_fields_of_a_list() -> None:
    assert list_headers.render(FIELDS, token_free="leave@example.org").decode() == (
        "List-Id: Sales & co <sales.example.org>\r\n"
        "List-Post: <mailto:sales@example.org>\r\n"
        "List-Help: <mailto:sales-request@example.org?subject=help>\r\n"
        "List-Owner: <mailto:sales-owner@example.org>\r\n"
        "List-Unsubscribe: <mailto:leave@example.org>\r\n"
        "Precedence: list\r\n"
    )
    nobody = list_headers.render(ListFields(title="", list_id="a.b", help="h@b"))
    assert b"List-Post: NO\r\n" in nobody
    assert b"List-Unsubscribe" not in nobody


def test_a_member_s_own_way_out_is_by_mail_and_one_click() -> None:
    assert list_headers.unsubscribe("a+t?k=1&x@b.c", "https://h/l/t") == (
        "List-Unsubscribe: <mailto:a+t%3Fk%3D1%26x@b.c>,\r\n <https://h/l/t>\r\n"
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    )
    assert "Post" not in list_headers.unsubscribe("a@b.c")


def test_the_author_is_the_one_mailbox_in_from() -> None:
    def author(text: str) -> str:
        return list_headers.read(text.encode() + b"\r\n\r\n").address

    assert author("From: Ani <Ani@Example.org>") == "ani@example.org"
    assert author("From: a@b.c, d@e.f") == ""
    assert author("From: a@b.c\r\nFrom: d@e.f") == ""
    assert author("From: group: a@b.c;") == "a@b.c"
    assert author("From: ani") == ""
    assert author("Subject: x") == ""


@pytest.mark.parametrize(
    ("field", "replied", "automatic"),
    [
        ("Subject: x", False, False),
        ("Auto-Submitted: no", False, False),
        ("Auto-Submitted: No (by hand)", False, True),  # unknown words count as a machine's
        ("Auto-Submitted: auto-replied; owner=x", True, True),
        ("Auto-Submitted: auto-generated", False, True),
        ("Precedence: Bulk", False, True),
        ("List-Id: x <a.b>", False, True),
        ("X-Autoreply: yes", False, True),
    ],
)
def test_machines_are_known_by_their_fields(field: str, replied: bool, automatic: bool) -> None:
    facts = list_headers.read(f"{field}\r\n\r\n".encode())
    assert (facts.replied, facts.automatic) == (replied, automatic)


def test_where_a_message_has_been() -> None:
    facts = list_headers.read(
        b"Delivered-To: A@b.c\r\nList-Id: Name <X.y>\r\nDelivered-To: d@e.f\r\n\r\n"
    )
    assert facts.delivered_to == {"a@b.c", "d@e.f"}
    assert facts.list_ids == {"x.y"}


@given(st.text(max_size=60))
def test_the_list_s_from_names_the_author_and_has_one_address(name: str) -> None:
    field = list_headers.author_via(Mailbox(name, "ani", "there.test"), "Sales", "s", "example.org")
    assert max(map(len, field.split(b"\r\n"))) <= 998
    [box] = addresses.parse_list(headers.split(field + b"\r\n").fields[0].value)
    assert isinstance(box, Mailbox)
    assert box.address == "s@example.org"
    assert box.name.endswith("via Sales")
