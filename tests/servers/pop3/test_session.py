from __future__ import annotations

import asyncio
import poplib
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz import pop3_session
from merpati.base.faults import Fault, Kind
from merpati.model.mailbox import INBOX_ID
from merpati.servers.pop3.session import Pop3Settings, refuse
from merpati.store import emails, mailboxes
from tests.servers.pop3.server import SIGN_IN, Pop3Server
from tests.support.server import ANA, PASSWORD, TestInstance

SMALL = b"Subject: small\r\n\r\n.\r\n..\r\nend\r\n"


async def total(instance: TestInstance) -> int:
    inbox = await instance.store.read(mailboxes.counters, instance.ana.id, INBOX_ID)
    assert inbox is not None
    return inbox.total


def fetched(lines: list[str]) -> bytes:
    """The message that a client makes of RETR's lines."""
    return b"".join(line.encode("utf-8", "surrogateescape") + b"\r\n" for line in lines)


# Real clients


def everything(client: poplib.POP3, names: tuple[str, str] = (ANA, PASSWORD)) -> None:
    """What a mail program does, in one session that deletes the first message."""
    client.user(names[0])
    client.pass_(names[1])
    count, octets = client.stat()
    assert count == 2
    _, rows, _ = client.list()
    assert sum(int(row.split()[1]) for row in rows) == octets
    _, ids, _ = client.uidl()
    assert len({row.split()[1] for row in ids}) == 2
    _, lines, _ = client.retr(1)
    assert b"\r\n".join(lines) + b"\r\n" == SMALL
    _, lines, _ = client.top(1, 1)
    assert lines == [b"Subject: small", b"", b"."]
    client.noop()
    client.dele(1)
    with pytest.raises(poplib.error_proto):
        client.retr(1)
    client.rset()
    client.dele(1)
    client.quit()


async def test_poplib_does_all_it_can_over_tls(server: Pop3Server) -> None:
    instance = server.instance
    await instance.deliver(SMALL)
    await instance.deliver(b"Subject: other\r\n\r\n")
    port = server.listen(tls=True, login_without_tls=False)

    def client() -> None:
        everything(poplib.POP3_SSL("localhost", port, context=instance.client_context))

    await asyncio.to_thread(client)
    assert await total(instance) == 1


async def test_poplib_does_all_it_can_after_stls(server: Pop3Server) -> None:
    instance = server.instance
    await instance.deliver(SMALL)
    await instance.deliver(b"Subject: other\r\n\r\n")
    port = server.listen(login_without_tls=False)

    def client() -> None:
        pop = poplib.POP3("localhost", port)
        assert "USER" not in pop.capa()
        pop.stls(instance.client_context)
        assert pop.capa()["SASL"] == ["SCRAM-SHA-256", "PLAIN", "LOGIN"]
        everything(pop)

    await asyncio.to_thread(client)
    assert await total(instance) == 1


async def test_poplib_does_all_it_can_in_clear_text_on_this_machine(server: Pop3Server) -> None:
    await server.instance.deliver(SMALL)
    await server.instance.deliver(b"Subject: other\r\n\r\n")
    port = server.listen()
    await asyncio.to_thread(lambda: everything(poplib.POP3("localhost", port)))
    assert await total(server.instance) == 1


# TLS


async def test_what_is_injected_behind_stls_is_refused(server: Pop3Server) -> None:
    port = server.listen(login_without_tls=False)
    async with server.client(port, sign_in=False) as client:
        client.writer.write(b"STLS\r\nUSER ana\r\n")
        assert "nothing may follow STLS" in (await client.hear() or "")
        assert await client.hear() is None


async def test_a_name_given_before_stls_is_forgotten(server: Pop3Server) -> None:
    port = server.listen()
    async with server.client(port, sign_in=False) as client:
        assert await client.ask(SIGN_IN[0]) == "+OK"
        assert (await client.ask("STLS")).startswith("+OK")
        context = server.instance.client_context
        await client.writer.start_tls(context, server_hostname="localhost")
        assert (await client.ask(SIGN_IN[1])).startswith("-ERR say USER")


async def test_a_handshake_that_fails_ends_the_session_quietly(server: Pop3Server) -> None:
    port = server.listen()
    async with server.client(port, sign_in=False) as client:
        assert (await client.ask("STLS")).startswith("+OK")
        client.writer.write(b"CAPA\r\n")
        while await client.hear() is not None:
            pass  # the alert


# Messages


