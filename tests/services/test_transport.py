from __future__ import annotations

import pytest

from merpati.base.faults import Fault
from merpati.base.secrets import Secret
from merpati.services.transport import BY_MX, Routes, Transport, Way, is_way, parse


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("mx", BY_MX),
        ("smtp://relay.test", Transport(Way.SMTP, "relay.test", 25)),
        ("smtp://relay.test:587", Transport(Way.SMTP, "relay.test", 587)),
        ("smtps://relay.test", Transport(Way.SMTPS, "relay.test", 465)),
        ("smtp+clear://10.0.0.1:26", Transport(Way.CLEAR, "10.0.0.1", 26)),
        ("smtp://[2001:db8::1]:25", Transport(Way.SMTP, "2001:db8::1", 25)),
        ("lmtp://127.0.0.1:24", Transport(Way.LMTP, "127.0.0.1", 24)),
        ("lmtp:///run/lmtp.sock", Transport(Way.LMTP, path="/run/lmtp.sock")),
        ("pipe:/bin/fax --to {user}", Transport(Way.PIPE, command=("/bin/fax", "--to", "{user}"))),
    ],
)
def test_a_way_is_read_and_written_back(text: str, wanted: Transport) -> None:
    assert parse(text) == wanted
    assert is_way(text)
    assert parse(str(wanted)) == wanted


@pytest.mark.parametrize(
    "text",
    ["", "relay.test", "http://relay.test", "smtp:relay.test", "smtp://", "smtp://a:b", "pipe:",
     "pipe:relative", 'pipe:/bin/x "', "smtp://a/b", "lmtp://", "smtp://relay.test:99999"],
)  # fmt: skip
def test_what_is_no_way_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(Fault, match="write a way such as"):
        parse(text)


def test_domains_and_literals_are_no_ways() -> None:
    for destination in ("", "example.org", "[192.0.2.1]", "[IPv6:2001:db8::1]", "@list"):
        assert not is_way(destination)


def test_the_first_route_that_fits_counts() -> None:
    routes = Routes([
        "direct.example.org mx",
        "*.example.org smtp://one.test",
        "* smtps://all.test",
    ])  # fmt: skip
    assert routes.find("direct.example.org") == BY_MX
    assert routes.find("a.example.org").host == "one.test"
    assert routes.find("example.org").host == "all.test"
    assert routes.find("smtp://by.hand").host == "by.hand"
    assert Routes().find("example.org") == BY_MX


def test_a_relay_has_its_own_credentials() -> None:
    routes = Routes(["* smtp://relay.test"], [Secret("relay.test ani pass word")])
    login = routes.login(routes.find("example.org"))
    assert login is not None
    assert (login.user, login.password.reveal()) == ("ani", "pass word")
    assert routes.login(parse("smtp://other.test")) is None
    assert routes.login(BY_MX) is None


def test_a_wrong_setting_says_which() -> None:
    with pytest.raises(ValueError, match="routes: 'ftp://x' is no way"):
        Routes(["* ftp://x"])
    with pytest.raises(ValueError, match="credentials: write each as"):
        Routes([], [Secret("relay.test ani")])
