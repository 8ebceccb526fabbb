from __future__ import annotations

import socket
from pathlib import Path

import pytest

from merpati.net import mesh, unix_address
from merpati.net.listen import ListenerSpec, bind
from merpati.net.unix_address import LENGTH_MAX, fitting


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """A folder whose sockets have no address of their own."""
    folder = tmp_path / ("d" * 60) / ("e" * 60)
    folder.mkdir(parents=True)
    return folder


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_path_that_fits_stays(tmp_path: Path) -> None:
    path = "x" * LENGTH_MAX
    with fitting(path) as address:
        assert address == path


def test_a_longer_one_leads_to_the_same_place_and_leaves_no_file_open(deep: Path) -> None:
    before = open_files()
    with fitting(deep / "s") as address:
        assert len(address) <= LENGTH_MAX
        Path(address).write_text("here")
    assert (deep / "s").read_text() == "here"
    assert open_files() == before


def test_workers_and_clients_reach_sockets_that_lie_deep(deep: Path) -> None:
    with mesh.bind(deep, "worker-0") as bus:
        mesh.send(deep, b"hello")
        assert bus.recv(100) == b"hello"
    path = deep / "lmtp.sock"
    for _ in range(2):  # the second finds what the first has left
        [listening] = bind(ListenerSpec(name="lmtp", path=str(path)))
        with listening, socket.socket(socket.AF_UNIX) as client, fitting(path) as address:
            client.connect(address)


def test_a_folder_that_is_not_there_is_an_error(deep: Path) -> None:
    with pytest.raises(FileNotFoundError), unix_address.fitting(deep / "no" / "s"):
        pass
