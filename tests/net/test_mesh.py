from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from merpati.net import mesh
from merpati.net.mesh import DATAGRAM_MAX, Mesh
from merpati.services.notify import Notify
from merpati.store.engine import Topic
from tests.support.sockets import until


@pytest.fixture
def folder() -> Iterator[Path]:
    # Short, since the path of a unix socket is: not below pytest's own folder.
    with tempfile.TemporaryDirectory(prefix="mesh-") as path:
        yield Path(path)


class Node:
    """Some workers of one node, and what each has heard."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self.names = [f"worker-{n}" for n in range(count)]
        self.sockets = [mesh.bind(folder, name) for name in self.names]
        self.heard: list[list[bytes]] = [[] for _ in self.names]
        self.meshes = [
            Mesh(sock, folder, self.names, heard.append)
            for sock, heard in zip(self.sockets, self.heard, strict=True)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.meshes:
            one.close()
        for sock in self.sockets:
            sock.close()


async def test_the_others_hear_and_the_sender_does_not(folder: Path) -> None:
    with Node(folder, 3) as node:
        node.meshes[0].send(b"news")
        await until(lambda: node.heard[1] == node.heard[2] == [b"news"])
        assert node.heard[0] == []


async def test_the_patient_are_sent_to_apart(folder: Path) -> None:
    with Node(folder, 3) as node:
        node.meshes[0].close()
        node.meshes[0] = Mesh(
            node.sockets[0], folder, node.names, node.heard[0].append, ("worker-2",)
        )
        node.meshes[0].send(b"news")
        node.meshes[0].send(b"later", patient=True)
        await until(lambda: bool(node.heard[1] and node.heard[2]))
        assert node.heard == [[], [b"news"], [b"later"]]


async def test_a_worker_that_is_gone_is_passed_over(folder: Path) -> None:
    with Node(folder, 3) as node:
        (folder / "worker-1.bus").unlink()
        node.meshes[0].send(b"news")
        await until(lambda: node.heard[2] == [b"news"])
        assert node.heard[1] == []


async def test_a_worker_that_does_not_listen_holds_nobody_up(folder: Path) -> None:
    with Node(folder, 3) as node:
        node.meshes[1].close()  # its socket fills up, as that of a worker that hangs
        for _ in range(5000):
            node.meshes[0].send(b"x" * 1000)
            await asyncio.sleep(0)
        await until(lambda: len(node.heard[2]) > 0)


async def test_what_waited_is_heard_by_the_next_worker_on_the_socket(folder: Path) -> None:
    with Node(folder, 2) as node:
        node.meshes[1].close()
        node.meshes[0].send(b"news")
        node.meshes[1] = Mesh(node.sockets[1], folder, node.names, node.heard[1].append)
        await until(lambda: node.heard[1] == [b"news"])


async def test_a_command_line_sends_to_every_worker(folder: Path) -> None:
    with Node(folder, 3) as node:
        mesh.send(folder, b"reload", but="worker-2")
        await until(lambda: node.heard[0] == node.heard[1] == [b"reload"])
        assert node.heard[2] == []


async def test_the_largest_datagram_arrives_whole(folder: Path) -> None:
    with Node(folder, 2) as node:
        node.meshes[0].send(b"x" * DATAGRAM_MAX)
        await until(lambda: node.heard[1] == [b"x" * DATAGRAM_MAX])


async def test_only_the_owner_may_send(folder: Path) -> None:
    mesh.bind(folder, "worker-0").close()
    assert (folder / "worker-0.bus").stat().st_mode & 0o777 == 0o600


async def test_a_socket_left_by_a_crash_is_bound_anew(folder: Path) -> None:
    mesh.bind(folder, "worker-0").close()
    mesh.bind(folder, "worker-0").close()


async def test_announcements_cross_and_garbage_between_them_is_harmless(folder: Path) -> None:
    names = ["worker-0", "worker-1"]
    sockets = [mesh.bind(folder, name) for name in names]
    notifies = [Notify(), Notify()]
    meshes = [
        Mesh(sock, folder, names, notify.received)
        for sock, notify in zip(sockets, notifies, strict=True)
    ]
    for notify, one in zip(notifies, meshes, strict=True):
        notify.join(one)
    heard: list[int] = []
    notifies[1].listen(Topic.ACCOUNT, 7, lambda: heard.append(7))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        for garbage in (b"", b"\xc1", b"\x91" * 50_000):
            stranger.sendto(garbage, str(folder / "worker-1.bus"))
    notifies[0].committed({(Topic.ACCOUNT, 7), (Topic.QUEUE, 0)})
    await until(lambda: heard == [7])
    for one, sock in zip(meshes, sockets, strict=True):
        one.close()
        sock.close()
