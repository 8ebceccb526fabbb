from __future__ import annotations

import asyncio
import imaplib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from merpati.base.faults import Fault, Kind
from merpati.servers.imap.client import ImapSettings
from merpati.servers.imap.session import names_uids, refuse
from merpati.store import blobs
from merpati.wire.imap import parser
from tests.support.imap import Client, serve
from tests.support.server import ANA, PASSWORD, TestInstance

MESSAGE = b"From: a@example.net\r\nSubject: hi\r\n\r\nhello\r\n"


async def talk(port: int, data: bytes) -> bytes:
    """What a server says to all of this, up to the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    writer.write_eof()
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize("command", ["FETCH 1 FLAGS", "EXPUNGE 1", "MOVE 1 x", "SEARCH ALL"])
def test_what_a_command_with_uid_tells_has_uids(command: str) -> None:
    assert names_uids(parser.parse_line(f"a UID {command}".encode()))
    plain = "EXPUNGE" if command == "EXPUNGE 1" else command
    assert not names_uids(parser.parse_line(f"a {plain}".encode()))


async def test_a_value_of_metadata_may_be_too_large(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        client = await Client.connect(serve(instance))
        for size, answer in ((65_536, "OK"), (65_537, "NO [METADATA MAXSIZE 65536]")):
            value = b"{%d+}\r\n%b" % (size, b"x" * size)
            await client.command(b"SETMETADATA INBOX (/private/a %b /private/b NIL)" % value)
            assert client.text.startswith(answer)
        await client.ok("NOOP")
        await client.close()


@pytest.mark.parametrize("size", [65_600, 200_000])
async def test_a_command_that_is_too_long_is_answered_by_its_tag(tmp_path: Path, size: int) -> None:
    async with TestInstance(tmp_path) as instance:
        client = await Client.connect(serve(instance))
        await client.command(b"UID FETCH " + b"1," * (size // 2) + b"1 FLAGS")
        assert client.text.startswith("BAD")
        await client.command(b'SEARCH TEXT {1+}\r\nx SUBJECT "' + b"x" * size + b'"')
        assert client.text.startswith("BAD")
        await client.ok("NOOP")
        await client.close()


async def test_no_password_is_taken_in_clear_text(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        port = serve(instance, plain=False)
        answer = await talk(port, f"a LOGIN {ANA} {PASSWORD}\r\nb AUTHENTICATE PLAIN\r\n".encode())
        assert b"LOGINDISABLED" in answer
        assert b"AUTH=" not in answer
        assert b"a NO [PRIVACYREQUIRED]" in answer
        assert b"b NO [PRIVACYREQUIRED]" in answer


async def test_what_follows_starttls_in_clear_text_is_not_obeyed(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        answer = await talk(serve(instance), b"a STARTTLS\r\nb NOOP\r\n")
        assert b"\r\na OK " in answer
        assert b"\r\nb " not in answer


async def test_too_many_wrong_commands_end_the_session(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        port = serve(instance, settings=ImapSettings(errors=5))
        answer = await talk(port, b"a NONSENSE\r\n" * 10)
        assert answer.count(b"a BAD") == 5
        assert answer.endswith(b"* BYE too many wrong commands\r\n")


async def test_who_has_signed_in_may_be_wrong_more_often(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        port = serve(instance, settings=ImapSettings(errors=2))
        said = f"l LOGIN {ANA} {PASSWORD}\r\n".encode() + b"a NONSENSE\r\n" * 20
        answer = await talk(port, said)
        assert answer.count(b"a BAD") == 10
        assert answer.endswith(b"* BYE too many wrong commands\r\n")


async def test_long_lines_and_literals_before_login_are_refused(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        port = serve(instance)
        assert b"a BAD" in await talk(port, b"a " + b"x" * 70_000 + b"\r\nb NOOP\r\n")
        assert b"a BAD" in await talk(port, b"a LOGIN {9999}\r\n")
        assert b"* BYE" in await talk(port, b"a LOGIN {999999+}\r\n")
        answer = await talk(port, b"a LOGIN {5000+}\r\n" + b"x" * 5000 + b" y\r\nb NOOP\r\n")
        assert b"a BAD" in answer
        assert b"b OK" in answer


async def test_who_does_not_sign_in_is_sent_away(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        port = serve(instance, settings=ImapSettings(login_timeout=0))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(10):
            assert b"* BYE" in await reader.read()
        writer.close()


async def test_a_damaged_message_is_refused_and_the_session_lives(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        await instance.deliver(MESSAGE * (blobs.INLINE_MAX // len(MESSAGE) + 1))  # in a file
        await instance.deliver(MESSAGE)
        for file in (tmp_path / "blobs").glob("??/*"):
            file.unlink()
        client = await Client.connect(serve(instance), mailbox="INBOX")
        found = await client.command("FETCH 1:2 BODY.PEEK[TEXT]")
        assert client.text.startswith("NO [CONTACTADMIN]")
        assert str(tmp_path) not in client.text
        assert [line for line in found if b"2 FETCH" in line]
        assert (await client.ok("SEARCH BODY hello"))[0] == b"* SEARCH 2"
        await client.close()


async def test_a_message_with_nul_must_come_as_a_binary_literal(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        client = await Client.connect(serve(instance), mailbox="INBOX")
        data = b"Subject: zero\r\n\r\n" + b"x" * 300_000 + b"\0\r\n" + b"x" * 300_000
        client.writer.write(b"x APPEND INBOX {%d+}\r\n%b\r\n" % (len(data), data))
        answer = await client.line()
        assert answer.startswith(b"x NO [CANNOT] a message with NUL")
        client.writer.write(b"y APPEND INBOX {5+}\r\na:b\r\n (\\Seen) {6+}\r\na: b\0\n\r\n")
        answer = await client.line()  # RFC 3502 6.3.11: all or nothing
        assert answer.startswith(b"y NO [CANNOT]")
        assert await client.ok("STATUS INBOX (MESSAGES)") == [b'* STATUS "INBOX" (MESSAGES 0)']
        client.writer.write(b"z APPEND INBOX ~{%d+}\r\n%b\r\n" % (len(data), data))
        while not (await client.line()).startswith(b"z OK [APPENDUID"):
            pass
        await client.close()


@pytest.mark.parametrize(
    "line",
    [
        b"a SEARCH SUBJECT x{8+}", b"a NONSENSE x{8+}", b'a SEARCH SUBJECT "x{8+}', b"a{8+}",
        b"a APPEND x{8+}", b"{8+}", b"a FETCH 1 x~{8+}",
    ],
)  # fmt: skip
async def test_the_bytes_of_a_misplaced_literal_are_no_command(line: bytes, tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        said = f"l LOGIN {ANA} {PASSWORD}\r\ns SELECT INBOX\r\n".encode() + line
        answer = await talk(serve(instance), said + b"\r\nb LOGOUT\r\nc NOOP\r\n")
        assert b" BAD " in answer
        assert b"c OK" in answer
        assert b"BYE" not in answer


async def test_a_large_message_comes_whole_in_pieces(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        data = b"Subject: large\r\n\r\n" + b"0123456789abcdef\0\r\n" * 100_000
        client = await Client.connect(serve(instance), mailbox="INBOX")
        client.writer.write(b"x APPEND INBOX ~{%d+}\r\n%b\r\n" % (len(data), data))
        while not (await client.line()).startswith(b"x OK [APPENDUID"):
            pass
        [line] = await client.ok("FETCH 1 (UID BODY.PEEK[] RFC822.SIZE)")
        assert data.replace(b"\0", b"\x80") in line
        assert line.endswith(b" RFC822.SIZE %d)" % len(data))
        [part] = await client.ok("FETCH 1 BODY.PEEK[]<1000000.300000>")
        assert data[1_000_000:1_300_000].replace(b"\0", b"\x80") in part
        stored = await instance.store.read(blobs.find, 1)
        assert stored is not None
        assert bytes(instance.blobs.read(stored)[:]) == data
        await client.close()


async def test_a_message_that_is_too_large_is_refused_before_it_comes(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        client = await Client.connect(serve(instance, settings=ImapSettings(message_size=1000)))
        await client.command("APPEND INBOX {1001}")
        assert client.text.startswith("NO [TOOBIG]")
        await client.command(b"APPEND INBOX {1001+}\r\n" + b"x" * 1001)
        assert client.text.startswith("NO [TOOBIG]")
        await client.ok(b"APPEND INBOX {1000+}\r\n" + b"x" * 1000)
        await client.close()


async def test_a_full_account_is_told_so(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        await instance.add_account("small@example.org", quota=100)
        client = await Client.connect(serve(instance), "small@example.org", "INBOX")
        await client.command(b"APPEND INBOX {200+}\r\n" + b"x" * 200)
        assert client.text.startswith("NO [OVERQUOTA]")
        await client.ok(b"APPEND INBOX {60+}\r\n" + b"x" * 60)
        await client.command("COPY 1 Archive")
        assert client.text.startswith("NO [OVERQUOTA]")
        await client.close()


async def test_ten_clients_append_at_once(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        port = serve(instance)

        async def run(number: int) -> None:
            client = await Client.connect(port)
            for _ in range(10):
                await client.ok(b"APPEND INBOX {7+}\r\nA: %d\r\n" % number + b"B")
            await client.close()

        await asyncio.gather(*map(run, range(10)))
        client = await Client.connect(port, mailbox="INBOX")
        assert len(client.numbers) == 100
        await client.close()


async def test_new_keywords_are_told_before_they_are_used(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        await instance.deliver(MESSAGE, keywords="$seen receipt")
        client = await Client.connect(serve(instance), mailbox="INBOX")
        flags, fetched = await client.ok("FETCH 1 FLAGS")
        assert flags.startswith(b"* FLAGS (")
        assert b"receipt" in flags
        assert fetched == b"* 1 FETCH (FLAGS (\\Seen receipt \\Recent))"
        assert len(await client.ok("FETCH 1 FLAGS")) == 1
        await client.close()


async def test_recent_goes_to_one_session(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        await instance.deliver(MESSAGE)
        port = serve(instance)
        first = await Client.connect(port)
        assert b"* 1 RECENT" in await first.ok("EXAMINE INBOX")
        assert b"* 1 RECENT" in await first.ok("SELECT INBOX")
        second = await Client.connect(port)
        assert b"* 0 RECENT" in await second.ok("SELECT INBOX")
        assert b'* STATUS "INBOX" (RECENT 0)' in await second.ok("STATUS INBOX (RECENT)")
        await first.close()
        await second.close()


async def test_a_session_ends_cleanly_when_the_server_stops(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        client = await Client.connect(serve(instance), mailbox="INBOX")
        client.writer.write(b"x IDLE\r\n")
        assert (await client.line()).startswith(b"+")
        for listener in instance._listeners:
            assert await listener.drain(5) == 0
        assert (await client.line()).startswith(b"* BYE")
        assert await client.line() == b""
        await client.close()


async def test_python_s_own_client(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        port, context = serve(instance), instance.client_context

        def work() -> None:
            with imaplib.IMAP4("localhost", port) as client:
                client.starttls(context)
                client.login(ANA, PASSWORD)
                client.append("INBOX", "(\\Flagged)", None, MESSAGE)
                assert client.select() == ("OK", [b"1"])
                assert client.search(None, "FLAGGED") == ("OK", [b"1"])
                [fetched, _] = client.fetch("1", "(RFC822)")[1]
                assert isinstance(fetched, tuple)
                assert fetched[1] == MESSAGE
                client.store("1", "+FLAGS", "\\Deleted")
                assert client.expunge() == ("OK", [b"1"])

        await asyncio.to_thread(work)


def test_who_is_not_let_in_is_told_why() -> None:
    assert refuse(Fault(Kind.TOO_MANY, "Too many.")) == b"* BYE Too many.\r\n"


WORDS = st.sampled_from(
    [b"LOGIN", b"ana@example.org", b"secret", b"SELECT", b"INBOX", b"FETCH", b"1:*", b"(FLAGS)",
     b"BODY[1.TEXT]", b"UID", b"STORE", b"+FLAGS", b"(\\Seen)", b"APPEND", b"{3+}", b"{3}", b"abc",
     b"SEARCH", b"OR", b"NOT", b"IDLE", b"DONE", b"(", b")", b'"', b"LIST", b"%", b"EXPUNGE",
     b"CREATE", b"RENAME", b"MOVE", b"COPY", b"\x00", b"\xff", b"*", b"AUTHENTICATE", b"PLAIN",
     b"ENABLE", b"QRESYNC", b"STATUS", b"(MESSAGES)", b"CHANGEDSINCE", b"{99999999999+}", b"~{3+}"]
)  # fmt: skip
LINES = st.lists(st.lists(WORDS, max_size=6).map(b" ".join), max_size=12)


@pytest.mark.parametrize("start", [b"", b"a LOGIN ana@example.org secret\r\na SELECT INBOX\r\n"])
async def test_any_bytes_end_in_answers(start: bytes, tmp_path: Path) -> None:
    """Neither a hang nor a defect: `TestInstance` fails when a session ended with one."""
    async with TestInstance(tmp_path) as instance:
        await instance.deliver(MESSAGE)
        port = serve(instance)
        loop = asyncio.get_running_loop()

        @settings(
            max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None
        )
        @given(LINES)
        def run(lines: list[bytes]) -> None:
            data = start + b"".join(b"t%d %b\r\n" % (n, line) for n, line in enumerate(lines))
            answer = asyncio.run_coroutine_threadsafe(talk(port, data), loop).result(20)
            assert answer.startswith(b"* OK")
            assert b"Traceback" not in answer

        await asyncio.to_thread(run)
