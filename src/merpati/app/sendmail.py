"""`merpati-sendmail`: mail from programs on this machine, with the classic program's options.

    usage: merpati-sendmail [-t] [-i] [-f SENDER] [-F NAME] [-C FILE] RECIPIENT ...
           merpati-sendmail -bp | -bs | -q | -V

    -t        take recipients from To, Cc and Bcc too; Bcc is removed
    -i, -oi   a line that is only a dot does not end the message
    -f ADDR   the envelope sender, where bounces go; -f "" for none
    -F NAME   the name for From, when the message has none
    -C FILE   configuration file, else as everywhere
    -bp       list the queue        -q   try all that is queued now
    -bs       speak SMTP on standard input and output
    -V        the version           --   what follows are recipients

It reads one message on standard input. Whoever may write the store hands it straight to the
server's own intake, whether the server runs or not: status 0 then means that it is durable.
Where Sieve scripts or an automatic reply wait for it, it is queued, and the server delivers
it as soon as it runs. Everybody else is sent to the `smtp` listener of this machine, which
takes mail for the domains at home here only. The exit status is that of sysexits.h.
"""

from __future__ import annotations

import asyncio
import getopt
import io
import os
import pathlib
import pwd
import re
import socket
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from merpati.app import cli, draft
from merpati.app.draft import Draft
from merpati.app.installation import (
    BlobSettings,
    Config,
    ServerSettings,
    StoreSettings,
    become_owner,
    find_config,
    load_config,
    open_store,
    read_document,
)
from merpati.app.language import tell
from merpati.app.listeners import EVERYWHERE, LOOPBACK
from merpati.base.clock import SystemClock
from merpati.base.faults import Fault, Kind
from merpati.base.ids import SystemIds
from merpati.base.metrics import Metrics
from merpati.model.arrival import Arrival, Origin
from merpati.model.delivery import Outcome
from merpati.model.envelope import Envelope, Recipient
from merpati.net import mesh
from merpati.services import notify
from merpati.services.accept import Accept, QueueSettings
from merpati.services.route import AddressSettings, Router
from merpati.store import directory
from merpati.store.blobs import BlobStore
from merpati.wire.mime.addresses import Mailbox
from merpati.wire.smtp.paths import Path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from merpati.store.engine import Announcement, Store, Transaction

# As `message_size` of [smtp] when not set; loading the server that declares it would
# double the time this takes to start.
MESSAGE_MAX: Final = 52_428_800

GREETING_SECONDS: Final = 30.0  # a server that says nothing so long is left to say why

# sysexits.h
_LONE_LF: Final = re.compile(rb"(?<!\r)\n")
OK: Final = 0
USAGE: Final = 64
UNAVAILABLE: Final = 69
TEMPORARY: Final = 75
STATUS: Final = {
    Kind.SYNTAX: 65,  # EX_DATAERR
    Kind.TOO_LARGE: 65,
    Kind.LOOP: 65,
    Kind.NOT_FOUND: 67,  # EX_NOUSER
    Kind.DENIED: 77,  # EX_NOPERM
    Kind.CONFIG: 78,  # EX_CONFIG
    Kind.CORRUPT: 70,  # EX_SOFTWARE
}

# Options with a value; the others of `OPTIONS` have none. What is not acted upon is
# taken and ignored, so that programs written for other sendmails go on working.
OPTIONS: Final = "A:B:C:F:GL:N:O:R:UVX:b:c:f:h:imno:p:r:stvx"
GROUPS: Final[dict[str, type]] = {
    "server": ServerSettings,
    "store": StoreSettings,
    "blobs": BlobSettings,
    "queue": QueueSettings,
    "addresses": AddressSettings,
}


@dataclass(slots=True)
class Request:
    """What the command line asks for."""

    action: str = "send"  # send, list, smtp, retry, version, help, nothing
    from_header: bool = False  # -t
    dots: bool = False  # -i: a lone dot is text
    sender: str | None = None  # None: the user who runs it
    name: str = ""
    config: str = ""
    recipients: Sequence[str] = ()