@pytest.mark.parametrize(
    "message",
    [
        b"Subject: dots\r\n\r\n" + b".\r\n..\r\n" * 12_000,
        # a dot, a CR and an LF come to lie on each side of every seam
        b"A: b\r\n\r\n" + b"." * 65_526 + b"\r\n." * 25_000 + b"\r\n",
        b"A: b\r\n\r\n" + b"x" * 65_527 + b"\r\n.\r\n" + b"y" * 65_532 + b"\r\n.\r\n",
        b"A: b\r\n\r\n" + b"." * 300_000 + b"\r\n",
        SMALL,
        b"\r\n",
    ],
    ids=["dots", "seams", "crlf on seams", "one line", "small", "empty line"],
)
async def test_a_message_comes_back_octet_by_octet(server: Pop3Server, message: bytes) -> None:
    await server.instance.deliver(message)
    async with server.client(server.listen()) as client:
        assert await client.ask("RETR 1") == f"+OK {len(message)} octets"
        assert fetched(await client.lines()) == message
        assert await client.ask("LIST 1") == f"+OK 1 {len(message)}"


@pytest.mark.parametrize("filler", [b"", b"long line\r\n" * 9_000], ids=["small", "large"])
async def test_lone_line_ends_cannot_end_the_response(server: Pop3Server, filler: bytes) -> None:
    await server.instance.deliver(b"A: b\r\n\r\n" + filler + b"x\n.\ny\r.\r\nz")
    async with server.client(server.listen()) as client:
        await client.ask("RETR 1")
        wanted = b"A: b\r\n\r\n" + filler + b"x\r\n.\r\ny\r.\r\nz\r\n"
        # This client takes a lone LF for a line end, as most do, and still finds the end.
        assert fetched(await client.lines()) == wanted
        assert await client.ask("NOOP") == "+OK"


async def test_top_of_a_large_message_is_short(server: Pop3Server) -> None:
    await server.instance.deliver(b"A: b\r\n\r\n" + b"line\r\n" * 15_000)
    async with server.client(server.listen()) as client:
        await client.ask("TOP 1 3")
        assert await client.lines() == ["A: b", "", "line", "line", "line"]
        await client.ask("TOP 1 14000")
        assert len(await client.lines()) == 14_002


async def test_a_client_that_does_not_read_is_not_sent_more(server: Pop3Server) -> None:
    """50 times 2 MB fit into no socket buffer: the session waits, and holds no more of it."""
    await server.instance.deliver(b"A: b\r\n\r\n" + b"x" * 2_000_000 + b"\r\n")
    async with server.client(server.listen()) as client:
        client.writer.write(b"RETR 1\r\n" * 50)
        await asyncio.sleep(0.3)
        assert server.connections[0].bytes_out < 20_000_000
        client.writer.transport.abort()


async def test_a_message_that_another_program_removed_is_missed_politely(
    server: Pop3Server,
) -> None:
    instance = server.instance
    uid = await instance.deliver(SMALL)
    await instance.deliver(SMALL)
    async with server.client(server.listen()) as client:
        await instance.store.write(emails.remove, instance.ana.id, INBOX_ID, [uid])
        assert (await client.ask("RETR 1")).startswith("-ERR no such message")
        assert (await client.ask("TOP 1 0")).startswith("-ERR no such message")
        assert (await client.ask("RETR 2")).startswith("+OK")
        await client.lines()
        assert (await client.ask("DELE 1")).startswith("+OK")
        assert (await client.ask("DELE 2")).startswith("+OK")
        assert (await client.ask("QUIT")).startswith("+OK")
    assert await total(instance) == 0


async def test_a_damaged_message_is_logged_and_the_session_goes_on(
    server: Pop3Server, capfd: pytest.CaptureFixture[str]
) -> None:
    instance = server.instance
    await instance.deliver(b"A: b\r\n\r\n" + b"x" * 150_000)
    [file] = (path for path, _ in instance.blobs.files())
    (instance.folder / "blobs" / file).unlink()
    async with server.client(server.listen()) as client:
        assert (await client.ask("RETR 1")).startswith("-ERR [SYS/PERM]")
        assert await client.ask("NOOP") == "+OK"
    instance.log.flush()
    assert file in capfd.readouterr().err


async def test_long_listings_come_whole(server: Pop3Server) -> None:
    instance = server.instance

    async def fill(tx: object) -> None:
        await tx.run_many(  # type: ignore[attr-defined]
            emails.INSERT_ROW,
            [
                (instance.ana.id, INBOX_ID, uid, 1, uid, uid, 1, 0, uid, "", None, 0, None)
                for uid in range(1, 5001)
            ],
        )

    await instance.store.write(fill)
    async with server.client(server.listen()) as client:
        await client.ask("DELE 2500")
        await client.ask("LIST")
        wanted = [f"{n} {n}" for n in range(1, 5001) if n != 2500]
        assert await client.lines() == wanted
        await client.ask("UIDL")
        assert [row.split(".")[1] for row in await client.lines()] == [
            row.split()[0] for row in wanted
        ]


