from __future__ import annotations

import pytest

from merpati.app.listeners import Listener, endpoint, port_set
from merpati.base.faults import Fault, Kind


def test_the_standard_set_serves_all_addresses_but_metrics() -> None:
    assert {one.service: one.place() for one in port_set("standard")} == {
        "smtp": "*:25",
        "submission": "*:587",
        "submissions": "*:465",
        "imap": "*:143",
        "imaps": "*:993",
        "pop3": "*:110",
        "pop3s": "*:995",
        "metrics": "127.0.0.1:9100",
    }
    assert not any(one.login_without_tls for one in port_set("standard"))


def test_the_high_set_serves_this_machine_alone_and_logs_in_without_tls() -> None:
    assert {one.service: one.place() for one in port_set("high")} == {
        "smtp": "127.0.0.1:2525",
        "submission": "127.0.0.1:2587",
        "submissions": "127.0.0.1:2465",
        "imap": "127.0.0.1:2143",
        "imaps": "127.0.0.1:2993",
        "pop3": "127.0.0.1:2110",
        "pop3s": "127.0.0.1:2995",
        "metrics": "127.0.0.1:2910",
    }
    plain = {one.service for one in port_set("high") if one.login_without_tls}
    assert plain == {"submission", "imap", "pop3"}


def test_high_plus_n_adds_n_to_every_port() -> None:
    shifted = [one.port for one in port_set("high+1000")]
    assert shifted == [(one.port or 0) + 1000 for one in port_set("high")]
    assert port_set("high+0") == port_set("high")
    assert max(one.port or 0 for one in port_set("high+62540")) == 65_535


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("low", 'There is no set of ports "low": use standard, high or high+N.'),
        ("high-5", 'There is no set of ports "high-5": use standard, high or high+N.'),
        ("high+", 'There is no set of ports "high+": use standard, high or high+N.'),
        ("high+62541", "high+62541 leads beyond port 65535: add 62540 at most."),
    ],
)
def test_another_set_is_refused(name: str, text: str) -> None:
    with pytest.raises(Fault) as caught:
        port_set(name)
    assert (caught.value.kind, caught.value.text) == (Kind.CONFIG, text)


def test_an_ipv6_listener_is_shown_in_brackets() -> None:
    assert Listener(service="imap", host="::1", port=143).place() == "[::1]:143"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("::1", ("::1", 53)),
        ("[::1]", ("::1", 53)),
        ("[::1]:5353", ("::1", 5353)),
        ("", None),
        ("name", None),
        ("name:53", None),
        ("192.0.2.1:", None),
        ("192.0.2.1:x", None),
        ("192.0.2.1:65536", None),
        ("192.0.2.1:\u0665", None),
        ("[::1]53", None),
        ("[::1", None),
    ],
)
def test_endpoints(text: str, found: tuple[str, int] | None) -> None:
    assert endpoint(text, 53) == found
