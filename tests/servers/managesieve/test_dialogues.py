from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers.managesieve.server import ManageSieveServer
from tests.support.dialogue import Player, scripts


@pytest.mark.parametrize(
    "script", scripts("managesieve"), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
async def test_dialogue(script: Path, server: ManageSieveServer) -> None:
    instance = server.instance
    port = server.listen(login_without_tls=script.parent.name != "tls")
    player = Player(port, context=instance.client_context, deliver=instance.deliver)
    await player.play(script)
