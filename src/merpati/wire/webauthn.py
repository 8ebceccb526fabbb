"""Passkeys: what a browser is asked, and what it answers (WebAuthn level 3, by way of `fido2`).

Importing this costs 0.3 s, so whoever may need it does so when it is first needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from merpati.base.faults import SyntaxFault

WRONG: Final = "the passkey's answer is not right"
# What the library raises for answers that are no answers; all are the sender's fault.
_BAD: Final = (ValueError, TypeError, KeyError, IndexError, AttributeError, NotImplementedError)


def creation_options(
    rp: str, challenge: bytes, user: tuple[bytes, str, str], known: Iterable[bytes]
) -> dict[str, Any]:
    """What `navigator.credentials.create` is asked (5.4), as JSON.

    Args:
        rp: The relying party: our host name.
        challenge: Random, at least 16 bytes.
        user: Handle, name and display name.
        known: Credential data of the passkeys there are; no second one on the same device.
    """
    options, _ = _server(rp).register_begin(
        PublicKeyCredentialUserEntity(id=user[0], name=user[1], display_name=user[2] or user[1]),
        _descriptors(known),
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=UserVerificationRequirement.PREFERRED,
        challenge=challenge,
    )
    return _plain(dict(options)["publicKey"])


def registered(
    rp: str, origin: str, challenge: bytes, credential: Mapping[str, Any]
) -> tuple[bytes, bytes, int]:
    """Id, credential data and counter of a new passkey (7.1).

    Raises:
        SyntaxFault: it is not right.
    """
    state = {"challenge": websafe_encode(challenge), "user_verification": None}
    try:
        made = _server(rp, origin).register_complete(state, dict(credential))
        data = made.credential_data
        assert data is not None
        return bytes(data.credential_id), bytes(data), int(made.counter)
    except _BAD:
        raise SyntaxFault(WRONG) from None


def request_options(
    rp: str, challenge: bytes, known: Iterable[bytes], *, alone: bool
) -> dict[str, Any]:
    """What `navigator.credentials.get` is asked (5.5), as JSON.

    `known` is empty when the person has not said who it is. A passkey that stands `alone`, without
    a password, has to ask for a finger, a face or a PIN.
    """
    wanted = UserVerificationRequirement
    options, _ = _server(rp).authenticate_begin(
        _descriptors(known) or None,
        user_verification=wanted.REQUIRED if alone else wanted.PREFERRED,
        challenge=challenge,
    )
    return _plain(dict(options)["publicKey"])


def credential_id(credential: Mapping[str, Any]) -> bytes:
    """Which passkey has answered. Raises SyntaxFault."""
    try:
        return websafe_decode(credential["id"])
    except _BAD:
        raise SyntaxFault(WRONG) from None


def asserted(
    rp: str,
    origin: str,
    challenge: bytes,
    credential: Mapping[str, Any],
    data: bytes,
    *,
    alone: bool,
) -> int:
    """The counter of a passkey whose answer is right (7.2); `data` is its credential data.

    Raises:
        SyntaxFault: it is not right.
    """
    wanted = UserVerificationRequirement.REQUIRED if alone else None
    state = {"challenge": websafe_encode(challenge), "user_verification": wanted}
    try:
        answer = AuthenticationResponse.from_dict(dict(credential))
        _server(rp, origin).authenticate_complete(state, [AttestedCredentialData(data)], answer)
        return int(answer.response.authenticator_data.counter)
    except _BAD:
        raise SyntaxFault(WRONG) from None


def _server(rp: str, origin: str = "") -> Fido2Server:
    entity = PublicKeyCredentialRpEntity(id=rp, name=rp)
    return Fido2Server(entity, verify_origin=lambda given: given == origin)


def _descriptors(known: Iterable[bytes]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            type=PublicKeyCredentialType.PUBLIC_KEY, id=AttestedCredentialData(data).credential_id
        )
        for data in known
    ]


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """The library's options as plain JSON."""
    return {name: _json(one) for name, one in options.items() if one is not None}


def _json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _plain(value)
    if isinstance(value, list | tuple):
        return [_json(one) for one in value]
    if isinstance(value, bytes):
        return websafe_encode(value)
    return str(value) if isinstance(value, str) else value
