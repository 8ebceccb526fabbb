from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from merpati.base.clock import SystemClock
from merpati.base.faults import Fault, Kind
from merpati.base.ids import SystemIds
from merpati.base.secrets import Secret
from merpati.store.backup import repository as repositories
from merpati.store.backup.folder import Folder
from merpati.store.backup.repository import PIECE, Repository, digest_of, open_repository
from merpati.store.blobs import content_hash

IDS = SystemIds(SystemClock())
PASSPHRASE = Secret("burung merpati terbang")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backup"


@pytest.fixture
def repository(folder: Path) -> Iterator[Repository]:
    one = open_repository(Folder(folder, IDS), IDS, write=True)
    yield one
    one.close()


def again(folder: Path, *, write: bool = False, passphrase: Secret | None = None) -> Repository:
    return open_repository(Folder(folder, IDS), IDS, passphrase, write=write)


def test_a_content_is_kept_once_and_found_by_its_hash(repository: Repository) -> None:
    digest = repository.put(b"hello")
    assert digest == content_hash(b"hello")
    assert repository.get(digest) == b"hello"  # also before it is written
    repository.put(b"hello")
    repository.flush()
    written = repository.written
    repository.put(b"hello")
    repository.flush()
    assert repository.written == written
    assert not repository.has(content_hash(b"other"))


def test_what_was_flushed_is_there_when_it_is_opened_again(folder: Path) -> None:
    one = again(folder, write=True)
    digests = [one.put(f"message {n}".encode() * n) for n in range(300)]
    one.flush()
    one.close()
    two = again(folder)
    assert [two.get(digest) for digest in digests] == [
        f"message {n}".encode() * n for n in range(300)
    ]
    two.close()


def test_a_large_content_goes_in_pieces(repository: Repository) -> None:
    content = os.urandom(PIECE) + b"x" * PIECE + b"the end"
    digest = repository.put(content)
    repository.flush()
    pieces = list(repository.pieces(digest))
    assert [len(piece) for piece in pieces] == [PIECE, PIECE, 7]
    assert b"".join(pieces) == content


def test_a_backup_that_is_killed_leaves_only_what_the_next_one_uses_or_removes(
    folder: Path,
) -> None:
    program = (
        "import os,sys,signal\n"
        "from pathlib import Path\n"
        "from merpati.base.clock import SystemClock\n"
        "from merpati.base.ids import SystemIds\n"
        "from merpati.store.backup import repository as r\n"
        "from merpati.store.backup.folder import Folder\n"
        "IDS = SystemIds(SystemClock())\n"
        "r.PACK_SIZE = 50_000\n"
        "one = r.open_repository(Folder(Path(sys.argv[1]), IDS), IDS, write=True)\n"
        "(Path(sys.argv[1]) / 'incoming' / 'half').write_bytes(b'half a pack')\n"
        "for n in range(20): one.put(bytes([n]) + os.urandom(9_999))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, folder], check=False)
    assert killed.returncode == -9
    one = again(folder, write=True)  # the lock went with the process
    assert len(one.packs()) >= 3
    assert one.damaged == []
    assert list((folder / "incoming").iterdir()) == []
    one.close()


def test_only_one_writes(repository: Repository, folder: Path) -> None:
    assert repository.snapshots() == []
    for write in (True, False):
        with pytest.raises(Fault) as caught:
            again(folder, write=write)
        assert caught.value.kind is Kind.IN_USE


def test_a_changed_byte_is_found_and_names_the_file(folder: Path) -> None:
    one = again(folder, write=True)
    digest = one.put(os.urandom(1000))
    one.flush()
    (pack,) = one.packs()
    one.close()
    place = Folder(folder, IDS)
    assert digest_of(place, pack.name) == pack.name.rpartition("/")[2]
    path = folder / pack.name
    data = bytearray(path.read_bytes())
    data[500] ^= 1
    path.write_bytes(data)
    assert digest_of(place, pack.name) != pack.name.rpartition("/")[2]
    two = again(folder)
    with pytest.raises(Fault) as caught:
        two.get(digest)
    assert caught.value.kind is Kind.CORRUPT
    two.close()


def test_a_pack_that_was_cut_off_is_named_and_what_it_held_is_missed(folder: Path) -> None:
    one = again(folder, write=True)
    digest = one.put(b"one")
    one.flush()
    (pack,) = one.packs()
    one.close()
    path = folder / pack.name
    path.write_bytes(path.read_bytes()[:-5])
    two = again(folder, write=True)
    assert two.damaged == [pack.name]
    assert not two.has(digest)
    two.put(b"one")  # so the next backup writes it anew
    two.flush()
    assert two.get(digest) == b"one"
    two.close()


def test_prune_frees_what_nothing_needs_and_keeps_the_rest(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repositories, "PACK_SIZE", 50_000)
    one = again(folder, write=True)
    contents = [os.urandom(10_000) for _ in range(20)]
    digests = [one.put(content) for content in contents]
    large = one.put(os.urandom(PIECE + 1))
    one.flush()
    needed = [digests[0], digests[7], large]
    assert one.prune(needed) > 100_000
    assert [one.has(digest) for digest in digests] == [n in {0, 7} for n in range(20)]
    one.close()
    two = again(folder)
    assert two.get(digests[7]) == contents[7]
    assert len(b"".join(two.pieces(large))) == PIECE + 1
    assert not two.has(digests[1])
    two.close()


def test_a_snapshot_is_read_back_and_a_damaged_one_is_refused(
    repository: Repository, folder: Path
) -> None:
    name = repository.add_snapshot("20261122T020000Z", {"a": 1})
    assert repository.snapshots() == [name]
    assert repository.read_snapshot(name, dict[str, int]) == {"a": 1}
    path = folder / "snapshots" / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Fault) as caught:
        repository.read_snapshot(name, dict[str, int])
    assert caught.value.kind is Kind.CORRUPT
    assert str(path) in caught.value.text


