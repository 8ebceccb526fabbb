"""Drives the fuzz targets: `python -m fuzz.run [--seconds N | --runs N] [TARGET ...]`.

A target is a file `fuzz/<name>.py` with `target(data: bytes) -> None`, which
must return whatever it is given, and `SEEDS: list[bytes]`, typical inputs.
`DICTIONARY: list[bytes]`, the words of its grammar, may stand there too.

The built-in fuzzer takes the seeds and everything that crashed before
(`tests/corpora/crashers/<name>/`) through random mutations: flipped bits, cut
and repeated pieces, pieces of other inputs, words of the grammar, absurd
numbers. It is deterministic: the same seed, target and number of runs give the
same inputs. An input that raises, or takes more than a second of processor
time, or more memory than allowed, is saved among the crashers and ends its
target; the exit status is then 1. `--atheris` hands one target to Google's
coverage-guided fuzzer instead, when that is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import random
import re
import resource
import signal
import sys
import time
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType, ModuleType

HERE: Final = Path(__file__).resolve().parent
CRASHERS: Final = HERE.parent / "tests" / "corpora" / "crashers"

# Processor time one input may take: no grammar of mail needs a tenth of it.
INPUT_SECONDS: Final = 1.0
# Address space of the whole process.
MEMORY_BYTES: Final = 2 << 30
# A mutated input is cut to this length.
INPUT_BYTES: Final = 64 << 10
# Mutations piled onto one input, at most.
PILE: Final = 6

# Bytes that have broken parsers of line protocols before.
_WORDS: Final = (
    *(
        b"\r\n",
        b"\r",
        b"\n",
        b"\n.\n",
        b"\r.\r",
        b"\r\n.\r\n",
        b"\n.\r\n",
        b"\r\n ",
        b"\0",
        b"\x7f",
    ),
    *(
        b" ",
        b"\t",
        b"\\",
        b'"',
        b'\\"',
        b"(",
        b")",
        b"((((",
        b"<",
        b">",
        b"<>",
        b"@",
        b",",
        b";",
        b":",
    ),
    *(
        b"%",
        b"%00",
        b"=",
        b"=?",
        b"?=",
        b"=?utf-8?q?=00?=",
        b"=\r\n",
        b"[",
        b"]",
        b"{",
        b"}",
        b"*",
        b"~",
    ),
    *(
        b"{0}\r\n",
        b"{1+}\r\n",
        b"{4294967296}\r\n",
        b"-1",
        b"0",
        b"00",
        b"4294967295",
        b"4294967296",
    ),
    *(b"18446744073709551616", b"1e9", b"NIL", b"--", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf"),
    *(b"\xc3\x28", b"\xe2\x82", b"\xf0\x9f\x92\xa9", b"\xed\xa0\x80", b"\xc0\x80", b"\xe2\x80\xae"),
)
_PIECES: Final = re.compile(rb"[A-Za-z][A-Za-z0-9-]*|[0-9]+|[^A-Za-z0-9\s]+")
_NUMBER: Final = re.compile(rb"[0-9]+")


class TookTooLongError(BaseException):
    """An input used up its processor time; no `except Exception` of a target swallows it."""


@dataclass(frozen=True, slots=True)
class Crash:
    """An input that a target did not survive, and the traceback as text."""

    data: bytes
    report: str

    def save(self, name: str) -> Path:
        """Keeps the input among the crashers of target `name`."""
        path = CRASHERS / name / hashlib.sha256(self.data).hexdigest()[:16]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.data)
        return path


@dataclass(frozen=True, slots=True)
class Target:
    """One loaded target: its function, and what its inputs grow from."""

    name: str
    function: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...]


def names() -> list[str]:
    """Every target there is."""
    return sorted(path.stem for path in HERE.glob("[a-z]*.py") if path.stem != "run")


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"fuzz_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # struct and dataclass makers look their module up
    spec.loader.exec_module(module)
    return module


def crashers(name: str) -> list[Path]:
    """The inputs that once broke target `name`."""
    folder = CRASHERS / name
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def load(name: str) -> Target:
    """The target `fuzz/<name>.py`; `KeyError` when there is none."""
    if name not in names():
        raise KeyError(name)
    module = _load(name)
    seeds = tuple(module.SEEDS) or (b"",)
    words = {word for seed in seeds for word in _PIECES.findall(seed[:4096])}
    words.update(getattr(module, "DICTIONARY", ()))
    return Target(name, module.target, seeds, tuple(sorted(words)))


class Mutator:
    """Makes inputs out of others; all its chance comes from `chance`."""

    def __init__(
        self, chance: random.Random, corpus: Sequence[bytes], words: Sequence[bytes]
    ) -> None:
        self._chance = chance
        self._corpus = corpus
        self._words = (*_WORDS, *words)
        self._ways = (
            self._flip,
            self._put_byte,
            self._cut,
            self._repeat,
            self._put_word,
            self._put_word,
            self._splice,
            self._take_piece,
            self._number,
            self._swap_lines,
            self._truncate,
        )

    def make(self) -> bytes:
        """The next input: one of the corpus with a few mutations piled on."""
        data = self._chance.choice(self._corpus)
        for _ in range(self._chance.randint(1, PILE)):
            data = self._chance.choice(self._ways)(data)
        return data[:INPUT_BYTES]

    def _span(self, data: bytes) -> tuple[int, int]:
        """Where a piece begins and ends: usually a short one, now and then a long one."""
        start = self._chance.randint(0, len(data))
        longest = len(data) - start if self._chance.random() < 0.1 else min(16, len(data) - start)
        return start, start + self._chance.randint(0, longest)

    def _flip(self, data: bytes) -> bytes:
        if not data:
            return b"\0"
        at = self._chance.randrange(len(data))
        return data[:at] + bytes((data[at] ^ 1 << self._chance.randrange(8),)) + data[at + 1 :]

    def _put_byte(self, data: bytes) -> bytes:
        at = self._chance.randint(0, len(data))
        over = self._chance.randint(0, 1)
        return data[:at] + bytes((self._chance.randrange(256),)) + data[at + over :]

    def _cut(self, data: bytes) -> bytes:
        start, end = self._span(data)
        return data[:start] + data[end:]

    def _repeat(self, data: bytes) -> bytes:
        """Doubles a piece up to 4,096 times: depth, counts and lengths grow this way."""
        start, end = self._span(data)
        times = 1 << self._chance.randint(1, 12)
        room = INPUT_BYTES // max(1, end - start)
        return data[:end] + data[start:end] * min(times, room) + data[end:]

    def _put_word(self, data: bytes) -> bytes:
        start, end = self._span(data)
        end = start if self._chance.random() < 0.5 else end
        return data[:start] + self._chance.choice(self._words) + data[end:]

    def _splice(self, data: bytes) -> bytes:
        other = self._chance.choice(self._corpus)
        return data[: self._span(data)[0]] + other[self._span(other)[0] :]

    def _take_piece(self, data: bytes) -> bytes:
        other = self._chance.choice(self._corpus)
        start, end = self._span(other)
        at = self._chance.randint(0, len(data))
        return data[:at] + other[start:end] + data[at:]

    def _number(self, data: bytes) -> bytes:
        numbers = list(_NUMBER.finditer(data[:INPUT_BYTES]))
        if not numbers:
            return self._put_word(data)
        found = self._chance.choice(numbers)
        value = self._chance.choice((0, 1, 127, 128, 255, 2**16, 2**31 - 1, 2**32, 2**63, 10**30))
        return data[: found.start()] + b"%d" % value + data[found.end() :]

    def _swap_lines(self, data: bytes) -> bytes:
        lines = data.splitlines(keepends=True)
        self._chance.shuffle(lines)
        return b"".join(lines)

    def _truncate(self, data: bytes) -> bytes:
        return data[: self._chance.randint(0, len(data))]


@contextmanager
def _watched() -> Iterator[None]:
    """Turns the timer of processor time into `TookTooLongError`."""

    def over(_number: int, _frame: FrameType | None) -> None:
        raise TookTooLongError

    before = signal.signal(signal.SIGPROF, over)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def try_one(target: Target, data: bytes) -> Crash | None:
    """Hands one input to the target, within `INPUT_SECONDS` of processor time."""
    try:
        signal.setitimer(signal.ITIMER_PROF, INPUT_SECONDS)
        target.function(data)
        signal.setitimer(signal.ITIMER_PROF, 0)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 -- whatever it is, it is the finding
        signal.setitimer(signal.ITIMER_PROF, 0)
        return Crash(data, "".join(traceback.format_exception(error, limit=-12)))
    return None


def drive(
    target: Target, *, runs: int = sys.maxsize, seconds: float = float("inf"), seed: int = 1
) -> tuple[int, Crash | None]:
    """Fuzzes until a limit or a crash: how many inputs were tried, and the crash if any.

    First come the seeds and the old crashers as they are; they count as runs
    but are all tried.
    """
    known = [*target.seeds, *(path.read_bytes() for path in crashers(target.name))]
    chance = random.Random(f"{target.name}:{seed}")
    mutator = Mutator(chance, known, target.words)
    end = time.monotonic() + seconds
    tried = 0
    with _watched():
        while tried < len(known) or (tried < runs and time.monotonic() < end):
            data = known[tried] if tried < len(known) else mutator.make()
            tried += 1
            crash = try_one(target, data)
            if crash is not None:
                return tried, crash
    return tried, None


def _bound_memory(limit: int) -> None:
    """Makes the process fail rather than the machine; where the system cannot, it goes without."""
    try:
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
    except (OSError, ValueError):
        print("no limit on memory: this system does not offer one")


def _run_atheris(target: Target) -> int:
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        print("atheris is missing; pip install atheris", file=sys.stderr)
        return 1
    folder = CRASHERS / target.name
    folder.mkdir(parents=True, exist_ok=True)
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], str(folder), f"-artifact_prefix={folder}/"], target.function)
    atheris.Fuzz()
    return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="fuzzes the grammars")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="default: all")
    parser.add_argument("--seconds", type=float, help="for each target; default 10")
    parser.add_argument("--runs", type=int, help="inputs for each target, instead of --seconds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--memory", type=int, default=MEMORY_BYTES, help="bytes; default 2 GiB")
    parser.add_argument("--atheris", action="store_true", help="fuzz one target with atheris")
    parser.add_argument("--list", action="store_true", help="only name the targets")
    options = parser.parse_args(argv)
    unknown = sorted(set(options.targets) - set(names()))
    if unknown:
        parser.error(f"no target {', '.join(unknown)}; there are: {', '.join(names())}")
    if options.atheris and len(options.targets) != 1:
        parser.error("--atheris takes one target")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzzes the named targets, or all; 1 when one crashed."""
    options = _options(argv)
    if options.list:
        print("\n".join(names()))
        return 0
    if options.atheris:
        return _run_atheris(load(options.targets[0]))
    _bound_memory(options.memory)
    runs = sys.maxsize if options.runs is None else options.runs
    seconds = options.seconds or (10.0 if options.runs is None else float("inf"))
    failed = 0
    for name in options.targets or names():
        begun = time.monotonic()
        tried, crash = drive(load(name), runs=runs, seconds=seconds, seed=options.seed)
        rate = tried / max(time.monotonic() - begun, 1e-6)
        print(f"{name}: {tried} inputs, {rate:.0f}/s, {'CRASH' if crash else 'clean'}", flush=True)
        if crash:
            failed += 1
            print(f"{crash.report}input kept as {crash.save(name)}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
