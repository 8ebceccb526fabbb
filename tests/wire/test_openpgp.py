from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire import openpgp
from tests.support.programs import need

CORPUS = Path(__file__).parents[1] / "corpora" / "openpgp"
V4 = (CORPUS / "ana-v4.key").read_bytes()
V6 = (CORPUS / "ana-v6.key").read_bytes()


def test_a_key_says_whose_it_is() -> None:
    key = openpgp.parse(V4)
    assert key.fingerprint == "06481c5fe3186e27a9dc0d9dc861feb78f48884e"
    assert key.addresses == ("ana@here.test", "x@elsewhere.test")
    assert key.encode() == V4
    key = openpgp.parse(V6)
    assert key.fingerprint == "1586322bd5cc89dafd5eef37637fcf502bcc91c223d0419c5f779c807f587d7d"
    assert key.addresses == ("ana@here.test",)


def test_a_directory_gives_the_user_ids_of_one_address_alone(tmp_path: Path) -> None:
    only = openpgp.parse(V4).only("ana@here.test")
    again = openpgp.parse(only.encode())
    assert again.addresses == ("ana@here.test",)
    assert again.fingerprint == openpgp.parse(V4).fingerprint
    assert len(only.packets) == len(openpgp.parse(V4).packets) - 2  # the id and its certification
    shown = subprocess.run(
        [need("gpg"), "--homedir", str(tmp_path), "--batch", "--with-colons", "--show-keys"],
        input=only.encode(), capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip
    assert re.findall(r"^uid:.*?<([^>]*)>", shown, re.MULTILINE) == ["ana@here.test"]
    assert "fpr:::::::::06481C5FE3186E27A9DC0D9DC861FEB78F48884E:" in shown
    assert "sub:" in shown


@pytest.mark.parametrize(
    "wrong",
    [b"", b"x", V4[:-1], V4 + V4, b"\xb0" + V4[1:], V4[:3], b"\xc5\x01\x04", V4 + b"\xc7\x01\x04",
     b"\xc6\x01\x03", b"\x9b" + V4, b"\xc6\xe0" + V4, V4 + b"\xc2\xff\xff\xff",
     b"-----BEGIN PGP PUBLIC KEY BLOCK-----"],
)  # fmt: skip
def test_nothing_else_is_a_key(wrong: bytes) -> None:
    with pytest.raises(SyntaxFault):
        openpgp.parse(wrong)


def test_there_are_limits() -> None:
    with pytest.raises(SyntaxFault, match="packets"):
        openpgp.packets(b"\xc2\x00" * (openpgp.PACKETS_MAX + 1))
    with pytest.raises(SyntaxFault, match="octets"):
        openpgp.packets(bytes(openpgp.SIZE_MAX + 1))


def test_old_lengths_are_read() -> None:
    assert [(one.type, one.body) for one in openpgp.packets(
        b"\xb4\x01a" b"\xb5\x00\x01b" b"\xb6\x00\x00\x00\x01c" b"\xcd\xc0\x00" + b"d" * 192
    )] == [(13, b"a"), (13, b"b"), (13, b"c"), (13, b"d" * 192)]  # fmt: skip


@given(st.binary(max_size=300) | st.binary(max_size=40).map(lambda rest: V4[:60] + rest))
def test_any_octets_are_packets_or_refused(data: bytes) -> None:
    try:
        found = openpgp.packets(data)
    except SyntaxFault:
        return
    assert b"".join(one.whole for one in found) == data


def test_the_hash_is_that_of_the_specification() -> None:
    assert openpgp.directory_hash("Joe.Doe") == "iy9q119eutrkn8s1mk4r39qejnbu3n5q"


def test_addresses_of_user_ids() -> None:
    assert openpgp.address_of(b"Ana (work) <Ana@Here.test>") == "ana@here.test"
    assert openpgp.address_of(b"ana@here.test") == "ana@here.test"
    assert openpgp.address_of(b"Ana") == ""
    assert openpgp.address_of(b"\xff\xfe") == ""