def test_files_are_for_their_owner_alone(repository: Repository, folder: Path) -> None:
    repository.put(b"secret mail")
    repository.add_snapshot("20261122T020000Z", {})
    assert folder.stat().st_mode & 0o077 == 0
    for path in folder.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


# Encryption


def test_an_encrypted_backup_shows_nothing_without_its_passphrase(folder: Path) -> None:
    one = again(folder, write=True, passphrase=PASSPHRASE)
    digest = one.put(b"a very secret letter")
    name = one.add_snapshot("20261122T020000Z", {"host": "mail.example.org"})
    one.close()
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for secret in (b"secret letter", b"mail.example.org", digest):
        assert secret not in everything
    for passphrase in (None, Secret("another one")):
        with pytest.raises(Fault) as caught:
            again(folder, passphrase=passphrase)
        assert caught.value.kind is Kind.AUTH_FAILED
    two = again(folder, passphrase=PASSPHRASE)
    assert two.get(digest) == b"a very secret letter"
    assert two.read_snapshot(name, dict[str, str]) == {"host": "mail.example.org"}
    two.close()


def test_an_object_cannot_stand_for_another_one(folder: Path) -> None:
    one = again(folder, write=True, passphrase=PASSPHRASE)
    first, second = one.put(b"first"), one.put(b"second")
    one.flush()
    names = [one._seal.name(digest) for digest in (first, second)]
    place = one._place(names[0])
    assert place is not None
    one._index.execute(
        "UPDATE object SET at = ?, length = ? WHERE name = ?", (*place[1:3], names[1])
    )
    with pytest.raises(Fault) as caught:
        one.get(second)
    assert caught.value.kind is Kind.CORRUPT
    one.close()


# What goes wrong


def test_a_folder_of_something_else_is_left_alone(folder: Path) -> None:
    folder.mkdir()
    (folder / "holiday.jpg").write_bytes(b"...")
    with pytest.raises(Fault) as caught:
        again(folder, write=True)
    assert caught.value.kind is Kind.EXISTS
    assert [one.name for one in folder.iterdir()] == ["holiday.jpg"]


def test_what_is_no_backup_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(Fault) as caught:
        again(tmp_path)
    assert caught.value.kind is Kind.NOT_FOUND


def test_a_full_disk_is_a_fault_that_says_so(folder: Path) -> None:
    """RLIMIT_FSIZE stands in for a full disk: both end a write in its middle."""
    program = (
        "import os,sys,resource,signal,errno\n"
        "from pathlib import Path\n"
        "from merpati.base.clock import SystemClock\n"
        "from merpati.base.faults import Fault\n"
        "from merpati.base.ids import SystemIds\n"
        "from merpati.store.backup import repository as r\n"
        "from merpati.store.backup.folder import Folder\n"
        "IDS = SystemIds(SystemClock())\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "one = r.open_repository(Folder(Path(sys.argv[1]), IDS), IDS, write=True)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "one.put(os.urandom(500_000))\n"
        "try: one.flush()\n"
        "except Fault as fault:\n"
        "    print(fault.kind.value, len(os.listdir(one.place.path / 'incoming')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, folder], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["unavailable", "0"], done.stderr
    again(folder).close()
