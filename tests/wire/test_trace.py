from __future__ import annotations

from email import message_from_bytes
from email.utils import format_datetime, parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.smtp.paths import NULL, Path, parse_address
from merpati.wire.trace import (
    Hop,
    count_received,
    date_time,
    protocol_name,
    received,
    return_path,
)

HOP = Hop(
    host="mx.example.com",
    protocol="ESMTPS",
    name="mail.sender.example",
    address="192.0.2.7",
    reverse="out.sender.example",
    tls_version="TLSv1.3",
    cipher="TLS_AES_256_GCM_SHA384",
)


def test_a_received_field_tells_the_whole_hop() -> None:
    recipient = parse_address("budi@example.com")
    assert received(HOP, "abcdefgh23456777", 1_800_000_000.9, recipient) == (
        b"Received: from mail.sender.example (out.sender.example [192.0.2.7])\r\n"
        b"\tby mx.example.com with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
        b"\tid abcdefgh23456777 for <budi@example.com>; Fri, 15 Jan 2027 08:00:00 +0000\r\n"
    )


def test_what_is_not_known_is_left_out() -> None:
    hop = Hop(host="mx", protocol="ESMTP", name="a", address="2001:db8::1")
    assert received(hop, "x", 0.0) == (
        b"Received: from a ([IPv6:2001:db8::1]) by mx with ESMTP id x;\r\n"
        b"\tThu, 01 Jan 1970 00:00:00 +0000\r\n"
    )
    local = Hop(host="mx", protocol="ESMTP")
    assert received(local, "x", 0.0).startswith(b"Received: by mx with ESMTP id x;")


def test_an_address_in_utf8_is_named_only_in_a_utf8_transaction() -> None:
    path = Path("pošta", "příklad.example")
    hop = Hop(host="mx", protocol="ESMTP", name="příklad")
    assert received(hop, "x", 0.0, path).isascii()
    assert b" for " not in received(hop, "x", 0.0, path)
    utf8 = Hop(host="mx", protocol="UTF8SMTPS", name="příklad")
    assert "for <pošta@příklad.example>" in received(utf8, "x", 0.0, path).decode()


@given(st.text(max_size=300))
def test_no_name_can_end_its_comment_or_the_field(text: str) -> None:
    hop = Hop(
        host="mx",
        protocol="UTF8SMTP",
        name=text or "x",
        address=text,
        reverse=text,
        tls_version=text,
        cipher=text,
    )
    field = received(hop, text, 0.0)
    parsed = message_from_bytes(field + b"\r\nbody")
    assert parsed.keys() == ["Received"]
    assert field.count(b";") == 1
    assert field.count(b"(") == field.count(b")")
    assert all(len(line) <= 998 for line in field.split(b"\r\n"))


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("SMTP", {"extended": False}),
        ("SMTP", {"extended": False, "tls": True}),
        ("ESMTP", {}),
        ("ESMTPS", {"tls": True}),
        ("ESMTPA", {"auth": True}),
        ("ESMTPSA", {"tls": True, "auth": True}),
        ("LMTP", {"lmtp": True}),
        ("UTF8SMTP", {"smtputf8": True}),
        ("UTF8SMTPSA", {"smtputf8": True, "tls": True, "auth": True}),
        ("UTF8LMTPS", {"smtputf8": True, "lmtp": True, "tls": True}),
    ],
)
def test_the_protocol_is_named_by_what_was_used(name: str, flags: dict[str, bool]) -> None:
    assert protocol_name(**flags) == name


def test_return_path_is_written() -> None:
    assert return_path(NULL) == b"Return-Path: <>\r\n"
    assert return_path(Path("a b", "c")) == b'Return-Path: <"a b"@c>\r\n'


@pytest.mark.parametrize(
    ("message", "count"),
    [
        (b"", 0),
        (b"Received: a\r\n", 1),
        (b"Subject: x\r\nRECEIVED: a\r\n\tb\r\nreceived:c\r\n\r\nReceived: body\r\n", 2),
        (b"Received-SPF: x\r\nX-Received: y\r\n\r\n", 0),
        (b"\r\nReceived: body\r\n", 0),
    ],
)
def test_hops_are_counted_in_the_header_only(message: bytes, count: int) -> None:
    assert count_received(message) == count


def test_counting_hops_stops_at_its_limit() -> None:
    assert count_received(b"Received: x\r\n" * 100_000) < 22_000


@given(st.integers(0, 253402300799))
def test_a_date_is_what_the_standard_library_writes(seconds: int) -> None:
    text = date_time(seconds)
    assert parsedate_to_datetime(text).timestamp() == seconds
    assert format_datetime(parsedate_to_datetime(text)).split()[:5] == text.split()[:5]
