"""Both event loops, and real certificates."""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import TYPE_CHECKING

import pytest
import uvloop

from merpati.net.tls import make_self_signed
from tests.support.smtp_sink import SmtpSink, contexts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

ON_BOTH_LOOPS = {
    "test_stream", "test_stream_tls", "test_stream_deflate", "test_listen", "test_connect",
    "test_smtp_last_words",
}  # fmt: skip


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.stem in ON_BOTH_LOOPS:
        return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with NAME.pem and NAME.key for some hosts."""
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("mail.example.org", "mail.example.net", "*.example.com"):
        certificate, key = make_self_signed([name, "localhost"], time.time())
        stem = name.replace("*", "any")
        (folder / f"{stem}.pem").write_bytes(certificate)
        (folder / f"{stem}.key").write_bytes(key)
    return folder


@pytest.fixture(scope="module")
def tls_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return contexts("mx.test")


@pytest.fixture
async def sink() -> AsyncIterator[SmtpSink]:
    async with SmtpSink() as sink:
        yield sink
