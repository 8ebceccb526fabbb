from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.spf import record
from merpati.wire.spf.record import Directive, Record, is_record, parse

labels = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
macros = st.from_regex(
    r"%\{[slodiphvSLODIPHV](0?[1-9][0-9]{0,2})?r?[-.+,/_=]{0,3}\}", fullmatch=True
) | st.sampled_from(["%%", "%_", "%-"])
specs = st.builds(
    lambda parts, end: ".".join([*parts, end]),
    st.lists(labels | macros, min_size=1, max_size=4),
    labels,
) | st.from_regex(r"[a-z]{1,3}\.%\{d2\}", fullmatch=True)
qualifiers = st.sampled_from("+-~?")
hosts = st.builds(
    Directive,
    qualifiers,
    st.sampled_from(["a", "mx"]),
    st.just("") | specs,
    prefix4=st.integers(0, 32),
    prefix6=st.integers(0, 128),
)
directives = st.one_of(
    st.builds(Directive, qualifiers, st.sampled_from(["all", "ptr"])),
    st.builds(Directive, qualifiers, st.sampled_from(["include", "exists", "ptr"]), specs),
    st.builds(
        Directive,
        qualifiers,
        st.just("ip4"),
        address=st.integers(0, 2**32 - 1),
        prefix4=st.integers(0, 32),
    ),
    st.builds(
        Directive,
        qualifiers,
        st.just("ip6"),
        address=st.integers(0, 2**128 - 1),
        prefix6=st.integers(0, 128),
    ),
    hosts,
)
others = st.tuples(
    st.from_regex(r"[a-z][a-z0-9_.-]{0,5}", fullmatch=True).filter(
        lambda name: name not in {"exp", "redirect"}
    ),
    st.just("") | specs,
)
records = st.builds(
    Record,
    st.lists(directives, max_size=8).map(tuple),
    st.just("") | specs,
    st.just("") | specs,
    st.lists(others, max_size=2).map(tuple),
)
# Bytes that are nearly a record, so that the laws reach deep.
pieces = st.sampled_from(
    b"a,mx,ip4:192.0.2.1,/24,//64,:,%{d},%,=,all,-, ,ip6:2001:db8::,exp=,redirect=,include:"
    b",example.org,.,\xff,\t".split(b",")
)
nearly = st.lists(pieces, max_size=12).map(lambda parts: b"v=spf1 " + b"".join(parts))


@given(st.binary(max_size=200) | nearly)
def test_any_bytes_are_a_record_that_reads_back_or_a_syntax_fault(text: bytes) -> None:
    try:
        found = parse(text)
    except SyntaxFault:
        return
    assert parse(str(found).encode()) == found


@given(records)
def test_what_is_written_is_read_back(found: Record) -> None:
    assert parse(str(found).encode()) == found


def test_a_record_is_told_from_other_texts() -> None:
    assert is_record(b"v=spf1")
    assert is_record(b"V=SPF1 -all")
    assert not is_record(b"v=spf10 -all")
    assert not is_record(b"v=spf1\t-all")
    assert not is_record(b" v=spf1 -all")


def test_terms_keep_their_order_and_modifiers_are_found_anywhere() -> None:
    found = parse(b"v=spf1 exp=why.example.org  ip4:192.0.2.0/24 -A:host.example.org//64 ~all x=y")
    assert found == Record(
        (
            Directive("+", "ip4", "", 0xC0000200, 24),
            Directive("-", "a", "host.example.org", 0, 32, 64),
            Directive("~", "all"),
        ),
        "",
        "why.example.org",
        (("x", "y"),),
    )


@pytest.mark.parametrize(
    ("term", "words"),
    [
        ("ipv4:192.0.2.1", "the mechanism is unknown; ip4 is meant"),
        ("redirect:example.org", "redirect= (with =) is meant"),
        ("a:192.0.2.1", "an address is written ip4:192.0.2.1"),
        ("a:host", "it has no dot"),
        ("ip4:192.0.2.1/33", "longer than the 32 bits"),
        ("ip4:192.0.2.01", "is no IPv4 address"),
        ("ip4:2001:db8::1", 'an IPv6 address is written "ip6:2001:db8::1"'),
        ("ip6:fe80::1%eth0", "is no IPv6 address"),
        ("ip4:192.0.2.1/", "is no prefix length"),
        ("ip4:192.0.2.1/٣", "not ASCII"),
        ("mx/024", "neither a domain nor a prefix length"),
        ("all:x", 'nothing may follow "all"'),
        ("include:%{r}.org", "only allowed in explanations"),
        ("include:%{d0}.org", "keeps no label"),
        ("include:%{d1234567890}.org", "is no macro"),
        ("include:%(d}.org", "a lone % is written %%"),
        ("include", "a domain must follow"),
        ("+-all", "neither a mechanism nor a modifier"),
        ("exp=a.org exp=b.org", "exp= is there twice"),
        ("include:example." + "a" * 64, "cannot be its end"),
        ("include:example.a-", "cannot be its end"),
    ],
)
def test_a_broken_term_is_named_with_what_was_meant(term: str, words: str) -> None:
    with pytest.raises(SyntaxFault) as caught:
        parse(f"v=spf1 {term} -all".encode())
    assert words in caught.value.text


def test_an_overlong_record_is_refused() -> None:
    with pytest.raises(SyntaxFault, match="longer than"):
        parse(b"v=spf1 " + b"a " * record.RECORD_LIMIT)


def test_a_brace_at_the_end_is_no_macro() -> None:
    with pytest.raises(SyntaxFault, match="cannot be its end"):
        parse(b"v=spf1 include:%{d}.x} -all")
    assert parse(b"v=spf1 include:x.%{d} -all").directives[0].domain == "x.%{d}"
