from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire import webhook
from merpati.wire.webhook import Place


def test_signatures_are_those_of_the_specification() -> None:
    key = webhook.read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    name, at, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert webhook.signature(key, name, at, body) == right
    assert webhook.verifies(key, name, at, body, f"v1,other {right}")
    assert not webhook.verifies(key, name, at + 1, body, right)
    assert not webhook.verifies(key, name, at, body + b" ", right)


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://a.test/x?y=z", Place("a.test", 443, "/x?y=z", tls=True)),
        ("https://A.test:8443", Place("a.test", 8443, "/", tls=True)),
        ("http://127.0.0.1:9000/in", Place("127.0.0.1", 9000, "/in", tls=False)),
        ("http://localhost", Place("localhost", 80, "/", tls=False)),
    ],
)
def test_places(url: str, wanted: Place) -> None:
    assert webhook.place(url) == wanted


@pytest.mark.parametrize(
    "url",
    [
        "http://a.test/", "ftp://a.test/", "https://10.0.0.1/", "https://[::1]/",
        "https://u:p@a.test/", "https://a.test/#x", "https://a..test/", "https:///x",
        "https://a.test:x/", "https://a.test/ x", "http://127.0.0.2/",
        "http://169.254.169.254/", "https://2130706433/", "https://0x7f.1/",
        "https://ä.test/", f"https://a.test/{'x' * 2048}", "",
    ],
)  # fmt: skip
def test_what_is_no_place(url: str) -> None:
    with pytest.raises(SyntaxFault):
        webhook.place(url)


@given(st.text())
def test_any_text_is_a_place_or_a_fault(text: str) -> None:
    try:
        found = webhook.place(text)
    except SyntaxFault:
        return
    assert found.tls or found.is_loopback


@given(st.binary(min_size=24, max_size=64))
def test_a_secret_is_read_as_it_was_shown(key: bytes) -> None:
    assert webhook.read_secret(webhook.show_secret(key)) == key


@given(st.text())
def test_any_text_is_a_secret_or_a_fault(text: str) -> None:
    try:
        key = webhook.read_secret(text)
    except SyntaxFault:
        return
    assert 24 <= len(key) <= 64
