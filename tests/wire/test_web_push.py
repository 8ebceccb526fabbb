from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from merpati.base.faults import SyntaxFault
from merpati.wire import web_push
from merpati.wire.web_push import Endpoint

# RFC 8291 5.
THEIRS = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
OWN = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SECRET = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
SENT = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS"
    "6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qu"
    "lcy4a-fN"
)


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_message_of_the_rfc_is_encrypted_as_in_the_rfc() -> None:
    own = ec.derive_private_key(int.from_bytes(raw(OWN), "big"), ec.SECP256R1())
    sent = web_push.encrypt(
        b"When I grow up, I want to be a watermelon",
        web_push.decode_key(THEIRS, web_push.KEY_SIZE),
        web_push.decode_key(SECRET, web_push.SECRET_SIZE), own, raw(SALT),
    )  # fmt: skip
    assert sent == raw(SENT)


def test_a_full_message_fits_what_push_services_take() -> None:
    own = web_push.private_key(b"x" * 32)
    key = web_push.public_bytes(web_push.private_key(b"y" * 32))
    sent = web_push.encrypt(b"x" * web_push.PLAIN_MAX, key, bytes(16), own, bytes(16))
    assert len(sent) == 4096


def test_a_token_is_signed_for_its_service() -> None:
    key = web_push.private_key(b"x" * 32)
    field = web_push.authorization(key, "https://push.example", "mailto:a@b", 1_800_000_000)
    assert field.startswith("vapid t=")
    token, public = field.removeprefix("vapid t=").split(", k=")
    head, body, signature = token.split(".")
    assert json.loads(raw(head)) == {"typ": "JWT", "alg": "ES256"}
    assert json.loads(raw(body)) == {
        "aud": "https://push.example", "exp": 1_800_000_000, "sub": "mailto:a@b",
    }  # fmt: skip
    r, s = (int.from_bytes(half, "big") for half in (raw(signature)[:32], raw(signature)[32:]))
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw(public))
    theirs.verify(
        utils.encode_dss_signature(r, s), f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256())
    )


def test_an_endpoint_has_its_parts() -> None:
    assert web_push.endpoint("https://Push.Example:8443/a/b?c=d") == Endpoint(
        "push.example", 8443, "/a/b?c=d"
    )
    assert web_push.endpoint("https://push.example").origin == "https://push.example"


@pytest.mark.parametrize(
    "url",
    [
        "", "http://push.example/", "https:///a", "https://127.0.0.1/", "https://[::1]/",
        "https://user@push.example/", "https://push.example/#x", "https://push example/",
        "https://push.example:99999/", "https://0x7f.1/", "https://a..b/",
        "https://push.example/" + "x" * 3000, "https://pu\u0161h.example/", "ftp://push.example/",
        "https://push.example/\r\nX: y",
    ],
)  # fmt: skip
def test_what_is_no_endpoint_is_refused(url: str) -> None:
    with pytest.raises(SyntaxFault):
        web_push.endpoint(url)


@pytest.mark.parametrize("text", ["", "?", THEIRS[:-4], THEIRS + "AAAA"])
def test_a_key_of_another_length_is_none(text: str) -> None:
    with pytest.raises(SyntaxFault):
        web_push.decode_key(text, web_push.KEY_SIZE)


def test_a_key_is_a_point_of_the_curve() -> None:
    with pytest.raises(SyntaxFault):
        web_push.check_point(b"\x04" + bytes(64))
