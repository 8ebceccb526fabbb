"""Clients that say anything, break off anywhere, and never stop.

What must hold whatever they do: every session answers or ends, none ends with a defect,
memory stays where it was, and a client that behaves is served all the while.
"""

from __future__ import annotations

import asyncio
import gc
import random
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from merpati.services.login import Login, LoginSettings
from tests.support.server import TestInstance

AT_ONCE: Final = 20
END: Final = 60.0  # seconds in which a session must have ended once its client has
GROWTH_MAX: Final = 64 * 1024  # KiB more than after the first tenth
WAIT_MAX: Final = 2.0  # seconds of this process that a good client may be kept waiting

LINE_ENDS: Final = (b"\r\n",) * 12 + (b"\n", b"\r", b"\r\r\n", b"\n\r", b"", b" \r\n", b"\t\r\n")


@dataclass(frozen=True)
class Vocabulary:
    """What hostile clients of one protocol say."""

    openings: tuple[bytes, ...]  # how a dialogue begins, so that it gets anywhere
    words: tuple[bytes, ...]

    def dialogue(self, chance: random.Random) -> Iterator[bytes]:
        """Pieces to send, cut anywhere."""
        talk = chance.choice(self.openings)
        for _ in range(chance.randrange(25)):
            line = chance.choice(self.words)
            if chance.random() < 0.2:
                line = mutated(line, chance)
            talk += line + chance.choice(LINE_ENDS)
        if chance.random() < 0.1:
            talk += chance.randbytes(chance.randrange(5000))
        while talk:
            cut = chance.choice((1, 5, 50, 500, len(talk)))
            yield talk[:cut]
            talk = talk[cut:]


@dataclass(frozen=True)
class Outcome:
    """What a campaign came to."""

    longest: float  # seconds of this process that the client who behaves waited
    grown: int  # KiB


def mutated(line: bytes, chance: random.Random) -> bytes:
    """One change to a line."""
    at = chance.randrange(len(line) + 1)
    return chance.choice(
        (
            line[:at],
            line[:at] + chance.randbytes(chance.randrange(1, 8)) + line[at:],
            line[:at] + line,
            line[:at] + line[at + 1 :],
        )
    )


async def attack(port: int, vocabulary: Vocabulary, chance: random.Random) -> None:
    """One client: it says its dialogue, sometimes without listening, and leaves somehow."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    deaf = chance.random() < 0.1
    try:
        if chance.random() < 0.9:  # the others speak before they are greeted
            await reader.readline()
        for piece in vocabulary.dialogue(chance):
            writer.write(piece)
            if not deaf:
                await writer.drain()
            if chance.random() < 0.3:
                await asyncio.sleep(0)
        if chance.random() < 0.3:
            writer.transport.abort()
            return
        writer.write_eof()
        async with asyncio.timeout(END):
            while await reader.read(65_536):
                pass
    except TimeoutError:
        raise AssertionError("a session did not end") from None
    except OSError:
        pass  # the server had enough
    finally:
        writer.close()


async def campaign(
    instance: TestInstance,
    ports: Sequence[int],
    vocabulary: Vocabulary,
    behave: Callable[[], Awaitable[None]],
    count: int,
    seed: int,
) -> Outcome:
    """Plays so many dialogues, while somebody behaves again and again."""
    stop = asyncio.Event()
    good = asyncio.create_task(_longest(behave, stop))
    first = 0
    for done in range(0, count, AT_ONCE):
        await asyncio.gather(
            *(
                attack(ports[n % len(ports)], vocabulary, random.Random(f"{seed} {done + n}"))
                for n in range(min(AT_ONCE, count - done))
            )
        )
        if done <= count // 10:
            gc.collect()
            first = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - first
    stop.set()
    longest = await good
    async with asyncio.timeout(END):
        while any(listener.active for listener in instance._listeners):  # noqa: ASYNC110 -- no event
            await asyncio.sleep(0.01)
    assert not any(listener.failed for listener in instance._listeners)
    return Outcome(longest, grown)


def let_guess(instance: TestInstance) -> None:
    """Wrong passwords without end, so that the good client behind the same address gets in."""
    patient = LoginSettings(guesses_per_hour=10**9, guesses_burst=10**9)
    instance.login.close()
    instance.login = Login(instance.store, instance.clock, instance.ids, patient, instance.metrics)


async def _longest(behave: Callable[[], Awaitable[None]], stop: asyncio.Event) -> float:
    """The most that went into one turn: all run in this process, other work does not count."""
    longest = 0.0
    while not stop.is_set():
        begun = time.process_time()
        async with asyncio.timeout(END):
            await behave()
        longest = max(longest, time.process_time() - begun)
        await asyncio.sleep(0.02)
    return longest


def main(play: Callable[[Path, int, int], Awaitable[Outcome]]) -> None:
    """The long form, from the command line: how many dialogues, and a seed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    print(f"{count} dialogues, seed {seed}", flush=True)
    begun = time.monotonic()

    async def run() -> Outcome:
        with tempfile.TemporaryDirectory() as folder:
            return await play(Path(folder), count, seed)

    found = asyncio.run(run())
    spent = time.monotonic() - begun
    print(
        f"{count / spent:.0f}/s; the good client waited {found.longest:.2f} s at most;"
        f" grown by {found.grown} KiB"
    )
    assert found.grown < GROWTH_MAX, "memory grows"
