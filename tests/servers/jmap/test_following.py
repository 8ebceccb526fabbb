"""Clients that follow an account by /changes, whatever happens and however little they ask for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.servers.jmap.test_email_query import World
from tests.support.jmap import JmapInstance


class Client:
    """What a client knows that never asks for everything again."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.known: set[str] = set()
        self.state = ""

    async def begin(self) -> None:
        told = await self.world.call(f"{self.name}/get", ids=None, properties=["id"])
        self.known = {one["id"] for one in told["list"]}
        self.state = told["state"]

    async def follow(self) -> bool:
        """One page of changes; whether there is more."""
        told: Any = await self.world.call(
            f"{self.name}/changes", sinceState=self.state,
            maxChanges=self.world.chance.choice((1, 2, 3, 100)),
        )  # fmt: skip
        assert told["oldState"] == self.state
        for id_ in told["created"]:
            assert id_ not in self.known or "." in self.state, (told, self.known)
            self.known.add(id_)
        if self.name == "Thread":  # one that was left may have come since, and is not known
            self.known |= set(told["updated"])
        for id_ in told["updated"]:
            assert id_ in self.known, (told, self.known)
        self.known -= set(told["destroyed"])
        self.state = told["newState"]
        return bool(told["hasMoreChanges"])


@pytest.mark.parametrize("seed", range(8))
async def test_who_follows_page_by_page_knows_in_the_end_what_there_is(
    jmap: JmapInstance, seed: int
) -> None:
    world = World(jmap, seed + 200)
    boxes = (await world.call("Mailbox/get", ids=None, properties=["id"]))["list"]
    world.mailboxes = [one["id"] for one in boxes[:3]]
    clients = [Client(world, name) for name in ("Email", "Thread", "Mailbox")]
    for client in clients:
        await client.begin()
    for _ in range(12):
        for _ in range(world.chance.randrange(1, 6)):
            await world.step()
            if world.chance.random() < 0.3:
                for client in clients:
                    await client.follow()  # and some of the rest when more has happened
        for client in clients:
            while await client.follow():
                pass
            now = Client(world, client.name)
            await now.begin()
            assert client.known == now.known, client.name
            assert client.state == now.state
