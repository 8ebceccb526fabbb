"""Every example through Dovecot Pigeonhole too: where it knows the extensions, it should agree."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from merpati.wire.sieve import actions
from merpati.wire.sieve.actions import Action
from merpati.wire.sieve.compiler import compile_script
from merpati.wire.sieve.program import SieveFault
from tests.support.programs import need
from tests.support.sieve_cases import SieveCase, drive, load

pytestmark = pytest.mark.scenario

# Extensions that the Pigeonhole of Debian 12 (0.5.19) does not have.
UNKNOWN: Final = (
    *("replace", "enclose", "extlists", "redirect-dsn", "redirect-deliverby", "fcc", "mailboxid"),
    *("imapsieve", "envelope-dsn", "envelope-deliverby", "ereject"),
)
# What it can answer only with a server around it.
ASKING: Final = frozenset(
    {
        *("spam", "virus", "mailboxes", "metadata", "uses", "lists", "seen", "environment"),
        *("methods", "scripts", "now", "flags", "dsn"),
    }
)
NEEDS_SERVER: Final = re.compile(
    rb"currentdate|mailboxexists|metadata|specialuse_exists|spamtest|virustest|xmpp:|tel:|include"
)

# Where the two differ, and why: names of cases to a reason.
DIFFERENCES: Final[dict[str, str]] = {
    "rfc5173: 5.3 text: markup ends no word, and line ends are spaces": (
        "Pigeonhole puts a space where markup stands, within words too, and keeps line ends"
    ),
    "rfc5173: RFC 5703 7 what cannot be read is the empty string": (
        "Pigeonhole takes the bytes of an unknown charset as they are"
    ),
    "rfc5228: 2.4.2.2 nor is it an error in a test of addresses": (
        "Pigeonhole takes a few fields alone in that test"
    ),
    "rfc5228: 2.7.1 a question mark stands for one octet, whatever the character": (
        "Pigeonhole lets a question mark before an asterisk stand for several"
    ),
    "rfc5228: 2.7.4 what is no valid address has no parts": (
        "Pigeonhole takes what stands before a second @, and knows no white space in angle brackets"
    ),
    "rfc5228: 5.1 a name that only turns up when the script runs is looked at in the same way": (
        "Pigeonhole refuses such fields when it compiles, and takes them when it runs"
    ),
    "rfc5228: 5.1 members of groups are addresses, and an empty group has none": (
        "Pigeonhole counts the name of a group without members"
    ),
    "rfc5229: RFC 5228 2.4.2.4 nor is there a character so far away": (
        "Pigeonhole takes the lowest bits of the number"
    ),
    "rfc5260: 4 a semicolon in a comment is not the one before the date of a trace field": (
        "Pigeonhole looks for one in every field, in comments too"
    ),
    "rfc5429: RFC 5463 4 an unknown command ends the script when it comes to it (2)": (
        "Pigeonhole refuses unknown commands when it compiles; RFC 5463 4 wants that put off"
    ),
    "rfc5429: draft-ietf-sieve-regex: groups become match variables": (
        ":quoteregex is of a later draft than Pigeonhole implements"
    ),
}

CONFIGURATION: Final = """
base_dir = {home}/run
state_dir = {home}/state
ssl = no
mail_home = {home}
mail_location = maildir:{home}/Maildir
recipient_delimiter = +
plugin {{
  sieve = file:{home}/scripts;active={home}/active.sieve
  sieve_extensions = +spamtest +spamtestplus +virustest +editheader +vacation-seconds +special-use
  sieve_max_redirects = 32
}}
"""
_NOBODY: Final = 65534
_STORED: Final = re.compile(r"^ \* store message in folder: (.*)$", re.MULTILINE)
_SENT: Final = re.compile(r"^ \* redirect message to: <(.*)>$", re.MULTILINE)
_KINDS: Final = {
    "reject": " * reject message",
    "vacation": " * send vacation message",
    "notify": " * send notification",
}


def comparable(case: SieveCase) -> bool:
    required = case.script.partition(b";")[0]
    return not (
        any(f'"{name}"'.encode() in required for name in UNKNOWN)
        or case.facts.get("sender") == ""  # its sieve-test cannot be given the null path
        or any(case.facts.get(name) for name in ASKING)
        or NEEDS_SERVER.search(case.script)
    )


CASES: Final = [case for case in load() if comparable(case)]


class Pigeonhole:
    """Its `sieve-test`, which refuses to run as root."""

    def __init__(self, home: Path) -> None:
        self._program = need("sieve-test")
        self._home = home
        (home / "dovecot.conf").write_text(CONFIGURATION.format(home=home))
        self._user: int | None = None
        if os.geteuid() == 0:
            self._user = _NOBODY
            os.chown(home, _NOBODY, _NOBODY)

    def run(self, case: SieveCase) -> set[str] | None:
        """What it would do with the message, or None where the script is wrong or fails."""
        script, message = self._home / "script.sieve", self._home / "message.eml"
        script.write_bytes(case.script)
        message.write_bytes(case.message)
        envelope = case.envelope()
        done = subprocess.run(
            [
                *(self._program, "-c", str(self._home / "dovecot.conf")),
                *("-f", envelope.sender or "", "-a", envelope.recipient or ""),
                *("-r", envelope.recipient or "", str(script), str(message)),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            env={"HOME": str(self._home), "USER": "nobody", "TZ": "WIB-7"},
            user=self._user,
            group=self._user,
        )
        (self._home / "script.svbin").unlink(missing_ok=True)
        if "Performed actions" not in done.stdout:
            return None
        found = {f"fileinto {name}" for name in _STORED.findall(done.stdout)}
        found |= {f"redirect {address}" for address in _SENT.findall(done.stdout)}
        return found | {kind for kind, line in _KINDS.items() if line in done.stdout}


def told(action: Action) -> str:
    """One of our actions in the words of `Pigeonhole.run`; empty: nothing to do."""
    match action:
        case actions.Keep():
            return "fileinto INBOX"
        case actions.FileInto():
            return f"fileinto {action.mailbox}"
        case actions.Redirect():
            return f"redirect {action.address}"
        case actions.Discard():
            return ""
        case _:
            return type(action).__name__.lower()


@pytest.fixture(scope="module")
def pigeonhole() -> Iterator[Pigeonhole]:
    """Not in pytest's folders: each run of pytest that begins closes them to others again."""
    with tempfile.TemporaryDirectory(prefix="merpati-pigeonhole-") as name:
        yield Pigeonhole(Path(name))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_pigeonhole_does_the_same(case: SieveCase, pigeonhole: Pigeonhole) -> None:
    theirs = pigeonhole.run(case)
    try:
        program = compile_script(case.script)
    except SieveFault:
        ours = None
    else:
        outcome = drive(program, case.message, case.envelope(), case.facts)
        told_of = {told(action) for action in outcome.actions} - {""}
        ours = None if outcome.fault else told_of
    if case.name in DIFFERENCES:
        assert ours != theirs, "they agree now: remove the row"
    else:
        assert ours == theirs


def test_most_examples_can_be_compared() -> None:
    assert len(CASES) > 80
