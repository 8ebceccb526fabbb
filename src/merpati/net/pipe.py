"""A command as the next hop: it reads the message, and its exit status says what came of it.

The command line is never given to a shell. In it `{recipient}`, `{user}`, `{domain}`,
`{sender}` and `{size}` stand for this message's; an argument that is one of them and would
begin with a hyphen is refused, for the command would take it for an option. It runs once
for each recipient, in a folder of its own, with an environment of a few names and limits
on time, memory, files and output.

The exit status is one of sysexits(3): 0 is delivered; 75 (EX_TEMPFAIL) and the others that
may pass are temporary, as is a signal; the rest are permanent.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import resource
import signal
import tempfile
from typing import TYPE_CHECKING, Final

from merpati.base.faults import Fault
from merpati.model.delivery import Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from merpati.model.envelope import Envelope, Recipient
    from merpati.net.smtp_transaction import Content

SECONDS: Final = 300.0  # for one recipient
MEMORY_MAX: Final = 1 << 30  # bytes of address space
FILE_MAX: Final = 1 << 30  # bytes of any file it writes
FILES_MAX: Final = 64
OUTPUT_MAX: Final = 4096  # bytes of what it says that are kept
_PLACE: Final = re.compile(r"\{(recipient|user|domain|sender|size)\}")
PATH: Final = "/usr/local/bin:/usr/bin:/bin"

# sysexits(3): what is not here and not 0 is permanent, as 5.3.0.
STATUS: Final = {
    64: (Outcome.PERMANENT, "5.5.4"),  # EX_USAGE
    65: (Outcome.PERMANENT, "5.6.0"),  # EX_DATAERR
    66: (Outcome.PERMANENT, "5.3.0"),  # EX_NOINPUT
    67: (Outcome.PERMANENT, "5.1.1"),  # EX_NOUSER
    68: (Outcome.PERMANENT, "5.1.2"),  # EX_NOHOST
    69: (Outcome.TEMPORARY, "4.3.0"),  # EX_UNAVAILABLE: what the command needs is not there now
    70: (Outcome.TEMPORARY, "4.3.0"),  # EX_SOFTWARE
    71: (Outcome.TEMPORARY, "4.3.0"),  # EX_OSERR
    72: (Outcome.TEMPORARY, "4.3.5"),  # EX_OSFILE
    73: (Outcome.TEMPORARY, "4.2.0"),  # EX_CANTCREAT
    74: (Outcome.TEMPORARY, "4.3.0"),  # EX_IOERR
    75: (Outcome.TEMPORARY, "4.3.0"),  # EX_TEMPFAIL
    76: (Outcome.TEMPORARY, "4.5.0"),  # EX_PROTOCOL
    77: (Outcome.PERMANENT, "5.7.1"),  # EX_NOPERM
    78: (Outcome.TEMPORARY, "4.3.5"),  # EX_CONFIG
    127: (Outcome.TEMPORARY, "4.3.5"),  # not found
}


class PipeSession:
    """Gives messages to a command, as `smtp_client.Session` does to a server."""

    def __init__(self, command: Sequence[str], *, seconds: float = SECONDS) -> None:
        self._command = tuple(command)
        self._seconds = seconds
        self.sent = 0
        self.features: dict[str, str] = {}
        self.is_final = True
        self.usable = True

    async def send(
        self,
        envelope: Envelope,
        content: Content,
        *,
        just_send_8bit: bool = False,
        following: Envelope | None = None,
    ) -> list[Result]:
        """Run the command for each recipient; one result each, in their order."""
        del just_send_8bit, following
        self.sent += 1
        try:
            message = await _whole(content)
        except Fault as fault:
            return [
                self._result(one.address, Outcome.TEMPORARY, "4.3.0", fault.text)
                for one in envelope.recipients
            ]
        return [await self._run(envelope, one, message) for one in envelope.recipients]

    async def quit(self) -> None:
        """Nothing is left to say."""
        self.usable = False

    def abort(self) -> None:
        """Nothing is left to close."""
        self.usable = False

    async def _run(self, envelope: Envelope, recipient: Recipient, message: bytes) -> Result:
        user, _, domain = recipient.address.rpartition("@")
        values = {
            "recipient": recipient.address, "user": user, "domain": domain,
            "sender": envelope.sender, "size": str(len(message)),
        }  # fmt: skip
        words = [self._command[0]]
        for word in self._command[1:]:
            filled = _PLACE.sub(lambda found: values[found[1]], word)
            if filled != word and filled.startswith("-") and not word.startswith("-"):
                text = f"{filled[:60]!r} would be taken for an option by {self._command[0]}."
                return self._result(recipient.address, Outcome.PERMANENT, "5.1.3", text)
            words.append(filled)
        return await self._wait(recipient.address, words, message)

    async def _wait(self, address: str, words: list[str], message: bytes) -> Result:
        name = self._command[0]
        with tempfile.TemporaryDirectory(prefix="merpati-pipe-") as folder:
            try:
                process = await asyncio.create_subprocess_exec(
                    *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT, cwd=folder, start_new_session=True,
                    env={"PATH": PATH, "LANG": "C.UTF-8", "HOME": folder}, preexec_fn=_limit,
                )  # fmt: skip
            except OSError as error:
                text = f"{name} cannot be run: {error.strerror or error}."
                return self._result(address, Outcome.TEMPORARY, "4.3.5", text)
            try:
                async with asyncio.timeout(self._seconds):
                    said = await _converse(process, message)
                    status = await process.wait()
            except TimeoutError:
                text = f"{name} did not end within {self._seconds:g} seconds."
                return self._result(address, Outcome.TEMPORARY, "4.3.0", text)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # and what it has started
                if process.returncode is None:
                    await process.wait()
        if status == 0:
            return self._result(address, Outcome.DELIVERED, "2.0.0", said or f"{name} took it.")
        if status < 0:
            text = f"{name} was ended by signal {-status}. {said}".strip()
            return self._result(address, Outcome.TEMPORARY, "4.3.0", text)
        outcome, code = STATUS.get(status, (Outcome.PERMANENT, "5.3.0"))
        return self._result(
            address, outcome, code, f"{name} ended with status {status}. {said}".strip()
        )

    def _result(self, address: str, outcome: Outcome, status: str, text: str) -> Result:
        return Result(address, outcome, status, text, step="pipe", address=self._command[0])


async def _converse(process: asyncio.subprocess.Process, message: bytes) -> str:
    """Write the message, and read what the command says, of which the beginning is kept."""
    assert process.stdin is not None
    assert process.stdout is not None
    reading = asyncio.ensure_future(_read(process.stdout))
    try:
        process.stdin.write(message)
        with contextlib.suppress(ConnectionError):  # it need not read all
            await process.stdin.drain()
        process.stdin.close()
        return await reading
    finally:
        reading.cancel()


async def _read(stream: asyncio.StreamReader) -> str:
    kept = b""
    while chunk := await stream.read(65_536):
        kept += chunk[: OUTPUT_MAX - len(kept)]
    words = kept.decode("utf-8", "replace").split()
    return "".join(c if c.isprintable() else "?" for c in " ".join(words))


async def _whole(content: Content) -> bytes:
    if isinstance(content, bytes):
        return content
    if hasattr(content, "__aiter__"):
        return b"".join([chunk async for chunk in content])
    return b"".join(content)


def _limit() -> None:
    """In the child, before the command begins."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_MAX, FILE_MAX))
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_MAX, FILES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
