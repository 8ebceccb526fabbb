"""What every fault run wants: the preloaded library, a free port, how much effort to make."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.faults.tools import faultio
from tests.support.instance import free_port
from tests.support.programs import need

if TYPE_CHECKING:
    from collections.abc import Iterator

DISK: Final = Path("/var/tmp")  # where other tests may use memory: tests/conftest.py


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A new folder; on a disk for fault runs, which are about its ways."""
    if request.node.get_closest_marker("fault") is None:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="merpati-", dir=DISK) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`faultio.so`, built from its source."""
    if not sys.platform.startswith("linux"):
        pytest.skip("faultio knows the calls of Linux only")
    need("gcc")
    return faultio.build(tmp_path_factory.mktemp("faultio"))


@pytest.fixture
def port() -> int:
    """A port that is free, below those the system hands out by itself."""
    return free_port()


@pytest.fixture(scope="session")
def full() -> bool:
    """True for the long programme (`make faults FULL=1`), false for the short form."""
    return os.environ.get("MERPATI_FAULTS") == "full"
