"""What is signed here holds for others, and what others sign holds here."""

from __future__ import annotations

import re
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import example, given, settings
from hypothesis import strategies as st

from merpati.wire.dkim import DkimVerdict, keys, verify
from tests.support import signing
from tests.support.programs import need
from tests.support.signing import NOW

dkimpy: Any = pytest.importorskip("dkim")

LINES = st.lists(
    st.text(
        st.characters(min_codepoint=0x20, max_codepoint=0x7E) | st.sampled_from("\t "), max_size=12
    ),
    max_size=6,
)
FORMS = [b"simple/simple", b"simple/relaxed", b"relaxed/simple", b"relaxed/relaxed"]


def message(subject: str, body: list[str]) -> bytes:
    folded = subject.replace("\t", "\r\n\t") if subject.strip() else subject
    head = f"From: Ani <ani@example.org>\r\nSubject: {folded}\r\nTo: b@example.net,\r\n c@d.example"
    head += "\r\nDate: Thu, 11 Apr 2024 10:00:00 +0000\r\n\r\n"
    return (head + "".join(line + "\r\n" for line in body)).encode()


def pkcs1() -> bytes:
    """The RSA key in the older form, which dkimpy and OpenDKIM both read."""
    return bytes(
        signing.key("rsa").private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )


def ask_dkimpy(published: str) -> Any:
    return lambda *_args, **_named: published.encode()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["a b", " a  b ", "a\tb", ""]), LINES, st.sampled_from(["rsa", "ed25519"]))
@example("x", ["", " ", "\t", ""], "ed25519")
def test_dkimpy_believes_what_is_signed_here(subject: str, body: list[str], kind: str) -> None:
    signed = signing.sign(message(subject, body), kind)
    record = keys.record(signing.key(kind))
    assert dkimpy.verify(signed, dnsfunc=ask_dkimpy(record))
    assert signing.zone().answer(verify(signed, NOW))[0].verdict is DkimVerdict.PASS


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["a b", " a  b ", "a\tb"]),
    LINES,
    st.sampled_from(FORMS),
    st.sampled_from(["rsa", "ed25519"]),
)
def test_what_dkimpy_signs_is_believed_here(
    subject: str, body: list[str], form: bytes, kind: str
) -> None:
    content = message(subject, body)
    pem = pkcs1()
    if kind == "ed25519":  # dkimpy reads the bare seed
        pem = b64encode(signing.key(kind).private.private_bytes_raw())
    field = dkimpy.sign(
        content,
        f"{kind}1".encode(),
        b"example.org",
        pem,
        canonicalize=tuple(form.split(b"/")),
        include_headers=[b"from", b"subject", b"to", b"from", b"cc"],
        signature_algorithm=f"{kind}-sha256".encode(),
    )
    (result,) = signing.zone().answer(verify(field + content, NOW))
    assert result.verdict is DkimVerdict.PASS, result


class OpenDkim:
    """OpenDKIM's tools, with a file for the DNS."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys = folder / "keys"
        published = [signing.key("rsa"), signing.key("ed25519")]
        self._keys.write_text("".join(f"{one.name} {keys.record(one)}\n" for one in published))
        self._conf = folder / "opendkim.conf"
        self._conf.write_text(f"Mode v\nSyslog no\nTestPublicKeys {self._keys}\n")

    def verify(self, content: bytes) -> str:
        """The Authentication-Results that it adds."""
        return self._run(content, self._conf, "-v", "-v").decode()

    def sign(self, content: bytes, form: str) -> bytes:
        """The message with its signature on top."""
        private, conf = self._folder / "key.pem", self._folder / "sign.conf"
        private.write_bytes(pkcs1())
        private.chmod(0o600)
        conf.write_text(
            "Mode s\nSyslog no\nDomain example.org\nSelector rsa1\nRequireSafeKeys no\n"
            f"KeyFile {private}\nCanonicalization {form}\nOversignHeaders From\n"
        )
        printed = self._run(content, conf)
        return printed[printed.index(b"DKIM-Signature:") :].rstrip() + b"\r\n" + content

    def _run(self, content: bytes, conf: Path, *options: str) -> bytes:
        file = self._folder / "message.eml"
        file.write_bytes(content)
        command = [need("opendkim"), "-t", str(file), "-x", str(conf), *options]
        return subprocess.run(command, capture_output=True, timeout=20, check=True).stdout


@pytest.fixture
def opendkim(tmp_path: Path) -> OpenDkim:
    return OpenDkim(tmp_path)


def test_opendkim_believes_what_is_signed_here(opendkim: OpenDkim) -> None:
    content = message("a\tb", ["Hello  there ", "", "bye", "", ""])
    said = opendkim.verify(signing.sign(content, "rsa", "ed25519"))
    assert re.findall(r"dkim=(\w+)", said) == ["pass", "pass"]
    said = opendkim.verify(signing.sign(content, "rsa", "ed25519").replace(b"\r\nbye", b"\r\nby"))
    assert "dkim=pass" not in said


@pytest.mark.parametrize("form", [one.decode() for one in FORMS])
def test_what_opendkim_signs_is_believed_here(opendkim: OpenDkim, form: str) -> None:
    signed = opendkim.sign(message("a\tb", ["Hello  there ", "", "bye", ""]), form)
    (result,) = signing.zone().answer(verify(signed, NOW))
    assert (result.verdict, result.algorithm) == (DkimVerdict.PASS, "rsa-sha256")
    (result,) = signing.zone().answer(verify(signed.replace(b"\r\nbye", b"\r\nby"), NOW))
    assert result.verdict is DkimVerdict.FAIL
