"""Dovecot's scripted tests: every group that needs nothing but what is offered here."""

from __future__ import annotations

from pathlib import Path

import pytest

from merpati.servers.imap.legal import BASE, SIGNED_IN
from tests.support.imap import serve
from tests.support.imaptest import Player, read, scripts
from tests.support.server import ANA, BUDI, PASSWORD, TestInstance

OFFERED = {name.decode().upper() for name in (*BASE, *SIGNED_IN)}


def test_most_of_the_base_groups_are_there() -> None:
    assert len(scripts(OFFERED)) >= 35


@pytest.mark.parametrize("path", scripts(OFFERED), ids=lambda path: path.name)
async def test_group(path: Path, tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        await Player(read(path), serve(instance), ANA, PASSWORD, BUDI).play()
