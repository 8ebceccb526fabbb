"""Where the tests put their files, and how long a law is tried."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

MEMORY: Final = Path("/dev/shm")  # of Linux
ENOUGH: Final = 2 << 30  # bytes; a run has some 100 MB at a time
WHOLE_SECONDS: Final = 600  # for a test with whole servers; an idle machine takes half a minute


def _fits() -> bool:
    """Files in memory can be had: thousands of small stores, synced, take half as long there."""
    if not MEMORY.is_dir() or os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        return False
    return shutil.disk_usage(MEMORY).free >= ENOUGH


# For pytest, its workers and what the tests start; fault runs have a disk: faults/conftest.py.
if "TMPDIR" not in os.environ and _fits():
    os.environ["TMPDIR"] = str(MEMORY)
    tempfile.tempdir = None  # asked for again

# Some environments forbid to keep compiled modules. Then each of three processes compiles every
# test anew, and each command that is started the whole product: a minute of each core.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# No deadlines: a loaded machine is slow, and what must not take long has a test that says so.
# How many examples a filter drops and how large they are differs from seed to seed.
# CI tries a law a hundred times (where it names no number of its own), a developer's run less.
settings.register_profile(
    "merpati",
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ],
    max_examples=100 if os.environ.get("CI") else 40,
)
settings.load_profile("merpati")

# Commands speak English here, whatever the locale of the machine is.
os.environ["MERPATI_LANG"] = "en"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole servers and real clients are slow on a busy machine: that alone is no failure."""
    for item in items:
        if item.get_closest_marker("timeout") is None and (
            item.get_closest_marker("scenario") or item.get_closest_marker("fault")
        ):
            item.add_marker(pytest.mark.timeout(WHOLE_SECONDS))
