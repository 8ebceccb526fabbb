"""A DNS server that answers badly on purpose, on loopback.

    python -m tests.faults.tools.dnsfault --port 5353 [--zone FILE]

The first label of the name asked picks the fault; any other name is looked up
in the zone file (lines `name TYPE value`) or does not exist:

    servfail refused nxdomain timeout garbage wrongid wrongq empty
    slow3    answers 3 seconds late
    tc       truncated over UDP
    loop     a CNAME to itself
    chain    a CNAME to chain1, chain2 ...
    huge     60 KB of TXT, over TCP

On SIGTERM it prints how often each name was asked, so that limits on lookups
can be checked.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, cast

TYPES: Final = {"A": 1, "CNAME": 5, "MX": 15, "TXT": 16, "AAAA": 28}
RCODES: Final = {"servfail": 2, "nxdomain": 3, "refused": 5}
NXDOMAIN: Final = 3
TRUNCATED: Final = 0x200

Zone = dict[str, list[tuple[str, str]]]


def _name(text: str) -> bytes:
    labels = [label.encode() for label in text.rstrip(".").split(".") if label]
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def _rdata(kind: str, value: str) -> bytes:
    if kind == "A":
        return socket.inet_pton(socket.AF_INET, value)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == "MX":
        preference, host = value.split(maxsplit=1)
        return struct.pack("!H", int(preference)) + _name(host)
    if kind == "CNAME":
        return _name(value)
    raw = value.encode()
    pieces = [raw[at : at + 255] for at in range(0, len(raw), 255)] or [b""]
    return b"".join(bytes((len(piece),)) + piece for piece in pieces)


def read_zone(text: str) -> Zone:
    """Lines `name TYPE value`; `#` starts a comment line."""
    zone: Zone = {}
    for line in text.splitlines():
        fields = line.split(maxsplit=2)
        if len(fields) == 3 and not line.startswith("#"):
            zone.setdefault(fields[0].lower().rstrip("."), []).append((fields[1], fields[2]))
    return zone


@dataclass(frozen=True)
class Question:
    """What was asked: the identifier, the name, the type, and the question section as sent."""

    id: bytes
    labels: list[str]
    type: int
    raw: bytes

    @classmethod
    def parse(cls, packet: bytes) -> Self:
        """`IndexError` or `struct.error` for a packet that is cut off."""
        at, labels = 12, []
        while packet[at]:
            labels.append(packet[at + 1 : at + 1 + packet[at]].decode("latin-1").lower())
            at += packet[at] + 1
        (kind,) = struct.unpack("!H", packet[at + 1 : at + 3])
        return cls(packet[:2], labels, kind, packet[12 : at + 5])


class Answers:
    """Makes the answers, good and bad, and counts the questions."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self.count: Counter[str] = Counter()

    async def to(self, packet: bytes, *, tcp: bool) -> bytes | None:
        """The answer to one packet; None stays silent."""
        try:
            asked = Question.parse(packet)
        except (IndexError, struct.error):
            return None
        self.count[".".join(asked.labels)] += 1
        fault = asked.labels[0] if asked.labels else ""
        if fault == "timeout":
            return None
        if fault.startswith("slow") and fault[4:].isdigit():
            await asyncio.sleep(int(fault[4:]))
        if fault == "garbage":
            return asked.id + b"\xff" * 40
        flags, records = self._found(asked, fault, tcp=tcp)
        first = bytes((asked.id[0] ^ 0xFF, asked.id[1])) if fault == "wrongid" else asked.id
        question = _name("other.test") + asked.raw[-4:] if fault == "wrongq" else asked.raw
        out = first + struct.pack("!5H", 0x8180 | flags, 1, len(records), 0, 0) + question
        for kind, value in records:
            data = _rdata(kind, value)
            out += b"\xc0\x0c" + struct.pack("!HHIH", TYPES[kind], 1, 1, len(data)) + data
        return out

    def _found(
        self, asked: Question, fault: str, *, tcp: bool
    ) -> tuple[int, list[tuple[str, str]]]:
        """Flags to set, and the records of the answer section."""
        if fault in RCODES:
            return RCODES[fault], []
        if fault in {"tc", "huge"} and not tcp:
            return TRUNCATED, []
        if fault == "huge":
            return 0, [("TXT", "x" * 250)] * 230
        if fault == "loop":
            return 0, [("CNAME", ".".join(asked.labels))]
        if fault.startswith("chain"):
            after = int(fault[5:] or 0) + 1
            return 0, [("CNAME", ".".join([f"chain{after}", *asked.labels[1:]]))]
        name = ".".join(asked.labels)
        if name not in self._zone:
            return (0 if fault == "empty" else NXDOMAIN), []
        records = self._zone[name]
        return 0, [one for one in records if TYPES[one[0]] == asked.type or one[0] == "CNAME"]


class Server(asyncio.DatagramProtocol):
    """One UDP and one TCP listener over the same answers."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._transport: asyncio.DatagramTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        task = asyncio.ensure_future(self._udp(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _udp(self, data: bytes, address: tuple[str, int]) -> None:
        answer = await self._answers.to(data, tcp=False)
        if answer and self._transport is not None:
            self._transport.sendto(answer, address)

    async def tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                answer = await self._answers.to(await reader.readexactly(length), tcp=True)
                if answer:
                    writer.write(struct.pack("!H", len(answer)) + answer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def _main(port: int, zone: Zone) -> None:
    answers, stop, loop = Answers(zone), asyncio.Event(), asyncio.get_running_loop()
    server = Server(answers)
    await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", port))
    async with await asyncio.start_server(server.tcp, "127.0.0.1", port):
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await stop.wait()
    print(json.dumps(answers.count, sort_keys=True))


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(description="a DNS server that answers badly on purpose")
    _parser.add_argument("--port", type=int, default=5353)
    _parser.add_argument("--zone", type=Path)
    _options = _parser.parse_args()
    _text = _options.zone.read_text("utf-8") if _options.zone else ""
    asyncio.run(_main(_options.port, read_zone(_text)))
