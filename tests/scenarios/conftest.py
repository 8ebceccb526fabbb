"""What scenarios share: name servers in a thread of their own, and patience."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.dns import DnsServer, answering

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def names() -> Iterator[DnsServer]:
    """A DNS server that answers while the test waits for other things."""
    with answering(DnsServer()) as server:
        yield server
