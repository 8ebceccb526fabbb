from __future__ import annotations

from pathlib import Path

import pytest

from merpati.servers.smtp.legal import Role
from merpati.servers.smtp.session import SmtpSettings
from tests.support.dialogue import Player, scripts
from tests.support.server import TestInstance
from tests.support.smtp import serve

# The folder of a dialogue says which port it is held on.
PORTS = {
    "mx": (Role.MX, False),
    "submission": (Role.SUBMISSION, False),
    "plain": (Role.SUBMISSION, True),  # from this machine, where TLS is not asked for
    "submissions": (Role.SUBMISSIONS, False),
}


@pytest.mark.parametrize(
    "script", scripts("smtp"), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
async def test_dialogue(script: Path, tmp_path: Path) -> None:
    role, without_tls = PORTS[script.parent.name]
    async with TestInstance(tmp_path) as instance:
        settings = SmtpSettings(message_size=2000)
        port = serve(instance, role, settings=settings, login_without_tls=without_tls)
        await Player(port, context=instance.client_context).play(script)
