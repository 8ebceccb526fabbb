"""What programs ask of an OAuth 2.0 server, checked (RFC 6749, 7591, 7636, 8252, 8628).

Only public clients, only the code flow, only PKCE with S256 (RFC 9700 2.1.1): the rest of the
standard is what the attacks on it need.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from msgspec import Struct

from merpati.base.faults import Fault, Kind

SCOPES: Final = ("mail", "openid", "email", "profile", "offline_access")
FIELDS_MAX: Final = 40  # parameters of a request
VALUE_MAX: Final = 2000  # characters of one
REDIRECTS_MAX: Final = 10  # redirect URIs of a client
NAME_MAX: Final = 100  # characters of a client's name

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
GRANTS: Final = (
    "authorization_code",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:device_code",
)
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")  # RFC 7636 4.2, of SHA-256
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636 4.1
_PRIVATE: Final = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")  # RFC 8252 7.1: a reversed name
_PLAIN: Final = re.compile(r"[!-~]+")


class OAuthFault(Fault):
    """A refusal in OAuth's own words: `error` is its code (RFC 6749 5.2 and others).

    `redirect` is where the client is told; None when only the person may be (RFC 6749 4.1.2.1).
    """

    def __init__(
        self, error: str, text: str, redirect: str | None = None, status: int = 400
    ) -> None:
        super().__init__(Kind.DENIED, text)
        self.error: Final = error
        self.redirect: Final = redirect
        self.http: Final = status


class Registration(Struct, frozen=True):
    """A program that wants to be known."""

    name: str
    uri: str
    redirect_uris: tuple[str, ...]
    software: str


class Authorization(Struct, frozen=True):
    """What a program asks a person for; all of it checked."""

    client_id: str
    redirect_uri: str
    scope: str
    state: str
    challenge: str
    nonce: str
    hint: str


def fields(text: str, most: int = VALUE_MAX) -> dict[str, str]:
    """The parameters of a query or a form (RFC 6749 3.1: none twice). Raises OAuthFault."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    except ValueError:
        raise OAuthFault("invalid_request", "the parameters cannot be read") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise OAuthFault("invalid_request", "a parameter is there twice")
    if any(len(value) > most or "\0" in value for value in found.values()):
        raise OAuthFault("invalid_request", "a parameter is too long")
    return found


def registration(document: Any) -> Registration:
    """What a program says of itself (RFC 7591 2). Raises OAuthFault."""
    if not isinstance(document, Mapping):
        raise OAuthFault("invalid_client_metadata", "the metadata is an object")
    uris = document.get("redirect_uris", [])
    grants = document.get("grant_types", ["authorization_code"])
    if not _is_texts(uris) or not _is_texts(grants):
        raise OAuthFault("invalid_client_metadata", "lists hold text")
    if not uris and GRANTS[2] not in grants:
        raise OAuthFault("invalid_redirect_uri", "a redirect URI is needed")
    for uri in uris:
        check_redirect(uri)
    if document.get("token_endpoint_auth_method", "none") != "none":
        text = "clients have no secrets here: token_endpoint_auth_method is none"
        raise OAuthFault("invalid_client_metadata", text)
    if any(one not in GRANTS for one in grants):
        raise OAuthFault("invalid_client_metadata", "a grant type is not served")
    name = document.get("client_name", "")
    name = " ".join(name.split())[:NAME_MAX] if isinstance(name, str) else ""
    home = document.get("client_uri", "")
    if not isinstance(home, str) or not home.startswith("https://") or len(home) > VALUE_MAX:
        home = ""
    software = document.get("software_id", "")
    software = software[:NAME_MAX] if isinstance(software, str) else ""
    if not name.isprintable() or not software.isprintable():
        raise OAuthFault("invalid_client_metadata", "the name cannot be shown")
    return Registration(name, home, tuple(uris), software)


