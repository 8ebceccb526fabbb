from __future__ import annotations

import pytest

from merpati.base.faults import SyntaxFault
from merpati.wire.smtp.xclient import Xclient, encode, parse


def test_what_a_proxy_says_is_read_and_written() -> None:
    text = "NAME=spike.example ADDR=192.0.2.7 PORT=1025 PROTO=ESMTP HELO=[192.0.2.7]"
    command = parse(text)
    assert command.get("ADDR") == "192.0.2.7"
    assert command.get("DESTADDR") == ""
    assert encode(command) == text


def test_an_ipv6_address_has_its_prefix_on_the_wire_only() -> None:
    command = parse("addr=IPv6:2001:DB8::0:1")
    assert command == Xclient((("ADDR", "2001:db8::1"),))
    assert encode(command) == "ADDR=IPV6:2001:db8::1"


def test_what_the_proxy_does_not_know_is_empty() -> None:
    command = parse("NAME=[UNAVAILABLE] HELO=[tempunavail] ADDR=192.0.2.1")
    assert (command.get("NAME"), command.get("HELO")) == ("", "")
    assert parse(encode(command)) == command


@pytest.mark.parametrize(
    "text",
    ["", "ADDR", "ADDR=", "ADDR=here", "ADDR=1.2.3.4 ADDR=1.2.3.5", "LOGIN=ana", "PORT=65536",
     "PROTO=HTTP", "HELO=two+20names", "NAME=+0D", "ADDR=fe80::1%eth0"],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(SyntaxFault):
        parse(text)
