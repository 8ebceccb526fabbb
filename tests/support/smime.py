"""People with certificates of an authority of their own, and what they sign: all by OpenSSL."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.programs import need

BODY = b"Content-Type: text/plain\r\n\r\nMeet me at noon.\r\n"


def openssl(*words: str | Path, data: bytes = b"") -> bytes:
    return subprocess.run(
        [need("openssl"), *map(str, words)], input=data, check=True, capture_output=True, timeout=30
    ).stdout


@dataclass
class Person:
    certificate: Path
    key: Path


@dataclass
class Authority:
    folder: Path
    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path, name: str = "authority") -> Authority:
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
            "-subj", f"/CN={name}", "-days", "30",
            "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip
        return cls(folder, certificate, key)

    def issue(self, address: str, algorithm: str = "rsa:2048", days: int = 20) -> Person:
        name = address.partition("@")[0]
        key, request = self.folder / f"{name}.key", self.folder / f"{name}.csr"
        certificate, more = self.folder / f"{name}.pem", self.folder / f"{name}.ext"
        kind = ["-newkey", algorithm]
        if algorithm == "ec":
            kind += ["-pkeyopt", "ec_paramgen_curve:P-256"]
        openssl("req", *kind, "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        more.write_text(
            f"subjectAltName=email:{address}\nkeyUsage=digitalSignature\n"
            "extendedKeyUsage=emailProtection\nbasicConstraints=CA:FALSE\n"
        )
        openssl(
            "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
            "-CAcreateserial", "-days", str(days), "-extfile", more, "-out", certificate,
        )  # fmt: skip
        return Person(certificate, key)


def sign(person: Person, *more: str, data: bytes = BODY) -> bytes:
    signed = openssl(
        "cms", "-sign", "-signer", person.certificate, "-inkey", person.key, "-binary", "-crlfeol",
        *more, data=data,
    )  # fmt: skip
    whole = signed.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return b"From: Ana <ana@example.org>\r\n" + whole