def main(words: Sequence[str] | None = None) -> int:
    """Hand in one message, or do what else the options ask; the exit status of sysexits.h."""
    try:
        request = parse(sys.argv[1:] if words is None else words)
    except getopt.GetoptError as error:
        wrong = tell(f"{error.msg}; see: merpati-sendmail --help")
        sys.stderr.write(f"merpati-sendmail: {wrong}\n")
        return USAGE
    try:
        return act(request)
    except Fault as fault:
        sys.stderr.write(f"merpati-sendmail: {tell(fault.text)}\n")
        return STATUS.get(fault.kind, TEMPORARY)
    except KeyboardInterrupt:
        return 130


def parse(words: Sequence[str]) -> Request:
    """Read the command line. Raises getopt.GetoptError."""
    request = Request()
    # -q may have a value or not, which getopt cannot tell.
    if any(word.startswith("-q") for word in words[: _index(words, "--")]):
        request.action = "retry"
        words = [word for word in words if not word.startswith("-q")]
    options, request.recipients = getopt.getopt(list(words), OPTIONS, ["help", "version"])
    for option, value in options:
        match option:
            case "-t":
                request.from_header = True
            case "-i":
                request.dots = True
            case "-o":
                request.dots = request.dots or value == "i"
            case "-f" | "-r":
                request.sender = value
            case "-F":
                request.name = value
            case "-C" | "-c":
                request.config = value
            case "-b":
                request.action = _mode(value)
            case "-V" | "--version":
                request.action = "version"
            case "--help":
                request.action = "help"
    if request.action == "send" and not request.recipients and not request.from_header:
        raise getopt.GetoptError("nobody to send to: name recipients, or give -t")
    return request


def _index(words: Sequence[str], word: str) -> int:
    return words.index(word) if word in words else len(words)


def _mode(letter: str) -> str:
    # newaliases (-bi) has nothing to do: aliases live in the store.
    modes = {"m": "send", "p": "list", "s": "smtp", "i": "nothing"}
    if letter not in modes:
        raise getopt.GetoptError(f"there is no mode -b{letter}: there are -bm, -bp, -bs")
    return modes[letter]


def act(request: Request) -> int:
    """Do what was asked. Raises Fault."""
    chosen = ["-c", request.config] if request.config else []
    match request.action:
        case "help":
            sys.stdout.write(tell(str(__doc__)).replace("\n    ", "\n") + "\n")
        case "version":
            return cli.main(["--version"])
        case "list":
            return cli.main(["queue", "list", *chosen])
        case "retry":
            return cli.main(["queue", "retry", "all", *chosen])
        case "smtp":
            return speak(find(request, os.environ))
        case "send":
            config = find(request, os.environ)
            written = draft.read(read_message(request))
            user = pwd.getpwuid(os.getuid())
            if may_write(config):
                asyncio.run(hand_in(config, request, written, user))
            else:
                return asyncio.run(send(config, request, written, user))
    return OK


def find(request: Request, environ: Mapping[str, str]) -> Config:
    """The installation: what this program needs of its configuration. Raises Fault CONFIG."""
    option = pathlib.Path(request.config) if request.config else None
    file = find_config(option, environ, pathlib.Path.cwd())
    return load_config(file, read_document(file), GROUPS)


def read_message(request: Request) -> bytes:
    """Standard input, up to a line that is only a dot unless that is text.

    Raises:
        Fault: TOO_LARGE.
    """
    pieces: list[bytes] = []
    size = 0
    with standard_input() as source:
        chunks = iter(lambda: source.read1(1 << 20), b"") if request.dots else source
        for chunk in chunks:
            if not request.dots and chunk.rstrip(b"\r\n") == b".":
                break
            pieces.append(chunk)
            size += len(chunk)
            if size > MESSAGE_MAX:
                raise Fault(Kind.TOO_LARGE, f"the message may have {MESSAGE_MAX} bytes at most")
    return b"".join(pieces)


