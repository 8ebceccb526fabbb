"""OpenDKIM and OpenDMARC for the Postfix of `peers.py`: who sent it, verified, and its policy kept.

OpenDKIM verifies; OpenDMARC looks at SPF itself and at the result of OpenDKIM, and refuses what
fails. Both treat clients from this machine as their own by default, which is turned off.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.meter import Group
from bench.names import HOST
from bench.peers import SYSTEM_PATH

if TYPE_CHECKING:
    from bench.names import Names

ADVICE: Final = "apt-get install opendkim opendmarc"
SUFFIXES: Final = Path("/usr/share/publicsuffix/public_suffix_list.dat")
NOBODY: Final = "192.0.2.254"

OPENDKIM_CONF: Final = """\
Mode v
Socket local:{folder}/{program}.sock
UMask 0
Syslog no
InternalHosts {nobody}
AuthservID bench.test
Nameservers {host}
"""
OPENDMARC_CONF: Final = """\
Socket local:{folder}/{program}.sock
UMask 0
Syslog false
IgnoreHosts {folder}/ignored
AuthservID bench.test
TrustedAuthservIDs bench.test
SPFIgnoreResults true
SPFSelfValidate true
RejectFailures true
PublicSuffixList {suffixes}
"""
CONFS: Final = {"opendkim": OPENDKIM_CONF, "opendmarc": OPENDMARC_CONF}
START_SECONDS: Final = 30.0


class Milters:
    """Both, for one Postfix."""

    def __init__(self, folder: Path, names: Names) -> None:
        """Writes their configuration; `start` starts them."""
        self._folder = folder / "milters"
        self._folder.mkdir()
        self._names = names
        self.group = Group("milters")
        (self._folder / "ignored").write_text(f"{NOBODY}\n")
        for program, text in CONFS.items():
            written = text.format(
                program=program, folder=self._folder, suffixes=SUFFIXES, nobody=NOBODY, host=HOST
            )
            (self._folder / f"{program}.conf").write_text(written)

    def settings(self) -> str:
        """What the main.cf of Postfix needs; it believes XCLIENT from here as well."""
        return (
            f"smtpd_milters = {', '.join(f'unix:{self._socket(name)}' for name in CONFS)}\n"
            "smtpd_authorized_xclient_hosts = 127.0.0.1\n"
        )

    def start(self) -> None:
        """Starts both, and waits until they listen."""
        for program in CONFS:
            file = self._folder / f"{program}.conf"
            command = [
                str(_find(program)),
                "-f",
                "-c" if program == "opendmarc" else "-x",
                str(file),
            ]
            with (self._folder / "output").open("ab") as output:
                self.group.start(self._names.under(command), output)
            _wait_for(self._socket(program))

    def close(self) -> None:
        """Stops both."""
        self.group.close()

    def _socket(self, program: str) -> Path:
        return self._folder / f"{program}.sock"


def missing() -> str:
    """What is to be installed for them to run here; empty when nothing is."""
    return "" if all(map(_find, CONFS)) and SUFFIXES.exists() else ADVICE


def _find(program: str) -> str | None:
    return shutil.which(program, path=SYSTEM_PATH)


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not path.exists():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{path.name} does not come")
        time.sleep(0.005)
