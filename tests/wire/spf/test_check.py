"""What the OpenSPF suite leaves open: reasons in words, internationalised names, hostile zones."""

from __future__ import annotations

import pytest

from merpati.base.faults import SyntaxFault
from merpati.wire.spf.check import MAX_EXPLANATION, check_host, check_sender
from merpati.wire.spf.verdict import SpfResult, SpfVerdict
from tests.support.zone import Zone

US = "192.0.2.7"
HELO = "mail.example.net"


def check(zone: Zone, ip: str = US, sender: str = "ani@example.org") -> SpfResult:
    return zone.answer(check_sender(ip, sender, HELO))


def policy(text: str, **more: str) -> Zone:
    return Zone({"example.org": {"TXT": text, **more}})


def test_a_pass_names_the_term_that_fits() -> None:
    result = check(policy("v=spf1 mx ip4:192.0.2.0/24 -all", MX="10 mx.example.org"))
    assert result.verdict is SpfVerdict.PASS
    assert (result.term, result.lookups) == ("ip4:192.0.2.0/24", 1)
    assert result.reason == ('the SPF record of example.org allows 192.0.2.7 by "ip4:192.0.2.0/24"')


def test_a_pass_through_includes_names_the_way() -> None:
    zone = policy("v=spf1 include:a.example -all")
    zone.set("a.example", "TXT", "v=spf1 include:b.example ?all")
    zone.set("b.example", "TXT", "v=spf1 ip4:192.0.2.7 -all")
    assert check(zone).reason == (
        'the SPF record of example.org allows 192.0.2.7 by "include:a.example", through'
        ' "include:b.example" of a.example, through "ip4:192.0.2.7" of b.example'
    )


def test_a_failure_tells_who_would_be_allowed() -> None:
    zone = policy("v=spf1 mx a ip4:198.51.100.1 -all")
    zone.set("example.org", "A", "198.51.100.3")
    zone.set("example.org", "MX", "10 example.org")
    assert check(zone).reason == (
        "the SPF record of example.org lists mx, a and ip4:198.51.100.1; 192.0.2.7 is not among"
        " them, and it forbids all other hosts (-all)"
    )


def test_a_long_list_of_hosts_is_cut() -> None:
    addresses = " ".join(f"ip4:198.51.100.{n}" for n in range(1, 21))
    reason = check(policy(f"v=spf1 {addresses} ~all")).reason
    assert "ip4:198.51.100.6 and 14 more; 192.0.2.7 is not" in reason
    assert reason.endswith("it doubts all other hosts (~all)")


def test_a_domain_that_sends_nothing_says_so() -> None:
    assert check(policy("v=spf1 -all")).reason == (
        "the SPF record of example.org lists no host: no host may send for it"
    )


def test_a_domain_without_record_is_named() -> None:
    result = check(Zone({}))
    assert result.verdict is SpfVerdict.NONE
    assert result.reason == "example.org publishes no SPF record"


def test_an_internationalised_domain_is_asked_for_by_its_a_labels() -> None:
    zone = Zone({"xn--pota-h6a.example": {"TXT": "v=spf1 include:%{o}.x.example -all"}})
    zone.set("xn--pota-h6a.example.x.example", "TXT", "v=spf1 +all")
    assert check(zone, sender="ani@pošta.example").verdict is SpfVerdict.PASS
    broken = zone.answer(check_host(US, "-\u2028-.example", "", HELO))
    assert broken.verdict is SpfVerdict.NONE


def test_a_local_part_that_no_name_can_hold_fits_nothing() -> None:
    zone = policy("v=spf1 exists:%{l}.users.example.org -all")
    zone.set("pošta.users.example.org".encode("idna").decode(), "A", "127.0.0.1")
    assert check(zone, sender="pošta@example.org").verdict is SpfVerdict.FAIL
    assert len(zone.questions) == 1  # the record alone


def test_ipv6_questions_at_names_with_ipv4_only_are_no_empty_answers() -> None:
    zone = policy("v=spf1 a a:a.example.org a:b.example.org ip6:2001:db8::/32 -all")
    for name in ("example.org", "a.example.org", "b.example.org"):
        zone.set(name, "A", "192.0.2.1")
    assert check(zone, "2001:db8::7").verdict is SpfVerdict.PASS
    assert check(zone, "::ffff:192.0.2.1").verdict is SpfVerdict.PASS


def test_three_names_that_do_not_exist_end_the_evaluation() -> None:
    zone = policy("v=spf1 a:a.example a:b.example exists:c.example ip4:192.0.2.7 -all")
    result = check(zone)
    assert result.verdict is SpfVerdict.PERMERROR
    assert result.reason.endswith("of which the DNS has nothing: a.example, b.example, c.example")
    assert check(policy("v=spf1 a:a.example mx ip4:192.0.2.7 -all")).verdict is SpfVerdict.PASS


