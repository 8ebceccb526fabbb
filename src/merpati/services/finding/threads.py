"""Threads out of messages (RFC 5256 3): by subject, or by what refers to what.

REFERENCES is the algorithm of the RFC in its six steps. Messages are numbers here, ids are
hashes of 64 bits, and nothing recurses, since a thread may be as deep as a mailbox is long.
Every step is linear but for the sorting, and other work has its turn in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from merpati.model import criteria as c
from merpati.services.finding.columns import Column
from merpati.services.finding.finder import Finder, Source, spans
from merpati.services.finding.pages import SPAN
from merpati.services.finding.sorting import column_of, order

TURN: Final = 1024  # messages in one turn of the event loop
WALK_MAX: Final = 1000  # ancestors looked at for a loop; deeper threads are cut there


class Node(msgspec.Struct, gc=False):
    """A message in a thread, by its place among those asked about; -1 for a missing one."""

    place: int
    below: list[Node]


class _Tree(msgspec.Struct):
    """Which id is whose answer. Ids are numbered as they come up; so are messages without one.

    `parents` and `places` have -1 for none; `by_id` knows the number of an id's hash.
    """

    parents: list[int]
    places: list[int]
    is_parent: list[bool]  # or was one
    by_id: dict[int, int]

    def number(self, ref: int) -> int:
        """The number of an id; 0 is no id, and a number by itself."""
        found = self.by_id.get(ref, -1) if ref else -1
        if found < 0:
            found = len(self.parents)
            self.parents.append(-1)
            self.places.append(-1)
            self.is_parent.append(False)
            if ref:
                self.by_id[ref] = found
        return found

    def link(self, parent: int, child: int) -> None:
        """Make one the parent of another, unless that closes a loop."""
        if parent == child:
            return
        if self.is_parent[child]:
            above, steps = parent, 0
            while above >= 0:
                if above == child or steps == WALK_MAX:
                    return
                above = self.parents[above]
                steps += 1
        self.parents[child] = parent
        self.is_parent[parent] = True

    def add(self, place: int, own: int, refs: Sequence[int]) -> None:
        """Step 1 for one message."""
        node = self.number(own)
        if self.places[node] >= 0:  # another message has this id already
            node = self.number(0)
        self.places[node] = place
        last = -1
        for ref in refs:
            current = self.number(ref)
            if last >= 0 and self.parents[current] < 0:
                self.link(last, current)
            last = current
        self.parents[node] = -1
        if last >= 0:
            self.link(last, node)


async def thread(
    finder: Finder, source: Source, uids: Sequence[int], how: c.ThreadBy
) -> list[Node]:
    """The threads of ascending UIDs of a mailbox; `Node.place` counts in these."""
    if not uids:
        return []
    sent = await column_of(finder, source, uids, Column.SENT_AT)
    subjects: list[bytes] = []
    if how is not c.ThreadBy.REFS:
        subjects = await column_of(finder, source, uids, Column.BASE_SUBJECT)
    if how is c.ThreadBy.ORDERED_SUBJECT:
        return await _by_subject(subjects, sent)
    tree = await _linked(finder, source, uids)
    roots, wide = await _pruned(tree)
    await _sort(roots, wide, sent)
    if how is c.ThreadBy.REFS:
        newest = [max(sent[place] for place in _places(root)) for root in roots]
        return [roots[n] for n in sorted(range(len(roots)), key=newest.__getitem__)]
    replies = await column_of(finder, source, uids, Column.IS_REPLY)
    roots, wide = await _gathered(roots, subjects, replies)
    await _sort(roots, wide, sent)
    return roots


async def _by_subject(subjects: Sequence[bytes], sent: Sequence[int]) -> list[Node]:
    """ORDEREDSUBJECT: a message, and below it all later ones of its base subject."""
    threads: list[Node] = []
    last: bytes | None = None
    for count, place in enumerate(await order([subjects, sent], [False, False]), 1):
        if count % TURN == 0:
            await asyncio.sleep(0)
        if subjects[place] != last:
            last = subjects[place]
            threads.append(Node(place, []))
        else:
            threads[-1].below.append(Node(place, []))
    first = [node.place for node in threads]
    begins = [sent[place] for place in first]
    return [threads[n] for n in await order([begins, first], [False, False])]


async def _linked(finder: Finder, source: Source, uids: Sequence[int]) -> _Tree:
    """Step 1: what refers to what."""
    tree = _Tree([], [], [], {})
    place = 0
    for part in spans(uids, SPAN):
        page = await finder.pages.load(source.account_id, source.mailbox_id, part, Column.REFS)
        refs = page.numbers().tolist()
        places = dict(zip(part, range(place, place + len(part)), strict=True))
        at = 0
        for uid in page.uids:
            end = at + 2 + refs[at]
            if (found := places.pop(uid, -1)) >= 0:
                tree.add(found, refs[at + 1], refs[at + 2 : end])
            at = end
        for found in places.values():  # it is gone, or its page was not to be had
            tree.add(found, 0, ())
        place += len(part)
        await asyncio.sleep(0)
    return tree


async def _pruned(tree: _Tree) -> tuple[list[Node], list[Node]]:
    """Steps 2 and 3: the roots, without what is missing and holds no two threads together.

    Returns:
        The roots, and all nodes that have several others below them.
    """
    parents, places = tree.parents, tree.places
    below: dict[int, list[int]] = {}
    ways: list[int] = []
    for start in range(0, len(parents), TURN):
        for node, parent in enumerate(parents[start : start + TURN], start):
            if parent < 0:
                ways.append(node)
            elif parent in below:
                below[parent].append(node)
            else:
                below[parent] = [node]
        await asyncio.sleep(0)
    roots = len(ways)
    for count, node in enumerate(ways):  # grows meanwhile: parents come before their children
        if node in below:
            ways += below[node]
        if not count % TURN:
            await asyncio.sleep(0)
    made: dict[int, list[Node]] = {}
    wide: list[Node] = []
    for start in range(len(ways), 0, -TURN):
        for node in reversed(ways[max(0, start - TURN) : start]):
            place = places[node]
            if node not in below:
                made[node] = [Node(place, [])] if place >= 0 else []
                continue
            kids = _together([made.pop(child) for child in below[node]])
            if place >= 0 or (parents[node] < 0 and len(kids) > 1):
                made[node] = [Node(place, kids)]
                if len(kids) > 1:
                    wide += made[node]
            else:
                made[node] = kids
        await asyncio.sleep(0)
    return [found for root in ways[:roots] for found in made[root]], wide


def _together(lists: list[list[Node]]) -> list[Node]:
    """One list of all, in any order; the longest is not copied."""
    if not lists:
        return []
    longest = max(lists, key=len)
    for each in lists:
        if each is not longest:
            longest += each
    return longest


async def _sort(roots: list[Node], wide: Sequence[Node], sent: Sequence[int]) -> None:
    """Steps 4 and 6: siblings by the date they were sent, a missing root by its first child's.

    `wide` are the nodes whose siblings below them may not be in order; only roots are missing.
    """

    def key(node: Node) -> tuple[int, int]:
        return sent[node.place], node.place

    for start in range(0, len(wide), TURN):
        for node in wide[start : start + TURN]:
            node.below.sort(key=key)
        await asyncio.sleep(0)
    dates: list[int] = []
    places: list[int] = []
    for start in range(0, len(roots), TURN):
        for root in roots[start : start + TURN]:
            place = root.place if root.place >= 0 else root.below[0].place
            places.append(place)
            dates.append(sent[place])
        await asyncio.sleep(0)
    found = await order([dates, places], [False, False])
    roots[:] = map(roots.__getitem__, found)


async def _gathered(
    roots: list[Node], subjects: Sequence[bytes], replies: Sequence[int]
) -> tuple[list[Node], list[Node]]:
    """Step 5: threads of one base subject become one.

    Returns:
        The roots, and those that have got others below them.
    """
    table: dict[bytes, Node] = {}
    for count, root in enumerate(roots, 1):
        if count % TURN == 0:
            await asyncio.sleep(0)
        subject = _subject(root, subjects)
        known = table.get(subject)
        if known is None or (known.place >= 0 and (root.place < 0 or (
            replies[known.place] and not replies[root.place]
        ))):  # fmt: skip
            table[subject] = root
    table.pop(b"", None)
    kept: list[Node] = []
    grown: dict[int, Node] = {}
    for count, root in enumerate(roots, 1):
        if count % TURN == 0:
            await asyncio.sleep(0)
        known = table.get(_subject(root, subjects), root)
        if known is root:
            kept.append(root)
            continue
        grown[id(known)] = known
        if known.place < 0:
            known.below += root.below if root.place < 0 else [root]
        elif replies[root.place] and not replies[known.place]:
            known.below.append(root)
        else:  # the one in the table becomes the missing parent of both
            known.below = [Node(known.place, known.below), root]
            known.place = -1
    return kept, list(grown.values())


def _subject(root: Node, subjects: Sequence[bytes]) -> bytes:
    return subjects[root.place if root.place >= 0 else root.below[0].place]


def _places(root: Node) -> Iterator[int]:
    """The messages of a thread."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.place >= 0:
            yield node.place
        waiting += node.below
