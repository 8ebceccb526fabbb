from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import imap_grammar
from tests.support.dialogue import Player, scripts
from tests.support.imap import serve
from tests.support.server import TestInstance


@pytest.mark.parametrize(
    "script", scripts("imap"), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
async def test_dialogue(script: Path, tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        player = Player(serve(instance), context=instance.client_context, deliver=instance.deliver)
        await player.play(script)
        for heard in player.heard:
            assert imap_grammar.faults(heard) == []
