from __future__ import annotations

import fcntl
import json
import os
import pty
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base import log as logs
from merpati.base.log import Level, Log, Sink
from merpati.base.secrets import Secret
from tests.support.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator


class Pipe:
    """A log that writes into a pipe which the test reads when it likes."""

    def __init__(self, style: logs.Style, level: Level = Level.DEBUG) -> None:
        self.read_end, self.write_end = os.pipe()
        os.set_blocking(self.read_end, False)
        self.sink = Sink(FakeClock(1_800_000_000.25), fd=self.write_end, level=level, style=style)
        self.log = Log(self.sink)

    def text(self) -> str:
        taken = b""
        try:
            while piece := os.read(self.read_end, 65_536):
                taken += piece
        except BlockingIOError:
            pass
        return taken.decode()

    def record(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(self.text())
        return record

    def close(self) -> None:
        os.close(self.read_end)
        os.close(self.write_end)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe("json")
    yield made
    made.close()


@pytest.fixture
def plain() -> Iterator[Pipe]:
    made = Pipe("plain")
    yield made
    made.close()


def test_json_lines_have_time_level_event_and_fields(pipe: Pipe) -> None:
    pipe.log.bind(trace="abc").info("queue.delivered", size=12, to=["a@b.test"], ok=True, none=None)
    assert pipe.text() == (
        '{"time":"2027-01-15T08:00:00.250Z","level":"info","event":"queue.delivered",'
        '"trace":"abc","size":12,"to":["a@b.test"],"ok":true,"none":null}\n'
    )


def test_plain_lines_are_for_people(plain: Pipe) -> None:
    plain.log.warning("queue.delayed", to="a@b.test", reply="450 try later", tries=3, ids=[1, 2])
    assert plain.text() == (
        '08:00:00.250 WARNING queue.delayed to=a@b.test reply="450 try later" tries=3 ids=[1,2]\n'
    )


def test_bound_fields_do_not_leak_into_the_log_they_were_bound_to(pipe: Pipe) -> None:
    pipe.log.bind(a=1).bind(b=2)
    pipe.log.info("x")
    assert not {"a", "b"} & set(pipe.record())


def test_events_below_the_level_are_not_written_and_the_level_may_change(pipe: Pipe) -> None:
    bound = pipe.log.bind(a=1)
    pipe.sink.level = Level.ERROR
    for write in (bound.debug, bound.info, bound.warning):
        write("x")
    assert pipe.text() == ""
    assert not bound.enabled(Level.WARNING)
    pipe.sink.level = Level.DEBUG
    bound.debug("x")
    assert pipe.record()["level"] == "debug"


def test_what_is_named_secret_is_blanked(pipe: Pipe) -> None:
    pipe.log.bind(token="t0p").info(
        "x",
        password="t0p",
        App_Password="t0p",
        private_key="t0p",
        headers={"Set-Cookie": "t0p", "host": "a"},
        secret=["t0p"],
        wrapped=Secret("t0p"),
        tokenised="yes",
        key="k",
    )
    line = pipe.text()
    assert "t0p" not in line
    assert line.count(logs.REDACTED) == 6
    record = json.loads(line)
    assert (record["headers"]["host"], record["tokenised"], record["key"]) == ("a", "yes", "k")


@given(
    st.text(),
    st.dictionaries(st.text(), st.text() | st.binary() | st.integers() | st.floats(), max_size=4),
)
def test_no_value_forges_a_line_or_drives_a_terminal(event: str, fields: dict[str, object]) -> None:
    for style in ("json", "plain"):
        pipe = Pipe("json" if style == "json" else "plain")
        Log(pipe.sink, fields).info(event)
        text = pipe.text()
        pipe.close()
        assert text.endswith("\n")
        assert text[:-1].isprintable()
        if style == "json":
            assert text.isascii()
            assert json.loads(text)["level"] == "info"


@pytest.mark.parametrize("style", ["json", "plain"])
def test_known_injections_stay_on_one_line(style: logs.Style) -> None:
    pipe = Pipe(style)
    pipe.log.info("x", to="a\r\n2027 ERROR forged\x1b[2J\x9b1m\x7f\u2028\u202e\0\ud800")
    line = pipe.text()
    pipe.close()
    assert line.count("\n") == 1
    assert line[:-1].isprintable()


def test_fields_do_not_replace_time_level_or_event(pipe: Pipe) -> None:
    pipe.log.info("x", time="never", level="none", event="y")
    record = pipe.record()
    assert (record["event"], record["event_"], record["level_"]) == ("x", "y", "none")


def test_odd_values_are_written_somehow(pipe: Pipe) -> None:
    pipe.log.info(
        "x",
        raw=b"caf\xe9",
        big=1 << 80,
        nan=float("nan"),
        error=ValueError("bad"),
        deep={"a": {"b": {"c": {"d": 1}}}},
        items={1},
    )
    record = pipe.record()
    assert record["raw"] == "caf\\xe9"
    assert record["big"] == 1 << 80
    assert record["nan"] == "nan"
    assert record["error"] == "bad"
    assert record["items"] == [1]


def test_long_values_are_cut(pipe: Pipe) -> None:
    pipe.log.info("x", text="a" * 100_000, raw=b"b" * 100_000, items=list(range(1000)))
    record = pipe.record()
    assert record["text"] == "a" * logs.MAX_VALUE + "..."
    assert record["raw"] == "b" * logs.MAX_VALUE + "..."
    assert len(record["items"]) == logs.MAX_ITEMS


class Broken:
    def __str__(self) -> NoReturn:
        raise RuntimeError("no text")


def test_a_value_that_cannot_be_written_does_not_raise(pipe: Pipe) -> None:
    pipe.log.info("x", what=Broken())
    record = pipe.record()
    assert (record["event"], record["of"], record["problem"]) == ("log.failed", "x", "RuntimeError")


def test_an_exception_is_written_with_its_traceback(pipe: Pipe) -> None:
    try:
        int("no\nnumber")
    except ValueError:
        pipe.log.exception("session.failed", peer="192.0.2.1")
    record = pipe.record()
    assert record["level"] == "error"
    assert "test_log.py" in record["exception"]
    assert record["exception"].endswith("base 10: 'no\\nnumber'\n")


def test_an_exception_handed_over_needs_no_except_block(pipe: Pipe) -> None:
    pipe.log.defect("x", RuntimeError("later"))
    assert "RuntimeError: later" in pipe.record()["exception"]


def test_a_plain_traceback_cannot_pose_as_an_event(plain: Pipe) -> None:
    plain.log.defect("x", ValueError("a\n08:00:00.250 INFO    forged\x1b[2J"))
    first, *rest = plain.text().splitlines()
    assert first == "08:00:00.250 ERROR   x"
    assert rest
    assert all(line.startswith("    | ") and line.isprintable() for line in rest)


def test_a_stalled_reader_blocks_nobody_and_what_is_lost_is_counted(pipe: Pipe) -> None:
    for number in range(20_000):
        pipe.log.info("x", number=number, filling="." * 100)
    assert len(pipe.sink._waiting) > 1_000
    assert pipe.sink._waiting_size <= logs.MAX_WAITING
    lines = ""
    for _ in range(100):
        lines += pipe.text()
        pipe.log.flush()
    records = [json.loads(line) for line in lines.splitlines()]
    kept = [record["number"] for record in records if record["event"] == "x"]
    lost = [record["lines"] for record in records if record["event"] == "log.lost"]
    assert kept == list(range(len(kept)))
    assert len(kept) + sum(lost) == 20_000
    assert len(lost) == 1


def test_a_closed_reader_harms_nobody(pipe: Pipe) -> None:
    reader, writer = os.pipe()
    log = Log(Sink(FakeClock(), fd=writer))
    os.close(reader)
    log.info("x")
    os.close(writer)
    log.info("x")
    log.flush()


def test_a_descriptor_that_does_not_block_loses_nothing() -> None:
    pipe = Pipe("json")
    os.set_blocking(pipe.write_end, False)
    fcntl.fcntl(pipe.write_end, fcntl.F_SETPIPE_SZ, 4096)
    for number in range(100):
        pipe.log.info("x", number=number, filling="." * 100)
    lines = ""
    for _ in range(100):
        lines += pipe.text()
        pipe.log.flush()
    pipe.close()
    assert [json.loads(line)["number"] for line in lines.splitlines()] == list(range(100))


def test_what_waits_at_a_fork_is_written_by_the_parent_alone(pipe: Pipe) -> None:
    while not pipe.sink._waiting:
        pipe.log.info("filling", text="." * 1000)
    pipe.log.info("waited")
    text = pipe.text()
    child = os.fork()
    if not child:
        pipe.log.info("child")
        os._exit(0)
    os.waitpid(child, 0)
    pipe.log.info("parent")
    text += pipe.text()
    assert [text.count(f'"{event}"') for event in ("child", "parent", "waited")] == [1, 1, 1]


def test_a_terminal_gets_plain_coloured_lines_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    reader, writer = pty.openpty()
    log = Log(Sink(FakeClock(), fd=writer, style="auto"))
    log.error("x", a=1)
    assert os.read(reader, 1000) == b"\x1b[31m08:00:00.000 ERROR   x a=1\x1b[0m\r\n"
    os.close(reader)
    os.close(writer)