# The end of a session


async def test_a_session_that_dies_removes_nothing_and_lets_go(server: Pop3Server) -> None:
    await server.instance.deliver(SMALL)
    port = server.listen()
    async with server.client(port) as client:
        assert (await client.ask("DELE 1")).startswith("+OK")
    async with server.client(port) as client:  # which asserts that it may sign in
        assert await client.ask("STAT") == f"+OK 1 {len(SMALL)}"


async def test_quit_says_so_when_nothing_could_be_removed(server: Pop3Server) -> None:
    instance = server.instance
    await instance.deliver(SMALL)
    port = server.listen()
    async with server.client(port) as client:
        await client.ask("DELE 1")
        instance.store._failure = "/secret/path: the disk is broken"
        answer = await client.ask("QUIT")
        instance.store._failure = ""
        assert answer == "-ERR [SYS/TEMP] no message could be deleted, all are still here"
        assert await client.hear() is None
    async with server.client(port) as client:
        assert await client.ask("STAT") == f"+OK 1 {len(SMALL)}"


async def test_whoever_is_too_slow_is_cut_off_without_a_word(server: Pop3Server) -> None:
    await server.instance.deliver(SMALL)
    port = server.listen()
    server.configure(Pop3Settings(idle_timeout=0))
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        greeting = await reader.read()
        assert greeting.startswith(b"+OK")
        assert greeting.count(b"\n") == 1
        writer.close()
        await writer.wait_closed()


async def test_a_stopping_server_ends_sessions_between_two_commands(server: Pop3Server) -> None:
    await server.instance.deliver(SMALL)
    async with server.client(server.listen()) as client:
        await client.ask("DELE 1")
        [listener] = server.instance._listeners
        assert await listener.drain(5) == 0  # none had to be cut off
        assert await client.hear() is None
    assert await total(server.instance) == 1


async def test_what_a_client_pipelines_does_not_hold_up_others(server: Pop3Server) -> None:
    port = server.listen()
    async with server.client(port) as busy, server.client(port, sign_in=False) as other:
        busy.writer.write(b"NOOP\r\n" * 40_000)
        assert await busy.hear() == "+OK"
        assert (await other.ask("CAPA")).startswith("+OK")
        assert server.connections[0].pending() > 100_000
        busy.writer.transport.abort()


async def test_a_client_over_the_limit_is_told_to_come_back_later() -> None:
    assert refuse(Fault(Kind.TOO_MANY, "Too many.")) == b"-ERR [SYS/TEMP] Too many.\r\n"


async def test_guessing_is_slowed_down(server: Pop3Server) -> None:
    port = server.listen()
    async with server.client(port, sign_in=False) as client:
        answers = []
        for _ in range(11):
            await client.ask(SIGN_IN[0])
            answers.append(await client.ask("PASS guess"))
        assert answers[0].startswith("-ERR [AUTH]")
        assert answers[10].startswith("-ERR [LOGIN-DELAY]")


async def test_half_a_connection_still_gets_its_answers(server: Pop3Server) -> None:
    """As in `printf ... | nc`: the client says everything and closes its half."""
    await server.instance.deliver(SMALL)
    port = server.listen()

    def client() -> bytes:
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall("\r\n".join([*SIGN_IN, "RETR 1", ""]).encode())
            sock.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: sock.recv(65_536), b""))

    assert (await asyncio.to_thread(client)).endswith(b"\r\nend\r\n.\r\n")


# Hostile clients

WORDS = st.sampled_from(
    [b"USER a", b"PASS b", b"AUTH PLAIN", b"AUTH LOGIN", b"*", b"CAPA", b"STLS", b"STAT", b"LIST",
     b"LIST 2", b"UIDL", b"UIDL 9", b"RETR 1", b"RETR 3", b"TOP 1 1", b"TOP 3 4294967296",
     b"DELE 1", b"DELE 3", b"RSET", b"NOOP", b"QUIT", b"", b"\x00", b"AUTH PLAIN =", b"=", b"AAA="]
)  # fmt: skip
LINES = st.tuples(
    WORDS | st.binary(max_size=300), st.sampled_from([b"\r\n"] * 8 + [b"\n", b"\r", b""])
)


@settings(max_examples=150, deadline=None)
@given(st.binary(min_size=1, max_size=1), st.lists(LINES, max_size=20))
def test_no_dialogue_breaks_a_session_or_its_lines(
    choice: bytes, lines: list[tuple[bytes, bytes]]
) -> None:
    pop3_session.target(choice + b"".join(line + end for line, end in lines))


def test_the_folder_of_dialogues_is_not_empty() -> None:
    folder = Path(__file__).parents[2] / "dialogues" / "pop3"
    assert len(list(folder.rglob("*.txt"))) >= 25
