"""What scenarios share: name servers in a thread of their own, and patience."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.dns import DnsServer, answering

if TYPE_CHECKING:
    from collections.abc import Iterator


HERE: Final = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before the choice by marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What lies here is a scenario, even where the file forgot to say so."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("scenario")


@pytest.fixture
def names() -> Iterator[DnsServer]:
    """A DNS server that answers while the test waits for other things."""
    with answering(DnsServer()) as server:
        yield server
