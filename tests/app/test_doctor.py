from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from merpati.app.commands.doctor import tell
from merpati.services.diagnose.findings import ok, problem, warning
from tests.app.conftest import Merpati
from tests.support.dns import DnsServer

ZONE = """
mail.a.id   IN A   192.0.2.1
a.id        IN MX  10 mail.a.id.
a.id        IN TXT "v=spf1 ip4:198.51.100.1 -all"
"""


@pytest.fixture(scope="module")
def name_server() -> Iterator[tuple[str, int]]:
    """A DNS server in a thread, for the command has a loop of its own."""
    loop = asyncio.new_event_loop()
    server = DnsServer(ZONE)
    loop.run_until_complete(server.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield server.nameserver
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def config(folder: Path, name_server: tuple[str, int]) -> Path:
    """The installation asks our name server, and nobody outside."""
    host, port = name_server
    file = folder / "doctor.toml"
    text = (folder / "merpati.toml").read_text()
    text = text.replace("\n[dns]\n", f'\n[dns]\nnameservers = ["{host}:{port}"]\n')
    text = text.replace(
        "\n[doctor]\n",
        '\n[doctor]\ntime_server = ""\noutgoing = []\nblock_lists = []\ndomain_block_lists = []\n',
    )
    file.write_text(text)
    return file


def test_the_doctor_tells_what_is_wrong_and_fails(merpati: Merpati, config: Path) -> None:
    done = merpati("doctor", "-c", str(config))
    assert (done.status, done.err) == (1, "")
    assert "\n  PROBLEM  ptr " in done.out
    assert "The SMTP server on this machine does not answer" in done.out
    assert "Publish: a.id. TXT" in done.out
    assert "\na.id\n" in done.out
    assert "ok       mx     Mail for a.id goes to mail.a.id." in done.out


def test_quiet_tells_only_what_is_to_be_mended(merpati: Merpati, config: Path) -> None:
    done = merpati("doctor", "a.id", "--quiet", "-c", str(config))
    assert "  ok " not in done.out
    assert "  PROBLEM  spf" in done.out


def test_programs_get_the_findings_as_json(merpati: Merpati, config: Path) -> None:
    done = merpati("doctor", "a.id", "--json", "-c", str(config))
    assert done.status == 1
    found = done.json
    assert found["problems"] == sum(one["severity"] == "problem" for one in found["findings"])
    unsigned = next(one for one in found["findings"] if one["check"] == "dkim")
    assert (unsigned["subject"], unsigned["severity"]) == ("a.id", "problem")
    assert unsigned["do"]


def test_a_domain_of_others_is_not_examined(merpati: Merpati, config: Path) -> None:
    done = merpati("doctor", "b.id", "-c", str(config))
    assert done.status == 1
    assert "domain b.id is not served here" in done.err


def test_findings_are_told_by_subject_with_why_and_what_to_do() -> None:
    found = {
        "mail.a.id": [ok("clock", "It is right.")],
        "a.id": [
            problem("mx", "No MX.", "No mail.", "Publish it."),
            warning("srv", "No SRV.", "People type.", "Publish them."),
        ],
    }
    assert tell(found) == [
        "mail.a.id",
        "  ok       clock  It is right.",
        "",
        "a.id",
        "  PROBLEM  mx   No MX.",
        "                Why: No mail.",
        "                Do:  Publish it.",
        "  warning  srv  No SRV.",
        "                Why: People type.",
        "                Do:  Publish them.",
        "",
        "1 problem and 1 warning.",
    ]
    assert tell({"a.id": found["mail.a.id"]}, quiet=True) == ["All is well."]
