"""JMAP: a list of mail out of a large mailbox, and clients that wait to be told of changes.

    python -m bench.jmap                        100,000 emails, 1,000 connections
    python -m bench.jmap --messages 10000 --connections 200
    python -m bench.jmap --peer-messages 100000 --folder /dev/shm
                                                beside Cyrus, with so many emails in each

One worker's client asks as a webmail does: Email/query (newest 50 of the inbox) and Email/get of
them in one request, over one connection. Then the same while new mail comes in, so that no
answer can be the one before. CPU is the server's, of all its processes, per request; times are
the client's. Memory is PSS, before and after the connections were opened.

Beside Cyrus only CPU counts, so both may lie in memory: on a disk, its files take half an hour.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import http.client
import json
import shutil
import smtplib
import socket
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from bench import cyrus
from bench.imap_client import Imap
from bench.meter import total_memory
from bench.ours import DOMAIN, Ours
from bench.target import PASSWORD, USERS
from merpati.app.config import read_config
from merpati.app.installation import open_store
from merpati.base.clock import SystemClock
from merpati.base.ids import SystemIds
from merpati.services.digest import digest
from merpati.store import directory, emails
from merpati.store.blobs import BlobStore

BATCH: Final = 1000  # emails of one transaction
BEGAN: Final = 1_700_000_000_000
REQUESTS: Final = 300
TURNS, EACH_TURN = 6, 5  # beside a peer
NEW_EVERY: Final = 5  # requests between two new emails
SETTLE_SECONDS: Final = 3.0
RESTS_MAX, IDLE = 200, 0.03  # so often, and so much of a core
WARM: Final = 20  # connections before the first count
HTTP: Final = 2080
PROPERTIES: Final = (
    "threadId", "mailboxIds", "keywords", "from", "to", "subject", "receivedAt", "size",
    "preview", "hasAttachment",
)  # fmt: skip


def main() -> None:
    """Measures ours alone, and prints it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--peer-messages", type=int, default=0)
    parser.add_argument("--folder", default="/var/tmp", help="/dev/shm fills Cyrus in minutes")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="merpati-bench-", dir=args.folder))
    folder.chmod(0o711)  # for peers that have a user of their own
    ours = Ours(folder)
    try:
        if args.peer_messages:
            _beside(ours, folder, args.peer_messages)
            return
        asyncio.run(fill(ours, args.messages))
        ours.start()
        _rest(ours)
        _lists(ours)
        _connections(ours, args.connections)
    finally:
        ours.close()
        shutil.rmtree(folder, ignore_errors=True)


def letter(n: int) -> bytes:
    """One of a conversation of three."""
    parent = f"In-Reply-To: <{n // 3 * 3}@bench>\r\n" if n % 3 else ""
    return (
        f"From: Person {n % 97} <p{n % 97}@example.org>\r\nTo: u0@{DOMAIN}\r\n"
        f"Subject: Matter {n // 3} of ours\r\nMessage-ID: <{n}@bench>\r\n{parent}"
        f"Date: Tue, 1 Jul 2025 10:00:00 +0700\r\n\r\nThis is the text of number {n}.\r\n"
    ).encode()


async def fill(ours: Ours, count: int, mailbox: int = 1, first: int = 0) -> None:
    """Emails from number `first` on into a mailbox of the first user, without a server."""
    config = read_config(ours.config)
    store = await open_store(config)
    blobs = BlobStore(config.blobs, SystemIds(SystemClock()))

    async def unit(tx: Any, account_id: int, start: int, end: int) -> None:
        for n in range(start, end):
            raw = letter(n)
            place = emails.Placement(account_id, mailbox, "$seen" if n % 2 else "")
            at = BEGAN + n * 1000
            await emails.add(tx, blobs.inline(raw), digest(raw, at), [place], at)

    try:
        account = await store.read(directory.find_account, f"u0@{DOMAIN}")
        assert account is not None
        for start in range(first, first + count, BATCH):
            await store.write_long(unit, account.id, start, min(start + BATCH, first + count))
    finally:
        await store.close()


class Client:
    """One connection of a JMAP client."""

    def __init__(self, port: int, user: str, api: str = "/jmap/api") -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port)
        self._fields = {"authorization": basic(user), "content-type": "application/json"}
        self._api = api
        session = self.ask("GET", "/jmap/session" if api == "/jmap/api" else api)
        self.account = session["primaryAccounts"]["urn:ietf:params:jmap:mail"]
        told = self.call(["Mailbox/get", {"accountId": self.account, "ids": None}, "0"])
        boxes = told["methodResponses"][0][1]["list"]
        [self.inbox] = [box["id"] for box in boxes if box["role"] == "inbox"]

    def ask(self, method: str, path: str, value: Any = None) -> Any:
        """One request, with a JSON value."""
        body = None if value is None else json.dumps(value).encode()
        self._http.request(method, path, body, self._fields)
        return json.loads(self._http.getresponse().read())

    def call(self, *calls: Any) -> Any:
        """Method calls."""
        using = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"]
        return self.ask("POST", self._api, {"using": using, "methodCalls": calls})

    def list(self, *, collapse: bool) -> Any:
        """The newest fifty of the inbox."""
        of = {"accountId": self.account}
        query = {
            **of, "filter": {"inMailbox": self.inbox}, "limit": 50, "collapseThreads": collapse,
            "sort": [{"property": "receivedAt", "isAscending": False}], "calculateTotal": True,
        }  # fmt: skip
        ids = {"resultOf": "q", "name": "Email/query", "path": "/ids"}
        get = {**of, "#ids": ids, "properties": PROPERTIES}
        told = self.call(["Email/query", query, "q"], ["Email/get", get, "g"])
        assert len(told["methodResponses"][1][1]["list"]) == 50, told
        return told


