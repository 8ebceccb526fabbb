"""A faulty network path on loopback: a TCP proxy, where the kernel offers no `tc netem`.

    python -m tests.faults.tools.netfault --listen 2626 --to 2525 --mode MODE

The modes, each applied to every K-th connection (`--every K`):

- `delay`: N ms before each piece, in both directions;
- `trickle`: N bytes a second, one at a time;
- `stall`: after N bytes from the client nothing passes any more, both ends stay open;
- `reset`: after N bytes from the client both ends are reset;
- `lostreply`: all passes, but both ends are cut when the server answers the final dot, so
  that the sender must retry what the receiver has;
- `mute`: accepts, connects nowhere, never speaks.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import struct
from asyncio import StreamReader, StreamWriter
from dataclasses import dataclass
from typing import Final

MODES: Final = ("delay", "trickle", "stall", "reset", "lostreply", "mute")
FOREVER: Final = 3600
END: Final = b"\r\n.\r\n"


def _reset(writer: StreamWriter) -> None:
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


@dataclass
class Pair:
    """The two ends of one proxied connection, and what it has seen."""

    mode: str
    client: StreamWriter
    server: StreamWriter
    tail: bytes = b""  # the last bytes from the client
    seen: int = 0  # how many came from it

    def reset(self) -> None:
        _reset(self.client)
        _reset(self.server)


class Proxy:
    """Listens on `listen` and passes to `to`, both on 127.0.0.1."""

    def __init__(
        self, listen: int, to: int, mode: str, *, amount: float = 100, every: int = 1
    ) -> None:
        self._listen, self._to = listen, to
        self._mode, self._amount, self._every = mode, amount, every
        self.connections = 0
        self.faulty = 0

    async def _pass(self, data: bytes, writer: StreamWriter, pair: Pair) -> None:
        if pair.mode == "delay":
            await asyncio.sleep(self._amount / 1000)
        if pair.mode != "trickle":
            writer.write(data)
            await writer.drain()
            return
        for at in range(len(data)):
            writer.write(data[at : at + 1])
            await writer.drain()
            await asyncio.sleep(1 / self._amount)

    async def _up(self, reader: StreamReader, pair: Pair) -> None:
        while data := await reader.read(65536):
            pair.seen += len(data)
            pair.tail = (pair.tail + data)[-len(END) :]
            over = pair.seen - int(self._amount)
            if pair.mode in {"stall", "reset"} and over > 0:
                await self._pass(data[: max(0, len(data) - over)], pair.server, pair)
                if pair.mode == "reset":
                    pair.reset()
                    return
                await asyncio.sleep(FOREVER)
            await self._pass(data, pair.server, pair)

    async def _down(self, reader: StreamReader, pair: Pair) -> None:
        while data := await reader.read(65536):
            if pair.mode == "lostreply" and pair.tail == END:
                pair.reset()
                return
            await self._pass(data, pair.client, pair)

    async def _connection(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.connections += 1
        faulty = self.connections % self._every == 0
        self.faulty += faulty
        if faulty and self._mode == "mute":
            await asyncio.sleep(FOREVER)
        try:
            server_reader, server = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.close()
            return
        pair = Pair(self._mode if faulty else "", writer, server)
        ways = [
            asyncio.ensure_future(self._up(reader, pair)),
            asyncio.ensure_future(self._down(server_reader, pair)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for end in (writer, server):
            if not end.is_closing():
                end.close()

    async def serve(self) -> None:
        """Until cancelled."""
        listener = await asyncio.start_server(self._connection, "127.0.0.1", self._listen)
        async with listener:
            await listener.serve_forever()


async def _main(options: argparse.Namespace) -> None:
    proxy = Proxy(
        options.listen, options.to, options.mode, amount=options.amount, every=options.every
    )
    serving = asyncio.ensure_future(proxy.serve())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    await asyncio.wait([serving])
    print(json.dumps({"connections": proxy.connections, "faulty": proxy.faulty}))


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(description="a faulty network path on loopback")
    _parser.add_argument("--listen", type=int, required=True)
    _parser.add_argument("--to", type=int, required=True)
    _parser.add_argument("--mode", required=True, choices=MODES)
    _parser.add_argument("--amount", type=float, default=100)
    _parser.add_argument("--every", type=int, default=1)
    asyncio.run(_main(_parser.parse_args()))
