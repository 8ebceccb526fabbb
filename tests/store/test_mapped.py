from __future__ import annotations

import mmap
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from merpati.store import mapped
from merpati.store.mapped import Mapped
from merpati.wire.mime import tree


def open_(path: Path, data: bytes) -> Mapped:
    path.write_bytes(data)
    with path.open("rb") as file:
        return Mapped(file.fileno(), 0, access=mmap.ACCESS_READ)


def resident(path: Path) -> int:
    """Bytes of a file that count as this process's memory."""
    lines = Path("/proc/self/smaps").read_text().splitlines()
    at = next(n for n, line in enumerate(lines) if line.endswith(str(path)))
    rss = next(line for line in lines[at:] if line.startswith("Rss:"))
    return int(rss.split()[1]) * 1024


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    st.binary(min_size=1, max_size=4),
    st.integers(0, 12_000),
    st.integers(-50, 12_100) | st.none(),
    st.integers(-50, 12_100) | st.none(),
)
def test_it_finds_what_bytes_find(
    tmp_path: Path, sub: bytes, at: int, start: int | None, stop: int | None
) -> None:
    data = bytearray(b"\xfe" * 12_000)
    data[at : at + len(sub)] = sub
    with open_(tmp_path / "file", bytes(data)) as content:
        assert content.find(sub, start, stop) == bytes(data).find(sub, start, stop)
        assert content.find(sub) == bytes(data).find(sub)


def test_a_match_across_two_windows_is_found(tmp_path: Path) -> None:
    for shift in range(-3, 4):
        at = mapped.WINDOW_MIN + shift
        data = b"a" * at + b"needle" + b"b" * 20_000
        with open_(tmp_path / "file", data) as content:
            assert content.find(b"needle") == at


def test_little_of_a_large_file_stays_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"
        + b"a" * 76 + b"\r\n" + b"b" * (48 << 20) + b"\r\n--b--\r\n"
    )  # fmt: skip
    with path.open("rb") as file:
        content = Mapped(file.fileno(), 0, access=mmap.ACCESS_READ)
    root = tree.parse(content)
    assert [part.type for part in root.children] == ["text"]
    assert resident(path) <= mapped.LET_GO + 2 * mapped.WINDOW_MAX
    content.close()
