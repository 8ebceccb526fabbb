from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire import mta_sts
from merpati.wire.mta_sts import Mode, Policy

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
HOST = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
PATTERNS = st.lists(
    st.builds(lambda wild, host: "*." * wild + host, st.booleans(), HOST),
    min_size=1, max_size=5, unique=True,
)  # fmt: skip
POLICIES = st.builds(
    Policy, st.sampled_from(Mode), st.integers(0, mta_sts.MAX_AGE), PATTERNS.map(tuple)
)
TEXT = "version: STSv1\r\nmode: enforce\r\nmx: mx.example.org\r\nmax_age: 86400\r\n"


@given(st.binary(max_size=300))
def test_any_bytes_are_an_id_or_a_syntax_fault(data: bytes) -> None:
    for record in (data, b"v=STSv1; " + data):
        try:
            found = mta_sts.parse_record(record)
        except SyntaxFault:
            continue
        assert mta_sts.parse_record(mta_sts.encode_record(found)) == found


@given(st.binary(max_size=300))
def test_any_bytes_are_a_policy_or_a_syntax_fault(data: bytes) -> None:
    for text in (data, TEXT.encode() + data):
        try:
            policy = mta_sts.parse_policy(text)
        except SyntaxFault:
            continue
        assert mta_sts.parse_policy(mta_sts.encode_policy(policy)) == policy


@given(POLICIES)
def test_a_policy_that_is_written_is_read_the_same(policy: Policy) -> None:
    assert mta_sts.parse_policy(mta_sts.encode_policy(policy)) == policy


@pytest.mark.parametrize(
    "record",
    [
        "v=STSv1; id=20160831085700Z;",
        "v=STSv1;id=20160831085700Z",
        "v=STSv1 ; \t id=20160831085700Z \t;",
        "v=STSv1; a=b; id=20160831085700Z; a.b-c_d=~!",
        "v=STSv1; id=20160831085700Z; id=other",
    ],
)
def test_a_record_gives_its_id(record: str) -> None:
    assert mta_sts.parse_record(record.encode()) == "20160831085700Z"


@pytest.mark.parametrize(
    "record",
    [
        "", "v=STSv1", "v=STSv1;", "v=STSv2; id=1;", "V=STSv1; id=1", "v=STSv1; id=;",
        "v=STSv1; id=a-b;", f"v=STSv1; id={'1' * 33}", "v=STSv1; id=1;;", "v=STSv1; id =1",
        "v=STSv1; id=1; nothing", "v=STSv1; id=é", f"v=STSv1; id=1; a={'b' * 5000}",
    ],
)  # fmt: skip
def test_a_record_off_its_grammar_is_refused(record: str) -> None:
    with pytest.raises(SyntaxFault):
        mta_sts.parse_record(record.encode())


def test_other_texts_beside_the_record_do_not_matter_and_two_records_are_none() -> None:
    record = b"v=STSv1; id=1;"
    assert mta_sts.read_record([b"v=spf1 -all", record, b"v=STSv10; id=2;"]) == "1"
    assert mta_sts.read_record([record, b"v=STSv1; id=2;"]) == ""
    assert mta_sts.read_record([]) == ""


def test_line_ends_order_and_unknown_fields_do_not_matter() -> None:
    text = "max_age : 10\nnew: whatever 1:2\nmx:A.example.org\nmode:\tenforce  \nversion: STSv1\n\n"
    assert mta_sts.parse_policy(text.encode()) == Policy(Mode.ENFORCE, 10, ("a.example.org",))


def test_of_a_field_that_stands_twice_the_first_counts_but_every_mx() -> None:
    text = TEXT + "mode: none\r\nmx: other.example.org\r\nmax_age: 1\r\n"
    policy = mta_sts.parse_policy(text.encode())
    assert policy == Policy(Mode.ENFORCE, 86400, ("mx.example.org", "other.example.org"))


def test_an_age_beyond_a_year_is_cut() -> None:
    text = TEXT.replace("86400", "9999999999")
    assert mta_sts.parse_policy(text.encode()).max_age == mta_sts.MAX_AGE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version: STSv1", "version: STSv2"), ("version: STSv1\r\n", ""), ("enforce", "Enforce"),
        ("mode: enforce\r\n", ""), ("mx: mx.example.org\r\n", ""), ("86400", "-1"), ("86400", "1d"),
        ("86400", "12345678901"), ("mx.example.org", "*.*.example.org"), ("mx.example.org", "*"),
        ("mx.example.org", "a.*.org"), ("mx.example.org", "mx_1.example.org"),
        ("mx.example.org", "mx.example.org, other.org"), ("mx.example.org", "bücher.example"),
        ("mx: ", "mx "), ("mode: enforce", "mode: enforce\r\n<html>"),
    ],
)  # fmt: skip
def test_a_policy_off_its_grammar_is_refused(old: str, new: str) -> None:
    with pytest.raises(SyntaxFault):
        mta_sts.parse_policy(TEXT.replace(old, new).encode())


def test_a_policy_is_bounded() -> None:
    with pytest.raises(SyntaxFault):
        mta_sts.parse_policy(TEXT.encode() + b"a: " + b"b" * mta_sts.MAX_POLICY)
    with pytest.raises(SyntaxFault):
        mta_sts.parse_policy(
            TEXT.encode() + b"".join(b"mx: a%d.org\n" % n for n in range(mta_sts.MAX_HOSTS))
        )


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("mx.example.org", True), ("MX.Example.ORG.", True), ("a.wild.example", True),
        ("wild.example", False), ("a.b.wild.example", False), ("xwild.example", False),
        ("example.org", False), ("mx.example.org.evil.test", False), ("", False),
    ],
)  # fmt: skip
def test_a_wildcard_stands_for_one_label(host: str, allowed: bool) -> None:
    policy = Policy(Mode.ENFORCE, 1, ("mx.example.org", "*.wild.example"))
    assert policy.allows(host) is allowed
