from __future__ import annotations

import contextlib
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire import authentication_results as module
from merpati.wire.authentication_results import (
    AuthenticationResults,
    MethodResult,
    Property,
    forged,
    parse,
    render,
    render_value,
    without,
)
from tests.support.growth import LINEAR, growth

US = "mx.example.org"
WORDS = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True).filter(
    lambda word: word not in {"none", "reason"}
)
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
PROPERTIES = st.builds(Property, WORDS, WORDS, TEXTS)
RESULTS = st.builds(
    MethodResult, WORDS, WORDS, TEXTS, st.lists(PROPERTIES, max_size=4).map(tuple), TEXTS
)
FIELDS = st.builds(
    AuthenticationResults,
    st.from_regex(r"[a-z][a-z0-9.-]{0,30}", fullmatch=True),
    st.lists(RESULTS, max_size=4).map(tuple),
)


@settings(max_examples=40)
@given(FIELDS)
def test_what_is_written_reads_the_same_but_for_its_comments(field: AuthenticationResults) -> None:
    plain = tuple(msgspec.structs.replace(one, comment="") for one in field.results)
    assert parse(render_value(field)) == AuthenticationResults(field.authserv_id, plain)


@settings(max_examples=30)
@given(FIELDS)
def test_a_field_is_ascii_and_folded(field: AuthenticationResults) -> None:
    text = render(field)
    assert text.isascii()
    assert text.startswith(b"Authentication-Results: ")
    lines = text.split(b"\r\n")
    assert lines.pop() == b""
    assert all(line.startswith(b"\t") for line in lines[1:])
    assert b"\n" not in text.replace(b"\r\n", b"")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_syntax_fault(raw: bytes) -> None:
    try:
        found = parse(raw)
    except SyntaxFault:
        return
    assert found.authserv_id or raw.startswith(b'"') or b'""' in raw


def test_a_field_as_it_is_written() -> None:
    field = AuthenticationResults(
        US,
        (
            MethodResult("spf", "pass", "", (Property("smtp", "mailfrom", "ani@example.com"),)),
            MethodResult(
                "dkim", "fail", 'it says "no"', (Property("header", "d", "example.com"),), "2 (b)"
            ),
        ),
    )
    assert render(field) == (
        b"Authentication-Results: mx.example.org;\r\n"
        b"\tspf=pass smtp.mailfrom=ani@example.com;\r\n"
        b'\tdkim=fail (2 [b]) reason="it says \\"no\\"" header.d=example.com\r\n'
    )
    assert render(AuthenticationResults(US)) == b"Authentication-Results: mx.example.org; none\r\n"


def test_values_of_others_cannot_break_out_of_their_place() -> None:
    evil = (
        'x; dmarc=pass header.from=victim.example"\r\nFrom: ceo@victim.example\x00 (=?utf-8?q?a?='
    )
    field = AuthenticationResults(
        US, (MethodResult("spf", "fail", evil, (Property("smtp", "helo", evil),), evil),)
    )
    text = render(field)
    assert b"\r\nFrom" not in text
    assert b"\x00" not in text
    found = parse(text.partition(b":")[2])
    assert [one.method for one in found.results] == ["spf"]


# The examples of RFC 8601 appendix B.
ODD: Final = (
    b"foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for"
    b" it) fail\r\n policy (A dot can go here) . (like that) expired\r\n (this surprised me) ="
    b" (as I wasn't expecting it) 1362471462"
)
QUOTED: Final = b'example.com; spf=fail smtp.mailfrom="a b"@example.net'
EXAMPLES: Final[list[tuple[bytes, list[str]]]] = [
    (b"example.org 1; none", []),
    (b"example.com;\r\n  spf=pass smtp.mailfrom=example.net", ["spf=pass"]),
    (b"x.example; auth=pass (cram-md5) smtp.auth=s@x.example; spf=pass", ["auth=pass", "spf=pass"]),
    (b'x.example; dkim=pass reason="good"\r\n header.i=@x; dkim=no', ["dkim=pass", "dkim=no"]),
    (ODD, ["dkim=fail"]),
    (b"example.com; iprev=pass policy.iprev=2001:db8::1;", ["iprev=pass"]),
    (QUOTED, ["spf=fail"]),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "wanted"), EXAMPLES)
def test_the_examples_of_the_rfc(raw: bytes, wanted: list[str]) -> None:
    assert [f"{one.method}={one.result}" for one in parse(raw).results] == wanted


def test_values_lose_their_quotes_and_comments() -> None:
    found = parse(ODD)
    assert found.authserv_id == "foo.example.net"
    assert found.results[0].properties == (Property("policy", "expired", "1362471462"),)
    assert parse(QUOTED).results[0].properties[0].value == "a b@example.net"


@pytest.mark.parametrize(
    "raw",
    [b"", b";", b"a; x", b"a; x=", b"a 2; x=y", b'a; x=y "', b"a; x=y z", b"a b; x=y",
     b"a; x=y h.d=;", b"a;" + b"x=y;" * (module.MAX_RESULTS + 2), b"a;" + b" " * module.MAX_VALUE],
)  # fmt: skip
def test_what_is_wrong_is_refused(raw: bytes) -> None:
    with pytest.raises(SyntaxFault):
        parse(raw)


