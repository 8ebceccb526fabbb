"""Threads out of messages (RFC 5256 3): by subject, or by what refers to what.

REFERENCES is the algorithm of the RFC in its six steps. Nodes are numbers: a message is its
place among those asked about, and ids whose message is missing come behind these. Who stands
below whom is told by lists of numbers, for 100,000 small objects would cost more than all
the rest. Messages are put in order of their dates once, and taken in that order siblings
and threads come out sorted. Nothing recurses, since a thread may be as deep as a mailbox is
long, and other work has its turn in between.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from merpati.model import criteria as c
from merpati.services.finding.answers import same
from merpati.services.finding.columns import Column
from merpati.services.finding.finder import Finder, Source, spans
from merpati.services.finding.pages import SPAN
from merpati.services.finding.sorting import column_of, order

TURN: Final = 4096  # messages in one turn of the event loop
WALK_MAX: Final = 1000  # ancestors looked at for a loop; deeper threads are cut there
ONLY: Final = -2  # a step: the only answer to the message before it
FIRST: Final = -1  # a step: the first of several answers to the message before it


class Threads(msgspec.Struct, frozen=True):
    """Threads as a walk through them, each message behind what it answers.

    Attributes:
        places: of the messages among those asked about; -1 for one that is missing.
        steps: to each of them: ONLY, FIRST, or how many branches end before another begins
            with it, a whole thread being one. A last one tells how many end at the end.
    """

    places: array[int]
    steps: array[int]


class _Tree(msgspec.Struct):
    """Which node is whose answer, -1 for none; those from `count` on are missing messages."""

    count: int
    parents: list[int]
    is_parent: bytearray  # or was one
    first: list[int]  # of the nodes below each
    next: list[int]  # of those beside it

    def link(self, parent: int, child: int) -> None:
        """Make one the parent of another, unless that closes a loop."""
        if parent == child:
            return
        parents = self.parents
        if self.is_parent[child]:
            above, steps = parent, 0
            while above >= 0:
                if above == child or steps == WALK_MAX:
                    return
                above = parents[above]
                steps += 1
        parents[child] = parent
        self.is_parent[parent] = 1

    def add(self) -> int:
        """Another missing message."""
        self.parents.append(-1)
        self.is_parent.append(0)
        return len(self.parents) - 1

    def below(self, node: int) -> Iterator[int]:
        """The nodes below one."""
        node = self.first[node]
        while node >= 0:
            yield node
            node = self.next[node]

    def put_below(self, node: int, children: Sequence[int]) -> None:
        """Let just these stand below a node, in this order."""
        behind = -1
        for child in reversed(children):
            self.next[child] = behind
            behind = child
        self.first[node] = behind


async def thread(finder: Finder, source: Source, uids: Sequence[int], how: c.ThreadBy) -> Threads:
    """The threads of ascending UIDs of a mailbox; `Threads.places` counts in these."""
    mailbox = source.account_id, source.mailbox_id
    known = finder.answers.get(mailbox, how, uids)
    if known is not None:
        return Threads(*known)
    found = await _threads(finder, source, uids, how)
    finder.answers.put(mailbox, how, uids, (found.places, found.steps))
    return found


async def _threads(finder: Finder, source: Source, uids: Sequence[int], how: c.ThreadBy) -> Threads:
    sent = await column_of(finder, source, uids, Column.SENT_AT)
    dated = await order([sent], [False])
    subjects: list[str] = []
    if how is not c.ThreadBy.REFS:
        subjects = await column_of(finder, source, uids, Column.BASE_SUBJECT)
    if how is c.ThreadBy.ORDERED_SUBJECT:
        tree = await _by_subject(subjects, dated)
    else:
        tree = await _linked(finder, source, uids)
        await _prune(tree)
    roots = await _chain(tree, dated)
    if how is c.ThreadBy.REFS:
        newest: list[int] = []
        for start in range(0, len(roots), TURN // 4):
            some = roots[start : start + TURN // 4]
            newest += [max(map(sent.__getitem__, _places(tree, root))) for root in some]
            await asyncio.sleep(0)
        roots = [roots[n] for n in await order([newest], [False])]
    elif how is c.ThreadBy.REFERENCES:
        replies = await column_of(finder, source, uids, Column.IS_REPLY)
        roots = await _gathered(tree, roots, subjects, replies, dated)
    return await _walk(tree, roots)


async def _by_subject(subjects: Sequence[str], dated: Sequence[int]) -> _Tree:
    """ORDEREDSUBJECT: a message, and below it all later ones of its base subject."""
    count = len(subjects)
    tree = _Tree(count, [-1] * count, bytearray(count), [], [])
    begun: dict[str, int] = {}
    for turn, place in enumerate(dated):
        root = begun.setdefault(subjects[place], place)
        if root != place:
            tree.parents[place] = root
        if not turn % TURN:
            await asyncio.sleep(0)
    return tree


async def _linked(finder: Finder, source: Source, uids: Sequence[int]) -> _Tree:
    """Step 1: what refers to what."""
    count = len(uids)
    tree = _Tree(count, [-1] * count, bytearray(count), [], [])
    parents = tree.parents
    own = await column_of(finder, source, uids, Column.OWN_ID)
    # The first message that has an id is the one that it names.
    by_id = dict(zip(reversed(own), range(count - 1, -1, -1), strict=True))
    by_id.pop(0, None)  # no id
    place = 0
    for part in spans(uids, SPAN):
        page = await finder.pages.load(source.account_id, source.mailbox_id, part, Column.REFS)
        known: Sequence[int] = range(place, place + len(part))
        if not same(page.uids, part):
            places = dict(zip(part, known, strict=True))
            known = [places.get(uid, -1) for uid in page.uids]
        refs = page.numbers().tolist()
        at = 0
        for node in known:
            end = at + 1 + refs[at]
            at += 1
            if node >= 0:
                above = -1
                for ref in refs[at:end]:
                    current = by_id.get(ref, -1)
                    if current < 0:
                        current = by_id[ref] = tree.add()
                    if above >= 0 and parents[current] < 0:
                        tree.link(above, current)
                    above = current
                parents[node] = -1
                if above >= 0:
                    tree.link(above, node)
            at = end
        place += len(part)
        await asyncio.sleep(0)
    return tree


async def _prune(tree: _Tree) -> None:
    """Steps 2 and 3: take out what is missing and holds no two threads together.

    What stands below it goes to the next message above, or to a missing root.
    """
    parents, count = tree.parents, tree.count
    if len(parents) == count:
        return
    above: dict[int, int] = {}
    for node in range(count, len(parents)):
        if not node % TURN:
            await asyncio.sleep(0)
        way: list[int] = []
        while node >= count and parents[node] >= 0 and node not in above:
            way.append(node)
            node = parents[node]  # noqa: PLW2901
        above.update(dict.fromkeys(way, above.get(node, node)))
    parents[:count] = [above.get(parent, parent) for parent in parents[:count]]
    held: dict[int, int] = {}
    for parent in parents[:count]:
        if parent >= count:
            held[parent] = held.get(parent, 0) + 1
    alone = {node for node, number in held.items() if number == 1}
    if alone:
        parents[:count] = [-1 if parent in alone else parent for parent in parents[:count]]


async def _chain(tree: _Tree, dated: Sequence[int]) -> list[int]:
    """Step 4: put siblings and roots in order of their dates; a missing root has its first's.

    Args:
        tree: Whose `first` and `next` are made.
        dated: The messages by their dates.

    Returns:
        The roots.
    """
    parents, count = tree.parents, tree.count
    first = tree.first = [-1] * len(parents)
    following = tree.next = [-1] * len(parents)
    roots: list[int] = []
    begins: dict[int, int] = {}  # missing roots: where among the roots they stand
    for end in range(len(dated), 0, -TURN):  # backwards, since what comes last is put in front
        for node in reversed(dated[max(0, end - TURN) : end]):
            parent = parents[node]
            if parent < 0:
                roots.append(node)
                continue
            following[node] = first[parent]
            first[parent] = node
            if parent >= count:
                if parent in begins:
                    roots[begins[parent]] = -1
                begins[parent] = len(roots)
                roots.append(parent)
        await asyncio.sleep(0)
    roots.reverse()
    return [root for root in roots if root >= 0] if begins else roots


async def _gathered(
    tree: _Tree,
    roots: list[int],
    subjects: Sequence[str],
    replies: Sequence[int],
    dated: Sequence[int],
) -> list[int]:
    """Steps 5 and 6: threads of one base subject become one, and are put in order."""
    count, first = tree.count, tree.first
    titles = [subjects[root if root < count else first[root]] for root in roots]
    table: dict[str, int] = {}
    for turn, (root, title) in enumerate(zip(roots, titles, strict=True)):
        if not turn % TURN:
            await asyncio.sleep(0)
        known = table.get(title, -1)
        if known < 0 or (
            known < count and (root >= count or (replies[known] and not replies[root]))
        ):
            table[title] = root
    if "" in table:
        del table[""]
    elif len(table) == len(roots):
        return roots
    kept: list[int] = []
    joined: dict[int, list[int]] = {}
    instead: dict[int, int] = {}  # a missing parent of both, where neither answers the other
    for turn, (root, title) in enumerate(zip(roots, titles, strict=True)):
        if not turn % TURN:
            await asyncio.sleep(0)
        known = table.get(title, root)
        if known == root:
            kept.append(root)
            continue
        holder = instead.get(known, known)
        if holder >= count:
            joined.setdefault(holder, []).extend([root] if root < count else tree.below(root))
        elif replies[root] and not replies[known]:
            joined.setdefault(known, []).append(root)
        else:
            holder = instead[known] = tree.add()
            first.append(-1)
            tree.next.append(-1)
            joined[holder] = [known, root]
    if not joined:
        return kept
    rank = [0] * count
    for at, place in enumerate(dated):
        rank[place] = at
    for node, more in joined.items():
        tree.put_below(node, sorted([*tree.below(node), *more], key=rank.__getitem__))
        if len(more) >= TURN:
            await asyncio.sleep(0)
    kept = [instead.get(root, root) for root in kept]
    begins = [rank[root if root < count else first[root]] for root in kept]
    return [kept[n] for n in await order([begins], [False])]


async def _walk(tree: _Tree, roots: Sequence[int]) -> Threads:
    """From each root down, branch after branch."""
    count, first, following = tree.count, tree.first, tree.next
    places, steps = array("i"), array("i")
    open_: list[int] = []  # branches: the node in each whose siblings come when it ends
    ended = 0
    for root in roots:
        node, step = root, ended
        while True:
            places.append(node if node < count else -1)
            steps.append(step)
            below = first[node]
            if not len(places) % TURN:
                await asyncio.sleep(0)
            if below >= 0:
                if following[below] < 0:
                    step = ONLY
                else:
                    open_.append(below)
                    step = FIRST if node < count else 0
                node = below
                continue
            step, node = 1, -1
            while open_ and node < 0:
                node = following[open_[-1]]
                if node >= 0:
                    open_[-1] = node
                else:
                    open_.pop()
                    step += 1
            if node < 0:
                ended = step
                break
    steps.append(ended)
    return Threads(places, steps)


def _places(tree: _Tree, root: int) -> Iterator[int]:
    """The messages of a thread."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node < tree.count:
            yield node
        waiting += tree.below(node)
