"""What the commands share: the configuration, the store, and how lists are shown."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from merpati.app import migrate
from merpati.app.config import read_config
from merpati.app.installation import Config, become_owner, find_config, open_store
from merpati.app.language import tell
from merpati.base.clock import SystemClock
from merpati.base.faults import Fault, Kind
from merpati.base.ids import SystemIds
from merpati.model.administration import Actor
from merpati.net import mesh
from merpati.services import notify
from merpati.services.administration import passwords
from merpati.store.blobs import BlobStore
from merpati.store.engine import Announcement, Store
from merpati.wire import sasl

T = TypeVar("T")


class Session:
    """A command's open installation: configuration, store, blobs, and the running server's ear."""

    def __init__(self, config: Config, store: Store) -> None:
        self.config = config
        self.store = store
        self.clock = SystemClock()
        self.ids = SystemIds(self.clock)
        self.blobs = BlobStore(config.blobs, self.ids)
        store.on_commit(self._announce)

    @property
    def now(self) -> int:
        """Unix milliseconds."""
        return int(self.clock.now() * 1000)

    @property
    def actor(self) -> Actor:
        """Who types, for the audit."""
        return Actor(getpass.getuser())

    def _announce(self, announcements: set[Announcement]) -> None:
        for data in notify.encode(announcements):
            mesh.send(self.config.data / "run", data)


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """The option -c, which every command has that needs an installation."""
    parser.add_argument("-c", "--config", type=Path, metavar="FILE", help="configuration file")


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """The option --json, which everything has that lists or shows."""
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def load_config(args: argparse.Namespace) -> Config:
    """The configuration that a command's -c, or the usual places, name."""
    return read_config(find_config(args.config, os.environ, Path.cwd()))


def with_session(args: argparse.Namespace, work: Callable[[Session], Awaitable[T]]) -> T:
    """Run `work` with the installation open, its schema brought up to date."""
    return asyncio.run(_with_session(load_config(args), work))


async def _with_session(config: Config, work: Callable[[Session], Awaitable[T]]) -> T:
    become_owner(config.data)
    await migrate.migrate(config)
    store = await open_store(config)
    try:
        return await work(Session(config, store))
    finally:
        await store.close()


def read_password(address: str, *, from_stdin: bool) -> tuple[str, bool]:
    """A password, prepared as sign-ins prepare it, and whether it was made up here.

    Raises:
        Fault: SYNTAX for a password that cannot be one.
    """
    if from_stdin:
        if sys.stdin.isatty():
            text = getpass.getpass(tell(f"Password for {address}: "))
        else:
            text = _first_line()
        if not text:
            raise Fault(Kind.SYNTAX, "the password is empty; write it on standard input, one line")
        return sasl.prepare_password(text), False
    return passwords.make_up(), True


def _first_line() -> str:
    try:
        line = sys.stdin.readline().rstrip("\r\n")
        line.encode()  # some locales let any bytes in
    except UnicodeError:
        raise Fault(Kind.SYNTAX, "the password is not UTF-8; write it as UTF-8") from None
    return line


def parse_size(text: str) -> int:
    """Bytes from "500MB", "2GB" or a number; 0 is "no limit".

    Raises:
        argparse.ArgumentTypeError: for anything else.
    """
    units = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
    word = text.strip().upper().removesuffix("B") or "0"
    number, unit = (word[:-1], word[-1]) if word[-1] in units else (word, "")
    if not number.isascii() or not number.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 500MB, 2GB or 0")
    return int(number) * units[unit]


def show_size(size: int) -> str:
    """Bytes for people: 0 B, 12.3 MB."""
    value, unit = float(size), "B"
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if value < 1024 or unit == "TB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def show_time(milliseconds: int) -> str:
    """A moment in this machine's own time."""
    import datetime as dt  # noqa: PLC0415 -- only lists of times need it

    moment = dt.datetime.fromtimestamp(milliseconds / 1000).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def print_json(value: Any) -> None:
    """One JSON document."""
    data = msgspec.json.format(msgspec.json.encode(value), indent=2)
    sys.stdout.write(data.decode() + "\n")


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    """Columns as wide as they need to be; numbers to the right; `empty` when there are no rows."""
    if not rows:
        say(empty)
        return
    headings = [tell(heading) for heading in headings]
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [
        max(len(heading), *(len(row[n]) for row in cells)) for n, heading in enumerate(headings)
    ]
    right = [all(isinstance(row[n], int) for row in rows) for n in range(len(headings))]
    for line in ([heading.upper() for heading in headings], *cells):
        parts = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ]
        sys.stdout.write("  ".join(parts).rstrip() + "\n")


def say(text: str) -> None:
    """One line for the person at the terminal, in their language."""
    sys.stdout.write(tell(text) + "\n")
