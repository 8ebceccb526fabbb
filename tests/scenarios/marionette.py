"""Thunderbird without a screen, driven by scripts that run inside of it.

Protocol (Marionette, version 3): every message is `length:JSON`; a command is
`[0, id, name, parameters]`, its answer `[1, id, error, result]`.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.support.instance import free_port
from tests.support.programs import need

SECONDS: Final = 90
PREFERENCES: Final = {
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "mail.provider.enabled": False,
    "mail.server.default.check_new_mail": False,  # it hears of new mail by IDLE, or not at all
    "mail.server.default.use_idle": True,
    "mail.rights.version": 1,
    "mail.shell.checkDefaultClient": False,
    "mailnews.start_page.enabled": False,
    "messenger.startup.action": 0,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "http://127.0.0.1:1/",
}


class Thunderbird:
    """A running Thunderbird with an empty profile."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        self._file = self._socket.makefile("rb")
        self._count = 0
        self._next()
        self._call("WebDriver:NewSession")
        self._call("WebDriver:SetTimeouts", script=SECONDS * 1000)
        self._call("Marionette:SetContext", value="chrome")

    def run(self, script: str, *arguments: Any) -> Any:
        """What the body of an asynchronous function returns; it may await.

        Raises:
            AssertionError: it failed, or was not done in time.
        """
        whole = (
            "const done = arguments[arguments.length - 1];"
            f"(async (given) => {{ {script} }})([...arguments].slice(0, -1))"
            ".then(value => done({value}), fault => done({fault: `${fault}\\n${fault.stack}`}));"
        )
        answer = self._call(
            "WebDriver:ExecuteAsyncScript", script=whole, args=list(arguments), sandbox="system"
        )["value"]
        assert "fault" not in answer, answer["fault"]
        return answer.get("value")

    def quit(self) -> None:
        """Ends it as its menu does."""
        self._call("Marionette:Quit", flags=["eAttemptQuit"])
        self.close()

    def close(self) -> None:
        """Ends the conversation."""
        self._file.close()
        self._socket.close()

    def _call(self, name: str, **parameters: Any) -> Any:
        self._count += 1
        body = json.dumps([0, self._count, name, parameters]).encode()
        self._socket.sendall(b"%d:%b" % (len(body), body))
        _, _, error, result = self._next()
        assert error is None, error
        return result

    def _next(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            byte = self._file.read(1)
            assert byte, "Thunderbird has ended"
            length += byte
        return json.loads(self._file.read(int(length[:-1])))


@contextmanager
def thunderbird(folder: Path) -> Iterator[Thunderbird]:
    """A Thunderbird with its home below `folder`, gone afterwards."""
    port = free_port()
    profile = folder / "profile"
    profile.mkdir()
    values = PREFERENCES | {"marionette.port": port}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(one)});" for name, one in values.items()]
    (profile / "user.js").write_text("\n".join(lines))
    words = [
        need("thunderbird"), "--headless", "--marionette", "--remote-allow-system-access",
        "--no-remote", "--profile", str(profile),
    ]  # fmt: skip
    with (folder / "thunderbird.log").open("wb") as log:
        child = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=os.environ | {"HOME": str(folder), "LC_ALL": "C.UTF-8"}, start_new_session=True,
        )  # fmt: skip
    running = None
    try:
        running = _connected(port, child)
        yield running
        running.quit()
        child.wait(SECONDS)
    finally:
        if running is not None:
            running.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, 9)
        child.wait()


def _connected(port: int, child: subprocess.Popen[bytes]) -> Thunderbird:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return Thunderbird(port)
        except ConnectionRefusedError:
            assert child.poll() is None, "Thunderbird has ended"
            assert time.monotonic() < deadline, "Thunderbird does not start"
            time.sleep(0.1)
