from __future__ import annotations

import imaplib
import re
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from tests.support.instance import MERPATI, PORTS, READY_SECONDS, free_ports

pytestmark = pytest.mark.scenario


def serve(folder: Path, add: int) -> tuple[subprocess.Popen[str], str]:
    """The demo, ready, and what it has said."""
    process = subprocess.Popen(
        [MERPATI, "demo", folder, "--ports", f"high+{add}", "--workers", "1"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    watchdog = threading.Timer(READY_SECONDS, process.kill)
    watchdog.start()
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith("merpati ready"):
            break
    watchdog.cancel()
    return process, said


def stop(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGINT)  # as Ctrl-C
    try:
        return process.wait(60)
    finally:
        process.kill()
        assert process.stdout is not None
        process.stdout.close()


def test_a_demo_is_furnished_once_and_says_how_to_use_it(tmp_path: Path) -> None:
    folder, add = tmp_path / "demo", free_ports()
    process, said = serve(folder, add)
    try:
        assert said.startswith(f"Making a demo installation in {folder} ...\n")
        found = re.search(r"password +(\S+) ", said)
        assert found is not None
        for service, port in PORTS.items():
            assert str(port + add) in said, service
        for name in ("ani", "beno", "admin"):
            with imaplib.IMAP4("127.0.0.1", PORTS["imap"] + add, timeout=10) as imap:
                imap.login(f"{name}@merpati.test", found[1])
                assert imap.select()[1] == [b"3"]
                fetched = imap.fetch("1:3", "(BODY[HEADER.FIELDS (DATE)])")[1]
                dates = [part[1] for part in fetched if isinstance(part, tuple)]
                assert len(dates) == 3
                assert all(b"{" not in date and date.startswith(b"Date: ") for date in dates)
    finally:
        assert stop(process) == 0
    process, said = serve(folder, add)
    assert stop(process) == 0
    assert "Making" not in said
    assert "merpati ready" in said
