from __future__ import annotations

import pytest

from merpati.base.networks import LOOPBACK, THIS_MACHINE, Networks


def test_an_address_is_found_in_its_network_and_no_other() -> None:
    networks = Networks(["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"])
    for inside in ("192.0.2.1", "192.0.2.255", "2001:db8::1", "198.51.100.7", "::ffff:192.0.2.9"):
        assert inside in networks
    for outside in ("192.0.3.1", "2001:db9::1", "198.51.100.8", "unix", "", "nobody", "::1"):
        assert outside not in networks


def test_host_bits_are_ignored_and_a_scope_is_too() -> None:
    assert "10.0.0.200" in Networks(["10.0.0.7/24"])
    assert "fe80::1%eth0" in Networks(["fe80::/10"])


def test_loopback_holds_this_machine_and_unix_sockets() -> None:
    networks = Networks(LOOPBACK)
    assert all(peer in networks for peer in ("127.0.0.1", "127.9.9.9", "::1", "unix"))
    assert "128.0.0.1" not in networks


@pytest.mark.parametrize(
    ("peer", "local"),
    [
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("unix", True),
        ("::1:2", False),
        ("192.0.2.1", False),
        ("12.7.0.1", False),
    ],
)
def test_only_this_machine_is_local(peer: str, local: bool) -> None:
    assert (peer in THIS_MACHINE) is local


def test_no_networks_are_false_and_hold_nothing() -> None:
    assert not Networks()
    assert "127.0.0.1" not in Networks()
    assert Networks(["unix"])


@pytest.mark.parametrize("text", ["", "192.0.2.0/33", "example.org", "300.1.1.1"])
def test_what_is_no_network_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="which is no network: write one such as"):
        Networks([text])