def clean(header: bytes, *more: str) -> bytes:
    message = header + b"\r\n\r\nbody"
    return b"".join(without(message, forged(message, [US, *more])))


FORGED = [
    b"Authentication-Results: mx.example.org; dmarc=pass header.from=x",
    b"authentication-results:MX.EXAMPLE.ORG;none",
    b"AUTHENTICATION-RESULTS : mx.example.org; none",
    b"Authentication-Results\r\n : mx.example.org; none",
    b"Authentication-Results:\r\n\tmx.example.org;\r\n\tspf=pass",
    b"Authentication-Results: (hello\r\n there) mx.example.org (x) 1; none",
    b'Authentication-Results: "mx.example.org"; none',
    b'Authentication-Results: "mx.ex\\ample.org"; none',
    b"Authentication-Results: mx.example.org.; none",
    b"Authentication-Results: mx.example.org/1; none",
    b"Authentication-Results: mx.example.org 1; none",
    b"Authentication-Results: mx.example.org",
    b"Authentication-Results: mx.example.org=x",
    b"Authentication-Results: =?utf-8?q?mx=2Eexample=2Eorg?=; none",
    b"Authentication-Results: =?us-ascii?b?bXguZXhhbXBsZS5vcmc=?=; none",
    b"Authentication-Results: (unclosed mx.example.org; none",
    b'Authentication-Results: "unclosed mx.example.org; none',
    b"Authentication-Results:",
    b"Authentication-Results: ; dmarc=pass",
    b"\xef\xbb\xbfAuthentication-Results: mx.example.org; none",
    b"\x01Authentication-Results: mx.example.org; none",
    b"Authentication-Results\x00: mx.example.org; none",
]


@pytest.mark.parametrize("line", FORGED)
def test_a_forged_field_is_taken_away(line: bytes) -> None:
    assert clean(line + b"\r\nSubject: x") == b"Subject: x\r\n\r\nbody"
    assert clean(b"Subject: x\r\n" + line) == b"Subject: x\r\n\r\nbody"
    twice = line + b"\r\nA: b\r\n" + line + b"\r\n" + line + b"\r\nSubject: x"
    assert clean(twice) == b"A: b\r\nSubject: x\r\n\r\nbody"


@pytest.mark.parametrize(
    "line",
    [
        b"Authentication-Results: mx.example.net; spf=pass",
        b"Authentication-Results: notmx.example.org; spf=pass",
        b"Authentication-Results: mx.example.org.evil.example; spf=pass",
        b"ARC-Authentication-Results: i=1; mx.example.org; spf=pass",
        b"X-Authentication-Results: mx.example.org; spf=pass",
        b"Subject: Authentication-Results: mx.example.org; spf=pass",
        b"Subject: x\r\n Authentication-Results: mx.example.org; spf=pass",
    ],
)
def test_what_others_say_stays(line: bytes) -> None:
    message = line + b"\r\nSubject: x\r\n\r\nAuthentication-Results: mx.example.org; none\r\n"
    assert forged(message, [US]) == ()


def test_internationalised_names_are_compared_as_a_labels() -> None:
    line = "Authentication-Results: mx.Bücher.example; none".encode()
    assert clean(line + b"\r\nA: b", "mx.xn--bcher-kva.example") == b"A: b\r\n\r\nbody"


def test_a_message_of_nothing_but_a_forged_field() -> None:
    message = b"Authentication-Results: mx.example.org; none"
    assert b"".join(without(message, forged(message, [US]))) == b""


def test_a_header_of_a_megabyte_is_searched_to_its_end() -> None:
    message = b"X: y\r\n" * 200_000 + FORGED[0] + b"\r\n\r\n"
    assert len(forged(message, [US])) == 1


def test_another_parser_reads_the_same() -> None:
    authres: Any = pytest.importorskip("authres")
    field = AuthenticationResults(
        US,
        (
            MethodResult("spf", "fail", "no (really)", (Property("smtp", "mailfrom", "a@b.c"),)),
            MethodResult("dkim", "pass", "", (Property("header", "d", "b.c"),), "2048 bits"),
            MethodResult("dmarc", "pass", "", (Property("header", "from", "b.c"),)),
        ),
    )
    theirs = authres.AuthenticationResultsHeader.parse(render(field).decode())
    assert theirs.authserv_id == US
    assert [(one.method, one.result) for one in theirs.results] == [
        ("spf", "fail"), ("dkim", "pass"), ("dmarc", "pass"),
    ]  # fmt: skip
    assert theirs.results[0].reason == "no (really)"
    assert theirs.results[1].properties[0].value == "b.c"
    ours = parse(str(theirs).partition(":")[2].encode())
    assert [one.properties for one in ours.results] == [one.properties for one in field.results]


def _read(raw: bytes) -> None:
    with contextlib.suppress(SyntaxFault):
        parse(raw)
    forged(b"Authentication-Results:" + raw, [US])


@pytest.mark.parametrize(
    "unit", [b"(", b'"', b'"\\', b"a;", b"h.d=e ", b'(")', b" ", b"\r\n ", b"a; x=y reason "]
)
def test_time_grows_with_the_length(unit: bytes) -> None:
    assert growth(_read, unit, 20_000, b"a; x=y ") <= LINEAR
