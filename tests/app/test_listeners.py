from __future__ import annotations

from pathlib import Path

import pytest

from merpati.app.listeners import SERVICES, Listener, endpoint, of_roles, port_set
from merpati.app.sessions import smtp_policy
from merpati.base.faults import Fault, Kind
from merpati.servers.smtp.legal import Role


def test_the_standard_set_serves_all_addresses_but_metrics() -> None:
    assert {one.service: one.place() for one in port_set("standard")} == {
        "smtp": "*:25",
        "submission": "*:587",
        "submissions": "*:465",
        "lmtp": "data/run/lmtp.sock",
        "imap": "*:143",
        "imaps": "*:993",
        "pop3": "*:110",
        "pop3s": "*:995",
        "managesieve": "*:4190",
        "http": "*:80",
        "https": "*:443",
        "metrics": "127.0.0.1:9100",
    }
    assert not any(one.login_without_tls for one in port_set("standard"))


def test_a_role_opens_its_listeners_and_metrics_only() -> None:
    def opened(*roles: str) -> set[str]:
        return {one.service for one in of_roles(port_set("high"), roles)}

    assert opened() == set(SERVICES) - {"device"}
    assert opened("mx") == {"smtp", "metrics"}
    assert opened("submission", "web") == {"submission", "submissions", "http", "https", "metrics"}
    assert opened("mailboxes") == {
        "lmtp", "imap", "imaps", "pop3", "pop3s", "managesieve", "metrics",
    }  # fmt: skip
    assert opened("queue") == {"metrics"}


def test_the_high_set_serves_this_machine_alone_and_logs_in_without_tls() -> None:
    assert {one.service: one.place() for one in port_set("high")} == {
        "smtp": "127.0.0.1:2525",
        "submission": "127.0.0.1:2587",
        "submissions": "127.0.0.1:2465",
        "lmtp": "127.0.0.1:2424",
        "imap": "127.0.0.1:2143",
        "imaps": "127.0.0.1:2993",
        "pop3": "127.0.0.1:2110",
        "pop3s": "127.0.0.1:2995",
        "managesieve": "127.0.0.1:4190",
        "http": "127.0.0.1:2080",
        "https": "127.0.0.1:2443",
        "metrics": "127.0.0.1:2910",
    }
    plain = {one.service for one in port_set("high") if one.login_without_tls}
    assert plain == {"submission", "imap", "pop3", "managesieve"}


def test_high_plus_n_adds_n_to_every_port() -> None:
    shifted = [one.port for one in port_set("high+1000")]
    assert shifted == [(one.port or 0) + 1000 for one in port_set("high")]
    assert port_set("high+0") == port_set("high")
    assert max(one.port or 0 for one in port_set("high+61345")) == 65_535


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("low", 'There is no set of ports "low": use standard, high or high+N.'),
        ("high-5", 'There is no set of ports "high-5": use standard, high or high+N.'),
        ("high+", 'There is no set of ports "high+": use standard, high or high+N.'),
        ("high+61346", "high+61346 leads beyond port 65535: add 61345 at most."),
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


def test_lmtp_believes_only_who_is_near_or_listed() -> None:
    Listener(service="lmtp", host="127.0.0.1", port=24)
    Listener(service="lmtp", path=Path("lmtp.sock"))
    Listener(service="lmtp", port=24, networks=("192.0.2.7",))
    with pytest.raises(ValueError, match=r"^host must be 127\.0\.0\.1 for lmtp"):
        Listener(service="lmtp", port=24)


def test_what_a_listener_says_is_the_policy_of_its_sessions() -> None:
    policy = smtp_policy(
        Listener(
            service="device", port=2526, networks=("192.0.2.0/24",), sender="Scan@example.org",
            recipients=("@Example.org",), messages_per_hour=60, require_tls=True,
        )
    )  # fmt: skip
    assert policy.role is Role.DEVICE
    assert policy.admits("192.0.2.9")
    assert not policy.admits("192.0.3.9")
    assert str(policy.sender) == "Scan@example.org"
    assert (policy.recipients, policy.messages) == (frozenset({"@example.org"}), 60)
    assert policy.require_tls
    assert smtp_policy(Listener(service="smtp", port=25)).admits("192.0.3.9")
    assert "10.0.0.5" in Listener(service="imap", port=143, proxies=("10.0.0.5",)).trusted_proxies