def standard_input() -> io.BufferedReader:
    """As bytes."""
    return open(sys.stdin.fileno(), "rb", closefd=False)


def may_write(config: Config) -> bool:
    """Whether whoever runs this may write the store; root becomes the store's owner first.

    Raises:
        Fault: CONFIG when there is no store.
    """
    if config[StoreSettings].engine != "sqlite":
        return True
    become_owner(config.data)
    try:
        config.database.stat()
    except PermissionError:
        return False
    except FileNotFoundError:
        text = f'there is no store {config.database}: make one with "merpati init"'
        raise Fault(Kind.CONFIG, text) from None
    return os.access(config.database, os.R_OK | os.W_OK)


# Straight into the store


async def hand_in(
    config: Config, request: Request, written: Draft, user: pwd.struct_passwd
) -> None:
    """Take the message over as the server would; it is durable afterwards.

    Raises:
        Fault: NOT_FOUND when a recipient does not exist; then nobody gets it.
    """
    store = await open_store(config)
    run_folder = config.data / "run"

    def announce(announcements: set[Announcement]) -> None:
        for data in notify.encode(announcements):
            mesh.send(run_folder, data)

    store.on_commit(announce)
    try:
        await _hand_in(config, store, request, written, user)
    finally:
        await store.close()


async def _hand_in(
    config: Config, store: Store, request: Request, written: Draft, user: pwd.struct_passwd
) -> None:
    hostname = config[ServerSettings].hostname
    clock = SystemClock()
    ids = SystemIds(clock)
    blob_store = BlobStore(config.blobs, ids)
    settings = config[QueueSettings]
    accept = Accept(store, blob_store, clock, ids, hostname, settings, Metrics())
    router = Router(store, hostname, clock, config[AddressSettings])
    domain = await store.read(home, hostname)
    sender, paths, content = finish(request, written, user, domain, ids, clock.now())
    routes = tuple([await router.route(path, relay=True) for path in paths])
    origin = Origin(peer="", helo="", protocol="local", account=user.pw_name)
    trace_id, spool = accept.begin()
    spool.add(content)
    smtputf8 = not all(path.is_ascii for path in (sender, *paths))
    text = "" if sender.is_null else str(sender)
    await accept.take(trace_id, spool, Arrival(text, routes, origin, smtputf8))


async def home(tx: Transaction, hostname: str) -> str:
    """The domain that names without one belong to: the nearest served that the host is in."""
    names = [domain.name for domain in await directory.domains(tx)]
    around = [name for name in names if hostname == name or hostname.endswith(f".{name}")]
    return max(around, key=len, default=names[0] if names else hostname)


def finish(
    request: Request, written: Draft, user: pwd.struct_passwd, domain: str, ids: SystemIds,
    now: float,
) -> tuple[Path, list[Path], bytes]:  # fmt: skip
    """Sender, recipients and the whole message.

    Raises:
        Fault: SYNTAX for what is no address, or when nobody is named.
    """
    given = [*request.recipients, *(written.recipients() if request.from_header else ())]
    paths = draft.qualify(list(dict.fromkeys(given)), domain)
    if not paths:
        raise Fault(Kind.SYNTAX, "the message names nobody in To, Cc or Bcc")
    own = user.pw_name if request.sender is None else request.sender
    (sender,) = draft.qualify([own], domain)
    name = request.name or user.pw_gecos.partition(",")[0]
    (author,) = draft.qualify([user.pw_name], domain) if sender.is_null else (sender,)
    return (
        sender,
        paths,
        written.complete(
            Mailbox(name, author.local, author.domain), f"<{ids.token(16)}@{domain}>", now
        ),
    )


# Through the listener


