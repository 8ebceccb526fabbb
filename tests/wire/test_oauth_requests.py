from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire import oauth_requests
from merpati.wire.oauth_requests import OAuthFault

# RFC 7636 appendix B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
NAMES = ("redirect_uris", "client_name", "client_uri", "grant_types", "software_id")


def test_the_challenge_is_that_of_the_rfc() -> None:
    assert oauth_requests.is_proven(VERIFIER, CHALLENGE)
    assert not oauth_requests.is_proven(VERIFIER + "x", CHALLENGE)
    assert not oauth_requests.is_proven("", CHALLENGE)
    assert not oauth_requests.is_proven(CHALLENGE, CHALLENGE)


@given(st.text(), st.text())
def test_no_other_verifier_is_right(verifier: str, challenge: str) -> None:
    if challenge.isascii():
        assert not oauth_requests.is_proven(verifier, challenge)


@given(st.text())
def test_any_text_is_parameters_or_is_refused(text: str) -> None:
    try:
        found = oauth_requests.fields(text)
    except OAuthFault:
        return
    assert oauth_requests.fields(urlencode(found)) == found


@given(st.one_of(JSON, st.dictionaries(st.sampled_from(NAMES), JSON)))
def test_any_document_is_a_registration_or_is_refused(document: Any) -> None:
    with suppress(OAuthFault):
        found = oauth_requests.registration(document)
        for uri in found.redirect_uris:
            assert oauth_requests.is_registered(uri, found.redirect_uris)


@given(st.text(), st.lists(st.sampled_from(["https://a.test/cb", "http://127.0.0.1/cb"])))
def test_only_what_was_registered_is_gone_to(uri: str, registered: list[str]) -> None:
    if oauth_requests.is_registered(uri, registered):
        parts = urlsplit(uri)
        assert uri in registered or (parts.hostname == "127.0.0.1" and parts.path == "/cb")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("https://a.test/cb", "https://a.test/cb?a=1%20%26&b=2"),
        ("https://a.test/cb?x=y", "https://a.test/cb?x=y&a=1%20%26&b=2"),
        ("com.example.app:/cb", "com.example.app:/cb?a=1%20%26&b=2"),
    ],
)
def test_an_answer_keeps_the_address_as_it_is(uri: str, expected: str) -> None:
    told = oauth_requests.answer(uri, {"a": "1 &", "b": "2", "c": ""})
    assert told == expected
    assert ("a", "1 &") in parse_qsl(urlsplit(told).query)


@pytest.mark.parametrize(
    ("uri", "target"),
    [
        ("https://a.test:8443/cb", "https://a.test:8443"),
        ("http://127.0.0.1:5/cb", "http://127.0.0.1:5"),
        ("http://[::1]:5/cb", "http:"),
        ("com.example.app:/cb", "com.example.app:"),
    ],
)
def test_the_form_may_lead_there(uri: str, target: str) -> None:
    assert oauth_requests.form_target(uri) == target


@pytest.mark.parametrize(
    ("asked", "given_"),
    [
        ("", "mail"),
        ("openid mail", "mail openid"),
        ("offline_access x", "offline_access"),
        ("x", ""),
    ],
)
def test_scopes_are_those_there_are(asked: str, given_: str) -> None:
    assert oauth_requests.scopes(asked) == given_
