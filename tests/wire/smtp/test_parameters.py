from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.smtp import parameters
from merpati.wire.smtp.parameters import (
    Body,
    DeliverBy,
    MailParameters,
    RcptParameters,
    encode_mail,
    encode_rcpt,
    parse_mail,
    parse_rcpt,
)

MAIL: list[tuple[str, MailParameters]] = [
    (" SIZE=5 BODY=BINARYMIME SMTPUTF8", MailParameters(5, Body.BINARY_MIME, smtputf8=True)),
    (" RET=FULL ENVID=QQ+2B314", MailParameters(ret="FULL", envid="QQ+314")),
    (" BY=120;R", MailParameters(by=DeliverBy(120, "R"))),
    (" BY=-7;NT", MailParameters(by=DeliverBy(-7, "N", trace=True))),
    (" HOLDFOR=86400", MailParameters(hold_for=86400)),
    (" HOLDUNTIL=2030-01-31T08:00:00Z", MailParameters(hold_until=1896076800)),
    (" MT-PRIORITY=-9", MailParameters(priority=-9)),
    (" MT-PRIORITY=0", MailParameters(priority=0)),
    (" REQUIRETLS", MailParameters(require_tls=True)),
    (" XNEW=1", MailParameters(others=(("XNEW", "1"),))),
]
RCPT: list[tuple[str, RcptParameters]] = [
    (" NOTIFY=NEVER", RcptParameters(notify="NEVER")),
    (" NOTIFY=SUCCESS,FAILURE,DELAY", RcptParameters(notify="SUCCESS,FAILURE,DELAY")),
    (" ORCPT=rfc822;a+2Bb@c.example", RcptParameters(orcpt="rfc822;a+b@c.example")),
    (" ORCPT=utf-8;é@c.example", RcptParameters(orcpt="utf-8;é@c.example")),
]


@pytest.mark.parametrize(("text", "value"), MAIL)
def test_parameters_of_mail_are_read_and_written(text: str, value: MailParameters) -> None:
    assert parse_mail(text) == value
    assert encode_mail(value) == text


@pytest.mark.parametrize(("text", "value"), RCPT)
def test_parameters_of_rcpt_are_read_and_written(text: str, value: RcptParameters) -> None:
    assert parse_rcpt(text) == value
    assert encode_rcpt(value) == text


def test_an_embedded_unicode_character_is_the_character() -> None:
    assert parse_rcpt(r"ORCPT=utf-8;a\x{E9}@c").orcpt == "utf-8;aé@c"


def test_a_moment_with_an_offset_is_the_same_moment() -> None:
    there = parse_mail("HOLDUNTIL=2030-01-31T15:00:00+07:00")
    assert there == parse_mail("HOLDUNTIL=2030-01-31T08:00:00.5Z")


@pytest.mark.parametrize(
    "text",
    [
        "RET=ALL", "RET", "ENVID=", "ENVID=" + "x" * 101, "ENVID=a+0Ab", "ENVID=+zz", "BY=1",
        "BY=0;R", "BY=-1;R", "BY=1;X", "BY=9999999999;N", "HOLDFOR=0", "HOLDFOR=1234567890",
        "HOLDUNTIL=tomorrow", "HOLDUNTIL=2030-02-31T08:00:00Z", "HOLDUNTIL=1960-01-01T00:00:00Z",
        "HOLDUNTIL=0001-01-01T00:00:00+23:59", "HOLDFOR=1 HOLDUNTIL=2030-01-31T08:00:00Z",
        "MT-PRIORITY=10", "MT-PRIORITY=+1", "MT-PRIORITY=", "REQUIRETLS=yes", "RET=FULL RET=FULL",
        "XNEW XNEW",
    ],
)  # fmt: skip
def test_what_is_wrong_in_mail_is_a_syntax_fault(text: str) -> None:
    with pytest.raises(SyntaxFault):
        parse_mail(text)


@pytest.mark.parametrize(
    "text",
    [
        "NOTIFY=", "NOTIFY=NEVER,SUCCESS", "NOTIFY=SUCCESS,SUCCESS", "NOTIFY=SOON",
        "ORCPT=rfc822", "ORCPT=;a@b", "ORCPT=rfc822;", "ORCPT=rfc822;+0D+0A",
        "ORCPT=utf-8;" + "\\" * 100, r"ORCPT=utf-8;\x{0A}", r"ORCPT=utf-8;\x{FFFFFF}",
        "ORCPT=rfc822;" + "x" * 500,
    ],
)  # fmt: skip
def test_what_is_wrong_in_rcpt_is_a_syntax_fault(text: str) -> None:
    with pytest.raises(SyntaxFault):
        parse_rcpt(text)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(parameters.to_xtext))
def test_xtext_is_its_own_inverse(text: str) -> None:
    try:
        plain = parameters.parse_xtext(text, "it")
    except SyntaxFault:
        return
    assert parameters.to_xtext(plain) == text


def test_every_known_parameter_has_a_field_of_its_own() -> None:
    assert set(parameters.MAIL_FIELDS.values()) <= set(MailParameters.__struct_fields__)
    assert set(parameters.RCPT_FIELDS.values()) <= set(RcptParameters.__struct_fields__)
