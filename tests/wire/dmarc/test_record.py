from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.dmarc import record
from merpati.wire.dmarc.record import Policy, Psd, Record

POLICIES = st.sampled_from(list(Policy))
URIS = st.lists(
    st.from_regex(r"mailto:[a-z0-9.%]{1,10}@[a-z]{1,8}\.example", fullmatch=True), max_size=3
).map(tuple)
RECORDS = st.builds(
    Record,
    p=POLICIES,
    sp=st.none() | POLICIES,
    np=st.none() | POLICIES,
    strict_dkim=st.booleans(),
    strict_spf=st.booleans(),
    testing=st.booleans(),
    psd=st.sampled_from(list(Psd)),
    fo=st.sampled_from(["0", "1", "1:d:s", "d"]),
    rua=URIS,
    ruf=URIS,
)


@given(RECORDS)
def test_what_is_published_reads_the_same(one: Record) -> None:
    assert record.parse(record.encode(one).encode()) == one


@given(st.binary(max_size=200) | st.binary(max_size=80).map(lambda tail: b"v=DMARC1;" + tail))
def test_any_bytes_are_a_record_or_a_syntax_fault(raw: bytes) -> None:
    try:
        found = record.parse(raw)
    except SyntaxFault:
        assert not record.is_record(raw)
        return
    assert record.is_record(raw)
    kept = record.parse(record.encode(found).encode())
    assert (kept.p, kept.sp, kept.np, kept.rua, kept.psd) == (
        found.p, found.sp, found.np, found.rua, found.psd,
    )  # fmt: skip


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"p=reject; v=DMARC1",
        b"v=dmarc1; p=reject",
        b"v=DMARC1 p=reject",
        b"v=DMARC12; p=reject",
        b" v=DMARC1; p=reject",
        b"v=spf1 -all",
        b"V=DMARC1; p=reject",
        b"v=DMARC1; " + b"x" * record.MAX_RECORD,
    ],
)
def test_what_does_not_begin_with_the_version_is_no_record(raw: bytes) -> None:
    with pytest.raises(SyntaxFault):
        record.parse(raw)


def test_every_tag_is_read() -> None:
    found = record.parse(
        b"v = DMARC1 ; p = Reject;sp=quarantine; np=none; adkim=s; aspf=S; t=y; psd=n; fo=1:d;"
        b" rua=mailto:a@b.example!10m , https://x.example/%2C; ruf=mailto:c@d.example; unknown=1;"
    )
    assert found == Record(
        p=Policy.REJECT, sp=Policy.QUARANTINE, np=Policy.NONE, strict_dkim=True, strict_spf=True,
        testing=True, psd=Psd.NO, fo="1:d", rua=("mailto:a@b.example", "https://x.example/%2C"),
        ruf=("mailto:c@d.example",),
    )  # fmt: skip


def test_tags_that_rfc_9989_removed_are_passed_over() -> None:
    assert record.parse(b"v=DMARC1; p=reject; pct=0; rf=afrf; ri=1") == Record(p=Policy.REJECT)


def test_a_wrong_value_counts_as_absent_and_is_told() -> None:
    found = record.parse(b"v=DMARC1; p=none; adkim=x; fo=9; psd=q; t=maybe; rua=nonsense; =;")
    assert (found.strict_dkim, found.fo, found.psd, found.testing) == (
        False, "0", Psd.UNKNOWN, False,
    )  # fmt: skip
    assert found.rua == ()
    assert len(found.problems) == 6


@pytest.mark.parametrize("tags", [b"", b"; sp=reject", b"; p=bounce", b"; p=reject; sp=no"])
def test_without_a_valid_policy_it_counts_as_none_for_who_wants_reports(tags: bytes) -> None:
    alone = record.parse(b"v=DMARC1" + tags)
    assert not alone.usable
    wanted = record.parse(b"v=DMARC1" + tags + b"; rua=mailto:a@b.example")
    assert wanted.usable
    assert (wanted.p, wanted.sp) == (Policy.NONE, None)


def test_of_a_repeated_tag_the_first_counts() -> None:
    found = record.parse(b"v=DMARC1; p=reject; P=none")
    assert found.p is Policy.REJECT
    assert found.problems == ("the tag P stands there twice",)


def test_subdomains_take_sp_and_those_that_do_not_exist_np() -> None:
    both = record.parse(b"v=DMARC1; p=none; sp=quarantine; np=reject")
    assert both.for_subdomains(exists=True) is Policy.QUARANTINE
    assert both.for_subdomains(exists=False) is Policy.REJECT
    only_sp = record.parse(b"v=DMARC1; p=none; sp=quarantine")
    assert only_sp.for_subdomains(exists=False) is Policy.QUARANTINE
    only_np = record.parse(b"v=DMARC1; p=none; np=reject")
    assert only_np.for_subdomains(exists=True) is Policy.NONE


def test_exclamation_marks_in_a_uri_must_be_encoded() -> None:
    found = record.parse(b"v=DMARC1; p=none; rua=mailto:a!5!10@b.example")
    assert found.rua == ()
    assert len(found.problems) == 1


def test_two_thousand_tags_are_read_to_their_end() -> None:
    raw = b"v=DMARC1;" + b"a=b;" * 2_000
    assert len(record.parse(raw).problems) == 2_000
