"""Several clients change one mailbox at random; what each was told must be what is there."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest

from tests.support.imap import Client, serve
from tests.support.server import TestInstance

STEPS = 120


async def _act(chance: Random, client: Client, instance: TestInstance) -> None:
    count = len(client.numbers)
    choice = chance.choice(
        ["deliver", "noop", "fetch", "store", "uid store", "expunge", "move", "copy", "search",
         "store deleted", "body"]
    )  # fmt: skip
    if choice == "deliver":
        await instance.deliver(b"Subject: %d\r\n\r\nhello\r\n" % chance.randrange(1000))
        return
    if choice in {"noop", "expunge"} or not count:
        await client.ok(choice if choice in {"noop", "expunge"} else "CHECK")
        return
    first, last = sorted((chance.randint(1, count), chance.randint(1, count)))
    flag = chance.choice(["\\Seen", "\\Flagged", "$Work"])
    sign = chance.choice(["+", "-", ""])
    command = {
        "fetch": f"FETCH {first}:{last} (FLAGS)",
        "body": f"FETCH {first} BODY[HEADER]",
        "store": f"STORE {first}:{last} {sign}FLAGS ({flag})",
        "store deleted": f"STORE {first} +FLAGS (\\Deleted)",
        "uid store": f"UID STORE {first}:{last + 3} {sign}FLAGS ({flag})",
        "move": f"MOVE {first} Archive",
        "copy": f"UID COPY {first}:{last} INBOX",
        "search": chance.choice(["SEARCH UNSEEN", "UID SEARCH UID 1:*"]),
    }[choice]
    before = list(client.numbers)
    await client.command(command)
    assert client.text.startswith(("OK", "NO [EXPUNGEISSUED]")), f"{command}: {client.text}"
    if choice in {"fetch", "store", "store deleted", "body", "search"} and "UID" not in command:
        now = client.numbers[: len(before)]  # of some the UID may have become known
        same = [new if old is None else old for new, old in zip(now, before, strict=True)]
        assert now == same, "told of an EXPUNGE"


async def _truth(port: int) -> tuple[list[int], dict[int, str]]:
    """What a new client finds."""
    client = await Client.connect(port, mailbox="INBOX")
    if client.numbers:
        await client.ok("FETCH 1:* (UID FLAGS)")
    await client.close()
    return [uid for uid in client.numbers if uid], _kept(client.flags)


def _kept(flags: dict[int, str]) -> dict[int, str]:
    return {uid: re.sub(r" ?\\Recent", "", text).strip() for uid, text in flags.items()}


@pytest.mark.parametrize("seed", range(6))
async def test_every_client_ends_with_what_is_there(seed: int, tmp_path: Path) -> None:
    chance = Random(seed)
    async with TestInstance(tmp_path) as instance:
        port = serve(instance)
        for number in range(12):
            await instance.deliver(b"Subject: %d\r\n\r\nhello\r\n" % number)
        clients = [await Client.connect(port, mailbox="INBOX") for _ in range(3)]
        # The first knows flags from the start and keeps them by what it is told alone.
        for client in clients[:2]:
            await client.ok("FETCH 1:* (UID FLAGS)")
        if seed % 2:
            await clients[0].ok("ENABLE CONDSTORE")
        for _ in range(STEPS):
            await _act(chance, chance.choice(clients), instance)
        uids, flags = await _truth(port)
        for client in clients:
            await client.ok("NOOP")
            assert len(client.numbers) == len(uids)
            told = _kept(client.flags)
            assert told == {uid: flags[uid] for uid in told}
            if None in client.numbers:
                await client.ok("FETCH 1:* (UID FLAGS)")
            assert client.numbers == uids
            await client.close()
