from __future__ import annotations

import hashlib
import os
import pickle
from typing import TYPE_CHECKING

import pytest

from merpati.base.faults import Fault, Kind
from merpati.base.secrets import (
    MAX_KEY_FILE,
    Secret,
    read_key_file,
    same,
    token_digest,
    write_key_file,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret("t0p")
    shown = [str(secret), repr(secret), f"{secret}", f"{secret:>20}", f"{secret!r}", f"{[secret]}"]
    assert not any("t0p" in text for text in shown)
    assert secret.reveal() == "t0p"


def test_a_secret_is_not_pickled() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret("t0p"))


def test_secrets_compare_by_their_text() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert Secret("é\ud800").matches("é\ud800")
    assert not Secret("a").matches("aa")
    assert not Secret("")


def test_same_compares_bytes_of_any_length() -> None:
    assert same(b"a", b"a")
    assert not same(b"a", b"ab")


def test_a_token_digest_is_its_sha256() -> None:
    assert token_digest("abc") == hashlib.sha256(b"abc").digest()


def test_a_key_file_is_written_for_its_owner_alone_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    old = os.umask(0)
    try:
        write_key_file(path, b"key")
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_key_file(path) == b"key"


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    write_key_file(path, b"key")
    with pytest.raises(Fault) as caught:
        write_key_file(path, b"other")
    assert caught.value.kind is Kind.EXISTS
    assert path.read_bytes() == b"key"


@pytest.mark.parametrize(
    ("mode", "fine"),
    [(0o600, True), (0o400, True), (0o640, True), (0o644, False), (0o660, False), (0o601, False)],
)
def test_a_key_file_that_others_may_use_is_refused(tmp_path: Path, mode: int, fine: bool) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(b"key")
    path.chmod(mode)
    if fine:
        assert read_key_file(path) == b"key"
        return
    with pytest.raises(Fault) as caught:
        read_key_file(path)
    assert caught.value.kind is Kind.CONFIG
    assert caught.value.text == (
        f"{path} holds a secret and its mode {mode:04o} is too open: chmod 600 {path}"
    )


def test_what_is_no_key_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    write_key_file(tmp_path / "large", bytes(MAX_KEY_FILE + 1))
    for name, reason in (
        ("missing", "No such file or directory"),
        ("fifo", "not a regular file"),
        ("large", "larger than"),
        (".", "not a regular file"),
    ):
        with pytest.raises(Fault, match=reason):
            read_key_file(tmp_path / name)
