r"""FETCH responses of what the rows hold: flags, dates, sizes, prepared structures.

A request becomes a `Plan` once: the columns to read, and one bytes template for the line.
Rows come in chunks, are turned into columns, and each column that needs it is rendered as
a whole, so the loop over messages runs in C: `map(template.__mod__, zip(...))`.
"""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, repeat
from typing import Any, Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.servers.imap import surrogate
from merpati.servers.imap.client import Client
from merpati.servers.imap.legal import Refused
from merpati.servers.imap.view import View
from merpati.store import email_keywords, fetch_pages
from merpati.store.engine import Row
from merpati.wire.imap import dates, flags, responses, results, sets, strings
from merpati.wire.imap.fetch import Attribute
from merpati.wire.imap.session import messagelimit

CHUNK: Final = 500  # messages in one turn of the event loop
CHUNK_WIDE: Final = fetch_pages.SPAN  # when they bring their structures along
CHUNK_FLAGS: Final = 2_000  # when nothing but flags is asked for

# Column and text of each attribute that lies in a row as it is.
ITEMS: Final = {
    Attribute.UID: ("uid", b"UID %d"),
    Attribute.FLAGS: ("keywords", b"FLAGS %b"),
    Attribute.INTERNALDATE: ("received_at", b"INTERNALDATE %b"),
    Attribute.RFC822_SIZE: ("size", b"RFC822.SIZE %d"),
    Attribute.ENVELOPE: ("envelope", b"ENVELOPE %b"),
    Attribute.BODYSTRUCTURE: ("bodystructure", b"BODYSTRUCTURE %b"),
    Attribute.MODSEQ: ("modseq", b"MODSEQ (%d)"),
    Attribute.EMAILID: ("content", b"EMAILID (C%b)"),  # model/object_ids.py
    Attribute.THREADID: ("thread_id", b"THREADID (T%016x)"),
    Attribute.SAVEDATE: ("saved_at", b"SAVEDATE %b"),  # RFC 8514 4.2
    Attribute.PREVIEW: ("preview", b"PREVIEW %b"),
}
_BITS: Final = (1 << 64) - 1
# How a column's value is written, where that is not as it is.
WRITE: Final[dict[str, Callable[[Any], Any]]] = {
    "received_at": lambda at: dates.internaldate(at // 1000),
    "saved_at": lambda at: dates.internaldate(at // 1000),
    "content": str.encode,
    "thread_id": lambda signed: signed & _BITS,
    "preview": lambda text: strings.string(text.encode("utf-8", "replace")),
}
PREPARED: Final = frozenset({"envelope", "bodystructure", "preview"})

# Keywords that every mailbox offers (FLAGS, PERMANENTFLAGS); others are told when they occur.
USUAL: Final = (*flags.SYSTEM, "$forwarded", "$mdnsent", "$junk", "$notjunk", "$phishing")
_USUAL: Final = frozenset(USUAL)


class Plan(msgspec.Struct, frozen=True):
    """How to answer a FETCH from rows; `columns` begins with the UID, which is not shown."""

    columns: tuple[str, ...]
    template: bytes  # takes the sequence number, then a value for each further column
    chunk: int
    flags_only: bool  # or with the UID: then no row need become an object


class Selection(msgspec.Struct, frozen=True):
    """Messages to answer for, ascending: their places in the view, and their UIDs."""

    places: Sequence[int]  # from 0
    uids: Sequence[int]

    def chunks(self, size: int) -> Iterator[Selection]:
        """The same in pieces; wide ones as pages lie."""
        if size == CHUNK_WIDE:
            slices = fetch_pages.pieces(self.uids)
        else:
            slices = (slice(at, at + size) for at in range(0, len(self.uids), size))
        for piece in slices:
            yield Selection(self.places[piece], self.uids[piece])

    def part(self, partial: tuple[int, int]) -> Selection:
        """Those from one place to another, from 1, or from -1 at the end (RFC 9394 3.3)."""
        first, last = sorted(map(abs, partial))
        count = len(self.uids)
        span = slice(first - 1, last)
        if partial[0] < 0:
            span = slice(max(count - last, 0), max(count - first + 1, 0))
        return Selection(self.places[span], self.uids[span])

    def all_numbers(self) -> Sequence[int]:
        """The sequence numbers of all of them."""
        if isinstance(self.places, range):
            return range(self.places.start + 1, self.places.stop + 1)
        return [place + 1 for place in self.places]

    def numbers(self, found: Sequence[Row]) -> Sequence[int]:
        """The sequence number of each row; some messages may have none any more."""
        if len(found) == len(self.uids):
            return self.all_numbers()
        numbers = dict(zip(self.uids, self.places, strict=True))
        return [numbers[row[0]] + 1 for row in found]


@lru_cache(maxsize=64)
def plan(items: tuple[Attribute, ...]) -> Plan:
    """The plan for attributes that all stand in `ITEMS`."""
    columns = tuple([ITEMS[item][0] for item in items])
    texts = b" ".join([ITEMS[item][1] for item in items])
    flags_only = set(items) in ({Attribute.FLAGS}, {Attribute.UID, Attribute.FLAGS})
    chunk = CHUNK_FLAGS if flags_only else CHUNK
    if not PREPARED.isdisjoint(columns):
        chunk = CHUNK_WIDE
    return Plan(("uid", *columns), b"* %%d FETCH (%b)\r\n" % texts, chunk, flags_only)


def named(
    view: View,
    wanted: sets.SequenceSet,
    *,
    uid: bool,
    partial: tuple[int, int] | None = None,
) -> Selection:
    """The messages that a command names, by UID or by number; the UIDs must be loaded.

    Raises:
        Fault: a sequence number that no message has (RFC 3501 9, seq-number); with `partial`
            more messages than may be taken at once (RFC 9738 3.1).
    """
    single = wanted.single
    if single and partial is None:  # most commands name one message
        place = bisect_left(view.uids, single) if uid else single - 1
        if place < view.count and (not uid or view.uids[place] == single):
            return Selection(range(place, place + 1), view.uids[place : place + 1])
    if wanted.saved:
        found = selection(view, view.saved)
    elif uid:
        found = spread(view, wanted.positions(view.uids))
    elif wanted.exceeds(view.count):
        raise Refused("no message has that number", bad=True)
    else:
        found = spread(view, wanted.numbers(view.count))
    if partial is None:
        return limited(view, found)
    found = found.part(partial)
    if len(found.uids) > view.limit:
        raise Refused("that is too many messages at once", messagelimit(view.limit))
    return found


def limited(view: View, found: Selection) -> Selection:
    """Those messages, or the newest of them when they are too many at once (RFC 9738)."""
    if len(found.uids) <= view.limit:
        return found
    view.lowest = found.uids[-view.limit]
    return Selection(found.places[-view.limit :], found.uids[-view.limit :])


def within(uids: Sequence[int], wanted: sets.SequenceSet, largest: int) -> list[int]:
    """Those of ascending UIDs that a set names; `largest` is what `*` stands for."""
    found: list[int] = []
    for low, high in wanted.resolve(largest):
        found.extend(uids[bisect_left(uids, low) : bisect_right(uids, high)])
    return found


def spread(view: View, ranges: Sequence[range]) -> Selection:
    """The messages at ranges of places in the view."""
    if len(ranges) == 1:
        places = ranges[0]
        return Selection(places, view.uids[places.start : places.stop])
    scattered = array("I", chain.from_iterable(ranges))
    uids = view.uids
    return Selection(scattered, array("I", [uids[place] for place in scattered]))


def selection(view: View, uids: Sequence[int]) -> Selection:
    """Those of the messages with these ascending UIDs that are in the view."""
    numbers = [(view.number(uid), uid) for uid in uids]
    known = [(number, uid) for number, uid in numbers if number]
    return Selection([number - 1 for number, _ in known], [uid for _, uid in known])


async def send(client: Client, view: View, how: Plan, wanted: Selection) -> int:
    """Answer for messages from their rows, in chunks; how many are gone."""
    store = client.services.store
    missing = 0
    left = len(wanted.uids)
    for part in wanted.chunks(how.chunk):
        left -= len(part.uids)
        client.connection.deadline(client.services.settings.message_timeout)
        if not (how.flags_only and await _send_flags(client, view, how, part)):
            found = await store.read(
                fetch_pages.fetch, view.account_id, view.mailbox_id, part.uids, how.columns
            )
            if how.chunk == CHUNK_WIDE and not client.utf8:
                found = await surrogate.described(client, view, how.columns, found)
            if found:
                client.connection.write(render(client, view, how, found, part.numbers(found)))
            missing += len(part.uids) - len(found)
        if left:  # a short answer leaves together with the command's end
            await client.connection.drain()
            await asyncio.sleep(0)  # let other sessions have their turn
    return missing


async def _send_flags(client: Client, view: View, how: Plan, part: Selection) -> bool:
    """Answer for messages that stand next to one another; False when that cannot be known.

    What comes to a mailbox comes at its end, so if there are as many messages between these
    UIDs as the view knows, they are the same.
    """
    if not isinstance(part.places, range) or not part.places:
        return False
    keywords = await client.services.store.read(
        email_keywords.between, view.account_id, view.mailbox_id, part.uids[0], part.uids[-1]
    )
    if len(keywords) != len(part.uids):
        return False
    client.connection.write(flag_lines(client, view, how, part, keywords))
    return True


def flag_lines(
    client: Client, view: View, how: Plan, part: Selection, keywords: Sequence[str]
) -> bytes:
    """The lines of messages in a plan for flags only, whose numbers are written in one go."""
    uids, numbers = part.uids, part.all_numbers()
    different = set(keywords)
    tell_keywords(client, view, different)
    template = how.template
    if client.uidonly:  # RFC 9586 3.4
        template, numbers = template.replace(b" FETCH ", b" UIDFETCH ", 1), uids
    is_recent = view.has_recent(uids[0], uids[-1])
    known = {stored: flags.render(stored, is_recent) for stored in different}
    written: Sequence[bytes] | None = None
    if is_recent and not view.all_recent(uids[0], uids[-1]):
        written = list(map(flags.render, keywords, map(view.is_recent, uids)))

    def between(text: bytes) -> Iterable[bytes]:
        """What stands between two numbers of each message."""
        if b"%b" not in text:
            return repeat(text, len(keywords))
        if written is not None:
            return [text.replace(b"%b", one, 1) for one in written]
        told = {stored: text.replace(b"%b", one, 1) for stored, one in known.items()}
        return map(told.__getitem__, keywords)

    # After its last number a line ends, and the next one begins.
    begin, *texts = template.split(b"%d")
    texts[-1] += begin
    if len(texts) == len(different) == 1 and written is None:  # all say the same of themselves
        text = texts[0].replace(b"%b", known[keywords[0]], 1)
        return (begin + text.join(results.digits(numbers)) + text).removesuffix(begin)
    columns: list[Iterable[bytes]] = []
    for values, text in zip((numbers, uids), texts, strict=False):
        columns += (results.digits(values), between(text))
    pieces = [b""] * (len(columns) * len(keywords))
    for place, column in enumerate(columns):
        pieces[place :: len(columns)] = column
    return (begin + b"".join(pieces)).removesuffix(begin)


def flag_line(client: Client, view: View, how: Plan, number: int, uid: int, stored: str) -> bytes:
    """As `flag_lines`, of one message."""
    tell_keywords(client, view, (stored,))
    template = how.template
    if client.uidonly:
        template, number = template.replace(b" FETCH ", b" UIDFETCH ", 1), uid
    written = flags.render(stored, view.is_recent(uid))
    return template % ((number, uid, written) if "uid" in how.columns[1:] else (number, written))


def render(
    client: Client, view: View, how: Plan, found: Sequence[Row], numbers: Sequence[int]
) -> bytes:
    """The lines of one chunk."""
    columns: list[Any] = list(zip(*found, strict=True))
    for place, name in enumerate(how.columns):
        if name == "keywords":
            columns[place] = written_flags(client, view, columns[0], columns[place])
        elif name in PREPARED and None in columns[place]:
            raise Fault(Kind.CORRUPT, "a message lacks what was prepared of it")
        elif name in WRITE:
            columns[place] = list(map(WRITE[name], columns[place]))
    template = how.template
    if client.uidonly:  # RFC 9586 3.4
        template, numbers = template.replace(b" FETCH ", b" UIDFETCH ", 1), columns[0]
    return b"".join(map(template.__mod__, zip(numbers, *columns[1:], strict=True)))


def written_flags(
    client: Client, view: View, uids: Sequence[int], keywords: Sequence[str]
) -> list[bytes]:
    """Flag lists of messages, after whatever the client must be told of new keywords."""
    tell_keywords(client, view, keywords)
    if view.has_recent(uids[0], uids[-1]):
        if view.all_recent(uids[0], uids[-1]):
            return list(map(flags.render, keywords, repeat(True)))
        return [
            flags.render(stored, view.is_recent(uid))
            for uid, stored in zip(uids, keywords, strict=True)
        ]
    return list(map(flags.render, keywords))


def tell_keywords(client: Client, view: View, keywords: Collection[str]) -> None:
    """Tell of keywords that occur for the first time (RFC 3501 7.2.6)."""
    unusual = [word for stored in set(keywords) for word in _unusual(stored)]
    if unusual and not view.keywords.issuperset(unusual):
        view.keywords = view.keywords.union(unusual)
        client.connection.write(responses.flag_list((*USUAL, *sorted(view.keywords))))


@lru_cache(maxsize=4096)
def _unusual(stored: str) -> tuple[str, ...]:
    return tuple([word for word in stored.split() if word not in _USUAL])
