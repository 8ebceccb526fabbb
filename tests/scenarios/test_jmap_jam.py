"""jmap-jam, a JMAP client library of others, on our server."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.scenarios.node import installed
from tests.support.instance import PASSWORD, Installation
from tests.support.programs import need

pytestmark = pytest.mark.scenario

ANA: Final = "ana@a.id"
JAM: Final = Path(__file__).with_name("jmap-jam")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation.make(tmp_path_factory.mktemp("server"), "a.id", ANA).serving() as one:
        yield one


def test_jmap_jam_reads_writes_sends_and_fetches(server: Installation) -> None:
    done = subprocess.run(
        [need("node"), JAM / "session.mjs", str(server.port("https")), ANA, PASSWORD],
        cwd=installed(JAM), capture_output=True, text=True, check=False, timeout=50,
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(server.certificate)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert {"inbox", "drafts", "sent", "trash", "junk", "archive"} <= set(seen["roles"])
    assert seen["upload"] == [6, "text/plain"]
    assert seen["undo"] == "final"
    assert seen["subject"] == "Selamat pagi"
    assert seen["from"] == [{"name": "Me", "email": ANA}]
    assert seen["text"] == "How are you?"
    assert seen["file"][0] == "a file"
    assert seen["file"][1].startswith("text/plain")
    assert seen["kept"] == [{"$seen": True}, True]
    assert seen["errors"] == [
        "unknownMethod", "accountNotFound", "urn:ietf:params:jmap:error:unknownCapability",
    ]  # fmt: skip