def basic(user: str) -> str:
    """The Authorization field of a user."""
    both = f"{user}:{PASSWORD}".encode()
    return "Basic " + base64.b64encode(both).decode()


def _rest(ours: Ours) -> None:
    """Wait until the new emails are indexed, or that would be measured with what is asked for."""
    [group] = ours.target().groups
    for _ in range(RESTS_MAX):
        before = group.cpu()
        time.sleep(SETTLE_SECONDS)
        if group.cpu() - before < SETTLE_SECONDS * IDLE:
            return
    print("the server has still something to do")


def _lists(ours: Ours) -> None:
    [group] = ours.target().groups
    client = Client(HTTP + ours.add, ours.target().user(0))
    began = time.perf_counter()
    client.list(collapse=False)
    print(f"the first list: {(time.perf_counter() - began) * 1e3:.1f} ms")
    for name, collapse, new in (
        ("list of 50", False, False), ("list of 50 conversations", True, False),
        ("list of 50, new mail", False, True), ("list of 50 conversations, new mail", True, True),
    ):  # fmt: skip
        took = []
        cpu = 0.0
        for n in range(REQUESTS):
            if new and n % NEW_EVERY == 0:
                _deliver(ours, n)
            before = group.cpu()
            began = time.perf_counter()
            client.list(collapse=collapse)
            took.append(time.perf_counter() - began)
            cpu += group.cpu() - before
        took.sort()
        p50, p99 = (took[int(REQUESTS * part)] * 1e3 for part in (0.5, 0.99))
        print(f"{name}: p50 {p50:.1f} ms, p99 {p99:.1f} ms, CPU {cpu / REQUESTS * 1e3:.2f} ms")
    for method, arguments in (("Mailbox/get", {"ids": None}), ("Thread/get", {"ids": []})):
        given = {"accountId": client.account, **arguments}
        if method == "Thread/get":
            told = client.list(collapse=True)["methodResponses"][1][1]["list"]
            given["ids"] = [one["threadId"] for one in told]
        for when in ("first", "again"):
            began = time.perf_counter()
            client.call([method, given, "c"])
            print(f"{method}, {when}: {(time.perf_counter() - began) * 1e3:.1f} ms")


def _beside(ours: Ours, folder: Path, count: int) -> None:
    """The list of 50 of us and of Cyrus by turns, each with so many emails in the inbox."""
    if reason := cyrus.missing():
        raise SystemExit(reason)
    peer = cyrus.Cyrus(folder, ours.certificate, ours.key, jmap=True)
    asyncio.run(fill(ours, count))
    ours.start()
    peer.start()
    try:
        with Imap(peer.target(), 0) as session:
            for start in range(0, count, BATCH):
                numbers = range(start, min(start + BATCH, count))
                session.append("INBOX", [letter(n) for n in numbers])
        clients = {
            "merpati": (Client(HTTP + ours.add, ours.target().user(0)), ours.target().groups[0]),
            "cyrus": (Client(peer.http, "u0", "/jmap/"), peer.target().groups[0]),
        }
        for name, collapse in (("list of 50", False), ("list of 50 conversations", True)):
            spent = dict.fromkeys(clients, 0.0)
            for who in list(clients) * TURNS:
                client, group = clients[who]
                client.list(collapse=collapse)
                before = group.cpu()
                for _ in range(EACH_TURN):
                    client.list(collapse=collapse)
                spent[who] += group.cpu() - before
            each = {who: used / TURNS / EACH_TURN for who, used in spent.items()}
            told = ", ".join(f"{who} {used * 1e3:.2f} ms" for who, used in each.items())
            print(f"{name}: CPU {told}; {each['cyrus'] / each['merpati']:.1f} times")
    finally:
        peer.close()


def _deliver(ours: Ours, n: int) -> None:
    with smtplib.SMTP("127.0.0.1", ours.target().ports.smtp) as smtp:
        raw = letter(1_000_000 + n + int(time.time() * 1000) % 1_000_000 * 1000)
        smtp.sendmail("p1@example.org", [f"u0@{DOMAIN}"], raw)


def _connections(ours: Ours, count: int) -> None:
    """What each client adds that waits for events."""
    head = "GET /jmap/eventsource?types=*&closeafter=no&ping=0 HTTP/1.1\r\nHost: bench\r\n"
    upgrade = (
        "GET /jmap/ws HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: jmap\r\n"
    )
    for name, lines, enable in (
        ("event streams", head, b""),
        ("WebSockets", upgrade, _masked(b'{"@type":"WebSocketPushEnable","dataTypes":null}')),
    ):
        ours.stop()
        ours.start()
        clients = [_opened(ours, n, lines, enable) for n in range(WARM)]
        time.sleep(SETTLE_SECONDS)
        before = total_memory(ours.target().groups).pss
        clients += [_opened(ours, n, lines, enable) for n in range(count)]
        time.sleep(SETTLE_SECONDS)
        after = total_memory(ours.target().groups).pss
        print(f"{count} {name}: {(after - before) / count / 1e3:.1f} KB each")
        for one in clients:
            one.close()
        time.sleep(SETTLE_SECONDS)


def _opened(ours: Ours, n: int, lines: str, enable: bytes) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", HTTP + ours.add))
    one.sendall(f"{lines}Authorization: {basic(ours.target().user(n % USERS))}\r\n\r\n".encode())
    answer = one.recv(1000)
    assert answer.split()[1] in {b"200", b"101"}, answer
    if enable:
        one.sendall(enable)
    return one


def _masked(text: bytes) -> bytes:
    assert len(text) < 126
    return bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text


if __name__ == "__main__":
    main()