async def send(config: Config, request: Request, written: Draft, user: pwd.struct_passwd) -> int:
    """Send by SMTP to this machine's own `smtp` listener; the exit status."""
    from merpati.net import smtp_client  # noqa: PLC0415 -- loading it takes as long as all else
    from merpati.net.reaper import Reaper  # noqa: PLC0415 -- the same

    hostname = config[ServerSettings].hostname
    ids = SystemIds(SystemClock())
    now = SystemClock().now()
    sender, paths, content = finish(request, written, user, hostname, ids, now)
    host, port = listener(config)
    envelope = Envelope(
        sender="" if sender.is_null else str(sender),
        recipients=tuple(Recipient(str(path)) for path in paths),
        size=len(content),
        eight_bit=not content.isascii(),
        utf8=not all(path.is_ascii for path in (sender, *paths)),
    )
    try:
        session = await smtp_client.connect(
            Reaper(), host, [host], port, smtp_client.Options(helo=hostname)
        )
    except Fault as fault:
        raise Fault(
            Kind.UNAVAILABLE,
            f"{user.pw_name} may not write {config.database}, and {host}:{port} does not take"
            f" it either ({fault.text}); is the server running?",
        ) from fault
    results = await session.send(envelope, [content])
    await session.quit()
    failed = [result for result in results if result.outcome is not Outcome.DELIVERED]
    for result in failed:
        sys.stderr.write(f"merpati-sendmail: {result.recipient}: {result.text}\n")
    if not failed:
        return OK
    if any(result.outcome is Outcome.TEMPORARY for result in failed):
        return TEMPORARY
    unknown = all(result.status.startswith("5.1.") for result in failed)  # RFC 3463 3.2
    return STATUS[Kind.NOT_FOUND] if unknown else UNAVAILABLE


def listener(config: Config) -> tuple[str, int]:
    """Address and port of the `smtp` listener. Raises Fault CONFIG when there is none."""
    for one in config.listeners:
        if one.service == "smtp" and one.port:
            return LOOPBACK if one.host in {EVERYWHERE, "0.0.0.0"} else one.host, one.port  # noqa: S104 -- not bound, asked about
    text = f"{config.file} has no smtp listener with a port, through which others could send"
    raise Fault(Kind.CONFIG, text)


def network_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """A dialogue with CRLF, when the program writes lines as this machine does.

    How its first line ends tells; what begins with CRLF is left alone, for BDAT may follow,
    whose octets are counted.
    """
    convert: bool | None = None
    last = b""
    for chunk in chunks:
        if convert is None and b"\n" in chunk:
            convert = _LONE_LF.match(last + chunk, (last + chunk).index(b"\n")) is not None
        if convert:
            yield _LONE_LF.sub(b"\r\n", last + chunk)[len(last) :]
        else:
            yield chunk
        last = b"\r" if chunk.endswith(b"\r") else b""


def speak(config: Config) -> int:
    """SMTP on standard input and output, with the `smtp` listener at the other end.

    Raises:
        Fault: UNAVAILABLE when the server does not run.
    """
    host, port = listener(config)
    try:
        peer = socket.create_connection((host, port), 10)
    except OSError as error:
        text = f"no server answers on {host}:{port}: {error.strerror}; start: merpati serve"
        raise Fault(Kind.UNAVAILABLE, text) from error
    # A program may write its whole dialogue at once; who speaks before the greeting is refused.
    peer.settimeout(GREETING_SECONDS)
    with suppress(TimeoutError):
        peer.recv(1, socket.MSG_PEEK)
    peer.settimeout(None)

    def pass_on() -> None:
        with standard_input() as source:
            for chunk in network_lines(iter(lambda: source.read1(65_536), b"")):
                peer.sendall(chunk)
        peer.shutdown(socket.SHUT_WR)

    threading.Thread(target=pass_on, daemon=True).start()
    while data := peer.recv(65_536):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    return OK
