from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from merpati.wire.mime import downgrade


@pytest.mark.parametrize(
    ("field", "written"),
    [
        ("Subject: Grüße", b"Subject: =?utf-8?b?R3LDvMOfZQ==?="),
        ("To: Jürgen <j@b.id>, Ana <a@b.id>", b"To: =?utf-8?q?J=C3=BCrgen?= <j@b.id>,"),
        ("From: Jü <jü@b.id>", b"From: =?utf-8?q?J=C3=BC_j=C3=BC=40b=2Eid?=:;"),
        ("Content-Disposition: attachment; filename=Gruß.pdf", b"filename*="),
    ],
)
def test_each_kind_of_field_is_written_in_its_way(field: str, written: bytes) -> None:
    found = downgrade.header(field.encode() + b"\r\nX: y\r\n")
    unfolded = found.replace(b"\r\n ", b" ").replace(b"; ;", b";")
    assert written.replace(b" ", b"") in unfolded.replace(b" ", b"")
    assert found.endswith(b"\r\nX: y\r\n")


def test_fields_in_ascii_stay_as_they_are() -> None:
    raw = b"Subject:  odd \r\n\tfolded\r\nX: \xc3\xbc\r\nno field\r\n"
    found = downgrade.header(raw)
    assert found.startswith(b"Subject:  odd \r\n\tfolded\r\nX: =?")
    assert found.endswith(b"no field\r\n")


@given(st.binary(max_size=200))
@example("ü".encode() + b": \xff")
def test_whatever_comes_in_ascii_goes_out(raw: bytes) -> None:
    assert downgrade.header(raw).isascii()
    assert downgrade.header(b"To: " + raw).isascii()