def test_an_address_without_names_is_one_of_the_empty_answers() -> None:
    assert check(policy("v=spf1 ptr ptr:a.example mx +all")).verdict is SpfVerdict.PASS
    zone = policy("v=spf1 ptr mx a:a.example +all")
    assert check(zone).verdict is SpfVerdict.PERMERROR


def test_names_that_only_the_explanation_asks_for_do_not_change_the_verdict() -> None:
    zone = policy("v=spf1 a:a.example mx -all exp=why.example.org")
    zone.set("why.example.org", "TXT", "%{p} may not send")
    result = check(zone)
    assert (result.verdict, result.explanation) == (SpfVerdict.FAIL, "unknown may not send")


def test_exchangers_without_address_count_as_empty_answers() -> None:
    zone = policy("v=spf1 mx +all")
    zone.set("example.org", "MX", *(f"1 gone{n}.example" for n in range(3)))
    assert check(zone).verdict is SpfVerdict.PERMERROR


def test_a_failing_name_is_a_temporary_error_even_inside_an_include() -> None:
    zone = policy("v=spf1 include:a.example -all")
    zone.set("a.example", "TXT", "v=spf1 a:b.example -all")
    zone.failing.add("b.example")
    result = check(zone)
    assert result.verdict is SpfVerdict.TEMPERROR
    assert "b.example" in result.reason


def test_names_of_the_address_that_fail_do_not_fit_and_do_not_fail() -> None:
    zone = policy("v=spf1 ptr ~all")
    zone.failing.add("7.2.0.192.in-addr.arpa")
    assert check(zone).verdict is SpfVerdict.SOFTFAIL


def test_the_names_of_the_address_are_asked_for_once() -> None:
    zone = policy("v=spf1 ptr exists:%{p}.a.example ptr:b.example ~all")
    zone.set("7.2.0.192.in-addr.arpa", "PTR", "host.example.net")
    zone.set("host.example.net", "A", "192.0.2.7")
    assert check(zone).verdict is SpfVerdict.SOFTFAIL
    assert sum(one.type == "PTR" for one in zone.questions) == 1
    assert "host.example.net.a.example" in {one.name for one in zone.questions}


def test_an_explanation_is_cut_and_never_holds_control_characters() -> None:
    zone = policy("v=spf1 -all exp=why.example.org")
    zone.set("why.example.org", "TXT", "%{s} " * 200)
    assert len(check(zone).explanation) == MAX_EXPLANATION
    zone.set("why.example.org", "TXT", b"no\r\n250 yes")
    assert check(zone).explanation == ""
    zone.set("why.example.org", "TXT", "not for %{l}")
    assert check(zone, sender='"a\r\nb"@example.org').explanation == ""
    assert check(zone, sender="budi@example.org").explanation == "not for budi"


def test_the_explanation_knows_receiver_and_time() -> None:
    zone = policy("v=spf1 -all exp=why.example.org")
    zone.set("why.example.org", "TXT", "%{r} refused %{c} at %{t} %{h}")
    asking = check_host(US, "example.org", "a@example.org", HELO, receiver="mx.here", now=12)
    assert zone.answer(asking).explanation == "mx.here refused 192.0.2.7 at 12 mail.example.net"


def test_the_null_sender_stands_for_the_name_in_ehlo() -> None:
    zone = Zone({HELO: {"TXT": "v=spf1 exists:%{l}.%{o}.x.example -all"}})
    zone.set(f"postmaster.{HELO}.x.example", "A", "127.0.0.1")
    assert check(zone, sender="").verdict is SpfVerdict.PASS


def test_a_ring_of_redirects_ends() -> None:
    zone = policy("v=spf1 redirect=b.example")
    zone.set("b.example", "TXT", "v=spf1 redirect=example.org")
    result = check(zone)
    assert result.verdict is SpfVerdict.PERMERROR
    assert result.reason == "the SPF record of example.org needs more than 10 look-ups"


def test_a_name_made_too_long_loses_labels_from_the_left() -> None:
    zone = policy("v=spf1 exists:" + ".".join(["%{l}"] * 5) + ".example.org -all")
    label = "x" * 60
    zone.set(f"{label}.{label}.{label}.example.org", "A", "127.0.0.1")
    assert check(zone, sender=f"{label}@example.org").verdict is SpfVerdict.PASS


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(SyntaxFault):
        Zone({}).answer(check_host("unix", "example.org", "", HELO))
