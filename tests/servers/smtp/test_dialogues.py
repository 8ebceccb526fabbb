from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from merpati.base.networks import Networks
from merpati.servers.smtp.legal import Role
from merpati.servers.smtp.policy import SmtpSettings
from merpati.wire.smtp.paths import parse_address
from tests.support.dialogue import Player, scripts
from tests.support.server import ANA, TestInstance
from tests.support.smtp import serve

# The folder of a dialogue says which port it is held on.
PORTS: dict[str, dict[str, Any]] = {
    "mx": {"role": Role.MX},
    "submission": {"role": Role.SUBMISSION},
    # from this machine, where TLS is not asked for
    "plain": {"role": Role.SUBMISSION, "login_without_tls": True},
    "submissions": {"role": Role.SUBMISSIONS},
    "lmtp": {"role": Role.LMTP},
    "device": {
        "role": Role.DEVICE,
        "networks": Networks(["127.0.0.1"]),
        "sender": parse_address(ANA),
        "recipients": frozenset({"@example.org", "@partner.test"}),
    },
}


@pytest.mark.parametrize(
    "script", scripts("smtp"), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
async def test_dialogue(script: Path, tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        settings = SmtpSettings(message_size=2000)
        port = serve(instance, settings=settings, **PORTS[script.parent.name])
        await Player(port, context=instance.client_context).play(script)