def check_redirect(uri: str) -> None:
    """Whether an address may be sent codes: https, this machine, or an app (RFC 8252 7)."""
    fault = OAuthFault("invalid_redirect_uri", "this redirect URI will not do")
    if len(uri) > VALUE_MAX or _PLAIN.fullmatch(uri) is None or "\\" in uri:
        raise fault
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise fault from None
    if parts.fragment or "#" in uri or parts.username is not None:
        raise fault
    is_fine = (
        (parts.scheme == "https" and bool(host))
        or (parts.scheme == "http" and host in LOOPBACK)
        or (_PRIVATE.fullmatch(parts.scheme) is not None and not parts.netloc)
    )
    if not is_fine:
        raise fault


def is_registered(given: str, registered: Sequence[str]) -> bool:
    """Whether it is one of these, letter by letter; a port of this machine may be any."""
    if given in registered:
        return True
    try:
        check_redirect(given)
    except OAuthFault:
        return False
    return any(_portless(given) == _portless(one) for one in registered if _is_loopback(one))


def authorization(asked: Mapping[str, str], registered: Sequence[str]) -> Authorization:
    """What is asked for, of a client with these redirect URIs (RFC 6749 4.1.1). Raises OAuthFault.

    Whatever is wrong with the redirect URI is told to the person alone: a code, or even an error,
    must never go to an address that the client has not named before.
    """
    uri = asked.get("redirect_uri", registered[0] if len(registered) == 1 else "")
    if not is_registered(uri, registered):
        raise OAuthFault("invalid_request", "the program did not register this redirect URI")
    state = asked.get("state", "")

    def refuse(error: str, text: str) -> OAuthFault:
        return OAuthFault(error, text, answer(uri, {"error": error, "error_description": text,
                                                     "state": state}))  # fmt: skip

    if asked.get("response_type") != "code":
        raise refuse("unsupported_response_type", "only the code flow is served")
    if asked.get("code_challenge_method") != "S256":
        raise refuse("invalid_request", "PKCE with S256 is needed")
    if _CHALLENGE.fullmatch(asked.get("code_challenge", "")) is None:
        raise refuse("invalid_request", "PKCE with S256 is needed")
    if "request" in asked or "request_uri" in asked:
        raise refuse("request_not_supported", "request objects are not served")
    if asked.get("prompt") == "none":
        raise refuse("login_required", "the person has to be asked")
    scope = scopes(asked.get("scope", ""))
    if not scope:
        raise refuse("invalid_scope", f"scopes are {', '.join(SCOPES)}")
    return Authorization(
        asked["client_id"], uri, scope, state, asked["code_challenge"], asked.get("nonce", ""),
        asked.get("login_hint", ""),
    )  # fmt: skip


def scopes(text: str) -> str:
    """Those of the asked scopes that there are, in our order; "mail" when none was asked for."""
    wanted = text.split() or ["mail"]
    return " ".join(one for one in SCOPES if one in wanted)


def is_proven(verifier: str, challenge: str) -> bool:
    """Whether a verifier is that of a challenge (RFC 7636 4.6)."""
    if _VERIFIER.fullmatch(verifier) is None:
        return False
    digest = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
    return hmac.compare_digest(digest, challenge)


def answer(uri: str, values: Mapping[str, str]) -> str:
    """A redirect URI with what the client is told (RFC 6749 4.1.2)."""
    query = urlencode({name: value for name, value in values.items() if value}, quote_via=quote)
    return f"{uri}{'&' if '?' in uri else '?'}{query}"


def form_target(uri: str) -> str:
    """A redirect URI as a source of a content security policy's form-action."""
    parts = urlsplit(uri)
    if parts.scheme not in {"http", "https"} or ":" in (parts.hostname or ""):
        return f"{parts.scheme}:"
    return f"{parts.scheme}://{parts.netloc}"


def _is_texts(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= REDIRECTS_MAX
        and all(isinstance(one, str) for one in value)
    )


def _is_loopback(uri: str) -> bool:
    parts = urlsplit(uri)
    return parts.scheme == "http" and parts.hostname in LOOPBACK


def _portless(uri: str) -> tuple[str, str, str, str]:
    parts = urlsplit(uri)
    return parts.scheme, parts.hostname or "", parts.path, parts.query
