"""Builds `faultio.c` and starts programs under it.

The library sees the file operations below one folder, records them and makes
them fail by rules; the rules' grammar stands at the head of the C file.
"""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).with_name("faultio.c")

# The shared counters: operations, then matches and firings of each of 16 rules.
_STATE: Final = struct.Struct("=Q16Q16Q")


def build(folder: Path) -> Path:
    """Compiles the library into `folder`; `CalledProcessError` when it does not compile."""
    target = folder / "faultio.so"
    command = ["gcc", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC"]
    subprocess.run(
        [*command, "-o", target, SOURCE, "-ldl"], check=True, capture_output=True, text=True
    )
    return target


def state_of(watched: Path) -> Path:
    """Where the counters of a watched folder are kept: beside it, to outlive restarts."""
    return watched.with_name(f"{watched.name}.faultio")


def environment(
    library: Path, watched: Path, *, rules: str = "", seed: int = 1, log: Path | None = None
) -> dict[str, str]:
    """The surroundings of a process whose file operations below `watched` are seen."""
    made = dict(
        os.environ,
        LD_PRELOAD=str(library),
        FAULTIO_DIR=str(watched.resolve()),
        FAULTIO_STATE=str(state_of(watched.resolve())),
        FAULTIO_RULES=rules,
        FAULTIO_SEED=str(seed),
        FAULTIO_NET="1",
    )
    if log is not None:
        made["FAULTIO_LOG"] = str(log)
    return made


def fired(watched: Path) -> int:
    """How often rules fired below `watched` so far, over all restarts."""
    path = state_of(watched.resolve())
    raw = path.read_bytes() if path.exists() else b""
    return sum(_STATE.unpack(raw)[17:]) if len(raw) == _STATE.size else 0
