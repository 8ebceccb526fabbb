"""SEARCH (RFC 3501 6.4.4, RFC 9051 6.4.4), and what SORT and THREAD have in common with it.

`find` looks through the selected mailbox, `tell` says what was found as RETURN wants it
(RFC 4731, 5182, 5267, 6203, 9394). Whatever is long is done in pieces, so that no search
holds up other sessions, and one whose client has gone stops.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise, repeat
from operator import sub
from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.model import criteria as c
from merpati.servers.imap import context
from merpati.servers.imap.client import Client, Done
from merpati.servers.imap.legal import Refused
from merpati.servers.imap.matching import Scene, asks_modseq, criterion, is_fuzzy, resolved
from merpati.servers.imap.view import View
from merpati.services.finding.finder import Found, Source
from merpati.store import emails
from merpati.wire.imap import commands, finding, responses, results, session
from merpati.wire.imap import search as keys
from merpati.wire.imap.results import Answer, Option, Returns

CHUNK: Final = 4096  # numbers made in one turn of the event loop
WRITTEN: Final = 16_384  # numbers written in one turn: 0.2 ms
EVERYTHING: Final = Returns(frozenset({Option.ALL}))
PROGRESS_SECONDS: Final = 10.0  # between two words of how far a search has come (RFC 9585 3)


class Outcome(msgspec.Struct):
    """What was found: UIDs in the order they are told in, ascending but for SORT."""

    uids: Sequence[int]
    scores: dict[int, float]
    modseq_wanted: bool


async def search(client: Client, command: commands.Search) -> Done:
    """SEARCH and UID SEARCH."""
    check_charset(client, wrong=command.charset)
    returns = command.returns
    if returns is None and client.rev2:  # RFC 9051 6.4.4: the old answer is no more
        returns = EVERYTHING
    check(command.key, returns)
    context.check(client, command.tag, returns)
    try:
        wanted, found, by_modseq = await find(client, command.tag, command.key)
        outcome = Outcome(found.uids, found.scores, by_modseq)
    except Fault as fault:
        unsave(client, returns, fault)
        raise
    await tell(client, command, b"SEARCH", outcome, returns)
    context.begin(client, command, wanted, found.uids)
    return Done("SEARCH completed")


async def find(client: Client, tag: bytes, key: keys.SearchKey) -> tuple[c.Criterion, Found, bool]:
    """The messages of the selected mailbox that meet a key.

    Returns:
        What that key came to; what was found; whether it asks for modseqs, in a FILTER or not.
    """
    view = client.selected
    await view.load(client.services.store)
    key = await resolved(client, key)
    by_modseq = asks_modseq(key)
    if by_modseq:
        client.enable_condstore()
    wanted = criterion(key, Scene(client.milliseconds(), view))
    progress = Progress(client, tag, view.count)
    found = await client.services.finder.find(source(view), wanted, progress.tell)
    return wanted, found, by_modseq


def source(view: View) -> Source:
    """The selected mailbox, as the session knows it."""
    return Source(view.account_id, view.mailbox_id, view.uids)


def unsave(client: Client, returns: Returns | None, fault: Fault) -> None:
    """A search that failed leaves nothing saved, unless it is answered with BAD (RFC 5182 2.1)."""
    if returns is None or Option.SAVE not in returns.options or fault.kind is Kind.SYNTAX:
        return
    if client.view is not None:
        client.view.saved = ()


class Progress:
    """Says now and then how far a long search has come, and notices that nobody listens."""

    __slots__ = ("_client", "_goal", "_next", "_tag")

    def __init__(self, client: Client, tag: bytes, goal: int) -> None:
        self._client = client
        self._tag = tag
        self._goal = goal
        self._next = client.services.clock.monotonic() + PROGRESS_SECONDS

    async def tell(self, done: int) -> None:
        """So many messages have been looked at. Raises Fault when the client has gone."""
        client = self._client
        now = client.services.clock.monotonic()
        if now >= self._next and done < self._goal:
            self._next = now + PROGRESS_SECONDS
            code = session.inprogress(self._tag, done, self._goal)
            client.connection.write(
                responses.untagged(responses.Condition.OK, client.said("still searching"), code)
            )
        await client.connection.drain()


async def tell(
    client: Client,
    command: commands.Search | finding.Sort,
    kind: bytes,
    outcome: Outcome,
    returns: Returns | None,
    mailbox: tuple[str, int] | None = None,
) -> None:
    """Say what was found, and save it, as it is wanted; `mailbox` as in `Answer`."""
    view = client.selected
    uids = outcome.uids
    modseq = await _modseq(client, view, uids, returns) if outcome.modseq_wanted and uids else None
    shown = uids if command.uid else await numbers(view, uids)
    if returns is None:
        await _write_numbers(client, kind, shown, modseq)
        return
    options = returns.options
    if Option.SAVE in options:
        view.saved = sorted(_saved(uids, returns))
        if options == {Option.SAVE}:  # RFC 5182 2.1: nothing is told then
            return
    answer = Answer(command.tag, command.uid, mailbox, modseq=modseq)
    await fill(answer, outcome, shown, returns)
    client.connection.write(results.esearch(answer, utf8=client.utf8))


async def fill(answer: Answer, outcome: Outcome, shown: Sequence[int], returns: Returns) -> None:
    """Put into an answer what RETURN wants of messages that are told by the numbers `shown`."""
    options = returns.options
    if shown and Option.MIN in options:
        answer.lowest = shown[0]
    if shown and Option.MAX in options:
        answer.highest = shown[-1]
    if Option.COUNT in options:
        answer.count = len(shown)
    told: Sequence[int] = ()
    if Option.ALL in options:
        told = outcome.uids
        answer.all = await compressed(shown)
    elif returns.partial is not None:
        told = returns.partial.of(outcome.uids)
        answer.partial = returns.partial, await compressed(returns.partial.of(shown))
    if Option.RELEVANCY in options:
        answer.relevancy = [relevancy(outcome.scores.get(uid, 1.0)) for uid in told]


def check(key: keys.SearchKey, returns: Returns | None) -> None:
    """Refuse what has no meaning. Raises Refused."""
    if returns is not None and Option.RELEVANCY in returns.options and not is_fuzzy(key):
        raise Refused("RELEVANCY needs FUZZY", bad=True)


def check_charset(client: Client, *, wrong: bool) -> None:
    """Refuse a charset that UTF8=ACCEPT has made meaningless (RFC 9755 3). Raises Refused."""
    if wrong and client.utf8 and not client.rev2:
        raise Refused("all is UTF-8 since ENABLE UTF8=ACCEPT", bad=True)


def relevancy(score: float) -> int:
    """How relevant a message is, from 1 to 100 (RFC 6203 4)."""
    return max(1, min(100, round(score * 100)))


def _saved(uids: Sequence[int], returns: Returns) -> Sequence[int]:
    """Which of the messages found `$` is to stand for (RFC 5182 2.4, RFC 9394 3.2)."""
    options = returns.options
    if not uids or options & {Option.ALL, Option.COUNT}:
        return uids
    chosen: set[int] = set()
    if Option.MIN in options:
        chosen.add(uids[0])
    if Option.MAX in options:
        chosen.add(uids[-1])
    if returns.partial is not None:
        return [*chosen.union(returns.partial.of(uids))]
    return [*chosen] or uids


async def _modseq(
    client: Client, view: View, uids: Sequence[int], returns: Returns | None
) -> int | None:
    """The highest of all found, or of those that MIN and MAX show alone (RFC 7162 3.1.10)."""
    ends = {Option.MIN: uids[0], Option.MAX: uids[-1]}
    if returns is not None and returns.options <= set(ends):
        uids = sorted({ends[option] for option in returns.options})
    else:
        uids = sorted(uids)
    highest = 0
    for start in range(0, len(uids), CHUNK):
        rows = await client.services.store.read(
            emails.fetch, view.account_id, view.mailbox_id, uids[start : start + CHUNK],
            ("uid", "modseq"),
        )  # fmt: skip
        highest = max(highest, max((row[1] for row in rows), default=0))
        await asyncio.sleep(0)
    return highest or None


async def numbers(view: View, uids: Sequence[int]) -> Sequence[int]:
    """The sequence numbers of UIDs that are in the view, in their order."""
    known = view.uids
    if known and known[-1] == len(known):  # none was ever removed
        return uids
    if len(uids) == len(known) and list(uids) == list(known):
        return range(1, len(known) + 1)
    found: list[int] = []
    for start in range(0, len(uids), CHUNK):
        part = uids[start : start + CHUNK]
        found += [place + 1 for place in map(bisect_left, repeat(known), part)]
        await asyncio.sleep(0)
    return found


async def compressed(found: Sequence[int]) -> bytes:
    """Numbers in their order as a set, as short as that allows: `3:5,1`."""
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(found), CHUNK):
        part = found[start : start + CHUNK]
        steps = map(sub, part[1:], part)
        cuts = [0, *(at for at, step in enumerate(steps, 1) if step != 1), len(part)]
        runs = [(part[low], part[high - 1]) for low, high in pairwise(cuts)]
        if pairs and pairs[-1][1] + 1 == runs[0][0]:
            runs[0] = (pairs.pop()[0], runs[0][1])
        pairs += runs
        await asyncio.sleep(0)
    return ",".join([str(a) if a == b else f"{a}:{b}" for a, b in pairs]).encode()


async def _write_numbers(
    client: Client, kind: bytes, shown: Sequence[int], modseq: int | None
) -> None:
    """`* SEARCH 1 2 ...`, a piece at a time."""
    connection = client.connection
    if len(shown) <= WRITTEN:
        connection.write(results.numbers(kind, shown, modseq))
        return
    connection.write(b"* " + kind)
    for start in range(0, len(shown), WRITTEN):
        connection.write(results.spaced(shown[start : start + WRITTEN]))
        await connection.drain()
        await asyncio.sleep(0)
    connection.write(results.end_of_numbers(modseq))
