r"""Structured events as lines on standard error: JSON for files and journald, plain for people.

A line leaves in one `os.write` from the caller's thread. A background thread
would cost each event a lock, a wake-up and a fight for the interpreter lock
(more than the few microseconds of poll and write), would lose the last lines
of a crash, which are the ones that matter, and does not survive a fork. What a
direct write risks is blocking the event loop when whoever reads the pipe has
stalled. So each write is at most `PIECE` bytes and happens only when `poll`
says that so many can be taken at once; otherwise lines wait, up to
`MAX_WAITING`, for the next event or `flush`, and what goes beyond is counted
and reported as `log.lost` once the reader is back.

Nothing here raises: a server does not fail because its log does.

Values come from strangers. No value can forge a line or drive a terminal: JSON
lines are pure ASCII, the plain form quotes whatever is not a simple word and
escapes what is not printable. Fields whose name says that they are secret are
blanked, whatever they hold.
"""

from __future__ import annotations

import json
import math
import os
import re
import select
import sys
import time
import traceback
from collections import deque
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from merpati.base.clock import Clock

Style = Literal["auto", "json", "plain"]


class Level(IntEnum):
    """How much an event matters."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


PIECE: Final = 4096  # PIPE_BUF on Linux: what poll promises, and what is written unmixed
MAX_WAITING: Final = 1 << 20  # bytes kept while the reader stalls
MAX_VALUE: Final = 2_000  # characters of one value
MAX_TRACEBACK: Final = 8_000  # characters
MAX_FRAMES: Final = 20
MAX_ITEMS: Final = 50  # of a list or mapping
MAX_DEPTH: Final = 3

REDACTED: Final = "[redacted]"
# A field is secret when a word of its name is one of these.
_SECRET_WORDS: Final = re.compile(
    r"(?:^|[^a-z0-9])"
    r"(?:authorization|cookie|credentials?|dsn|passphrase|passwd|passwords?|secrets?|tokens?"
    r"|api_?key|private_?key)"
    r"(?:$|[^a-z0-9])"
)

_SIMPLE: Final = re.compile(r"[A-Za-z0-9_.@:/+<>\[\]-]+", re.ASCII)
_NAMES: Final = {level: level.name.lower() for level in Level}
_COLOURS: Final = {Level.WARNING: "\x1b[33m", Level.ERROR: "\x1b[31m"}
_RESET: Final = "\x1b[0m"

_encode: Final = msgspec.json.Encoder().encode


class Sink:
    """Where lines go: one descriptor, one style, one level, shared by every `Log` on it.

    `auto` is plain on a terminal and JSON elsewhere. `level` and `plain` may
    be changed at any time.
    """

    def __init__(
        self, clock: Clock, *, fd: int = 2, level: Level = Level.INFO, style: Style = "auto"
    ) -> None:
        terminal = _is_terminal(fd)
        self.level = level
        self.plain = style == "plain" or (style == "auto" and terminal)
        self._colour = terminal and "NO_COLOR" not in os.environ
        self._clock = clock
        self._second = -1
        self._stamp = ""
        self._fd = fd
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)
        self._owner = os.getpid()
        self._waiting: deque[bytes] = deque()
        self._waiting_size = 0
        self._lost = 0

    def emit(
        self, level: Level, event: str, fields: Mapping[str, object], trouble: str = ""
    ) -> None:
        """Writes one event; `trouble` is a traceback."""
        try:
            line = self._render(level, event, fields, trouble)
        except Exception as problem:  # noqa: BLE001 -- a value whose own methods fail
            line = self._render(
                Level.ERROR, "log.failed", {"of": event, "problem": type(problem).__name__}
            )
        self._send(line)

    def flush(self) -> None:
        """Writes what waits, as far as the reader takes it now."""
        self._send(b"")

    def _render(
        self, level: Level, event: str, fields: Mapping[str, object], trouble: str = ""
    ) -> bytes:
        now = self._clock.now()
        second = int(now)
        if second != self._second:
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second
        stamp = f"{self._stamp}.{int(now * 1000) % 1000:03d}Z"
        if self.plain:
            head = _plain_line(stamp, level, event, _fields(fields), colour=self._colour)
            return head + _plain_traceback(trouble)
        return _json_line(stamp, level, event, _fields(fields), trouble)

    def _send(self, data: bytes) -> None:
        if data and not self._waiting and not self._lost:
            data = data[self._write(data[:PIECE]) :]
            if not data:
                return
        if self._owner != os.getpid():  # forked: what waits is the parent's to write
            self._owner = os.getpid()
            self._waiting.clear()
            self._waiting_size = self._lost = 0
        if self._waiting_size + len(data) > MAX_WAITING:
            self._lost += data.count(b"\n")
        else:
            self._waiting.extend(data[at : at + PIECE] for at in range(0, len(data), PIECE))
            self._waiting_size += len(data)
        self._drain()

    def _drain(self) -> None:
        while self._waiting:
            piece = self._waiting.popleft()
            taken = self._write(piece)
            self._waiting_size -= taken
            if taken < len(piece):
                self._waiting.appendleft(piece[taken:])
                return
        if self._lost:
            lost, self._lost = self._lost, 0
            self._send(self._render(Level.WARNING, "log.lost", {"lines": lost}))

    def _ready(self) -> bool:
        try:
            return bool(self._poll.poll(0))
        except OSError:
            return True

    def _write(self, piece: bytes) -> int:
        """Bytes taken: 0 when the reader takes none now. A closed one swallows all."""
        if not self._ready():
            return 0
        try:
            return os.write(self._fd, piece)
        except BlockingIOError:
            return 0
        except OSError:
            return len(piece)


class Log:
    """Writes events: a dotted name (`queue.delivered`) and fields.

    `bind` gives a log whose every event carries more fields, so a session binds
    its trace and peer once.
    """

    __slots__ = ("_bound", "_sink")

    def __init__(self, sink: Sink, bound: Mapping[str, object] | None = None) -> None:
        self._sink = sink
        self._bound = dict(bound or {})

    def bind(self, **fields: object) -> Log:
        """A log that adds `fields` to all its events."""
        return Log(self._sink, self._bound | fields)

    def enabled(self, level: Level) -> bool:
        """Whether events of `level` are written; ask before making costly fields."""
        return self._sink.level <= level

    def debug(self, event: str, /, **fields: object) -> None:
        """Of use to whoever hunts a defect."""
        if self._sink.level <= Level.DEBUG:
            self._sink.emit(Level.DEBUG, event, self._bound | fields)

    def info(self, event: str, /, **fields: object) -> None:
        """What happened, for whoever asks later."""
        if self._sink.level <= Level.INFO:
            self._sink.emit(Level.INFO, event, self._bound | fields)

    def warning(self, event: str, /, **fields: object) -> None:
        """Somebody should look at it some day."""
        if self._sink.level <= Level.WARNING:
            self._sink.emit(Level.WARNING, event, self._bound | fields)

    def error(self, event: str, /, **fields: object) -> None:
        """Somebody should look at it now."""
        self._sink.emit(Level.ERROR, event, self._bound | fields)

    def exception(self, event: str, /, **fields: object) -> None:
        """A defect: an error, with the traceback of the exception being handled."""
        self.defect(event, sys.exc_info()[1], **fields)

    def defect(self, event: str, problem: BaseException | None, /, **fields: object) -> None:
        """A defect that was caught earlier, as in a task that ended."""
        trouble = "" if problem is None else _traceback(problem)
        self._sink.emit(Level.ERROR, event, self._bound | fields, trouble)

    def flush(self) -> None:
        """Writes what waits for a slow reader, as far as it takes it now."""
        self._sink.flush()


def _traceback(problem: BaseException) -> str:
    try:
        text = "".join(traceback.format_exception(problem, limit=-MAX_FRAMES))
    except Exception:  # noqa: BLE001 -- an exception whose own __str__ fails
        text = type(problem).__name__
    return text if len(text) <= MAX_TRACEBACK else f"...{text[-MAX_TRACEBACK:]}"


def _is_terminal(fd: int) -> bool:
    try:
        return os.isatty(fd)
    except OSError:
        return False


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return _SECRET_WORDS.search(name.lower()) is not None


def _fields(fields: Mapping[str, object], depth: int = 0) -> dict[str, object]:
    """`fields` as JSON values, bounded, without secrets."""
    return {
        key: REDACTED if _is_secret(key) else _value(fields[key], depth)
        for key in list(fields)[:MAX_ITEMS]
    }


def _value(value: object, depth: int) -> object:
    if type(value) is str:
        return value if len(value) <= MAX_VALUE else _cut(value)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _cut(bytes(value[: MAX_VALUE + 1]).decode("utf-8", "backslashreplace"))
    if isinstance(value, dict) and depth < MAX_DEPTH:
        return _fields({str(key): value[key] for key in list(value)[:MAX_ITEMS]}, depth + 1)
    if isinstance(value, (list, tuple, set, frozenset)) and depth < MAX_DEPTH:
        return [_value(item, depth + 1) for item in list(value)[:MAX_ITEMS]]
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}..."


def _json_line(
    stamp: str, level: Level, event: str, fields: dict[str, object], trouble: str
) -> bytes:
    record: dict[str, object] = {"time": stamp, "level": _NAMES[level], "event": event}
    for name, value in fields.items():
        record[name if name not in record else name + "_"] = value
    if trouble:
        record["exception"] = trouble
    try:
        line = _encode(record)
    except (UnicodeEncodeError, OverflowError, ValueError):  # lone surrogates, huge integers
        line = b"\xff"
    if not line.isascii() or b"\x7f" in line:
        # Escapes all but ASCII: C1 controls and marks that turn writing around as well.
        line = json.dumps(record, separators=(",", ":")).replace("\x7f", "\\u007f").encode()
    return line + b"\n"


def _plain_line(
    stamp: str, level: Level, event: str, fields: dict[str, object], *, colour: bool
) -> bytes:
    words = [stamp[11:-1], level.name.ljust(7), _plain(event)]
    words += [f"{_plain(name)}={_plain(value)}" for name, value in fields.items()]
    line = " ".join(words)
    if colour and level in _COLOURS:
        line = f"{_COLOURS[level]}{line}{_RESET}"
    return (line + "\n").encode()


def _plain_traceback(text: str) -> bytes:
    # Every line is set off, so that no exception's text can pose as an event.
    return "".join(f"    | {_printable(line)}\n" for line in text.splitlines()).encode()


def _plain(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    if _SIMPLE.fullmatch(text) or (not isinstance(value, str) and text.isprintable()):
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable()).replace("\x7f", "\\u007f")


def _printable(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode()
