from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode

from merpati.servers.managesieve.session import ManageSieveSettings
from merpati.store import sieve
from merpati.wire.managesieve import commands
from merpati.wire.managesieve.commands import Command
from merpati.wire.managesieve.responses import Condition, Response
from tests.servers.managesieve.server import ManageSieveServer
from tests.support.scram_steps import ScramSteps
from tests.support.server import ANA, BUDI, PASSWORD


async def test_what_is_pipelined_is_answered_in_one_packet(server: ManageSieveServer) -> None:
    async with server.client(server.listen()) as client:
        await client.ask(commands.Noop())
        before = len(server.connections[0]._out)
        assert before == 0
        batch: list[Command] = [commands.PutScript(f"s{n}", b"keep;") for n in range(40)]
        talk = b"".join(map(commands.encode, batch)) + commands.encode(commands.ListScripts())
        client.writer.write(talk)
        ends = [(await client.answer()) for _ in range(41)]
        assert all(end.condition is Condition.OK for _, end in ends)
        assert len(ends[-1][0]) == 40


async def test_a_large_script_is_stored_and_fetched_whole(server: ManageSieveServer) -> None:
    script = b"# " + b"x" * 60 + b"\r\n"
    script = script * (sieve.SIZE_MAX // len(script))
    async with server.client(server.listen()) as client:
        assert (await client.ask(commands.PutScript("big", script))).condition is Condition.OK
        lines, _ = await client.asked(commands.GetScript("big"))
        assert lines == [[script]]


async def test_one_that_is_too_large_is_read_over(server: ManageSieveServer) -> None:
    async with server.client(server.listen()) as client:
        found = await client.ask(commands.PutScript("big", b"#" * (sieve.SIZE_MAX + 1)))
        assert (found.condition, found.code) == (Condition.NO, "QUOTA/MAXSIZE")
        assert (await client.ask(commands.Noop())).condition is Condition.OK


async def test_scripts_of_others_are_not_seen(server: ManageSieveServer) -> None:
    port = server.listen()
    async with server.client(port) as ana, server.client(port, name=BUDI) as budi:
        await ana.ask(commands.PutScript("mine", b"keep;"))
        assert (await budi.asked(commands.ListScripts()))[0] == []
        assert (await budi.ask(commands.GetScript("mine"))).code == "NONEXISTENT"


async def test_scram_ends_with_the_servers_proof_in_the_ok(server: ManageSieveServer) -> None:
    port = server.listen()
    async with server.client(port) as first:  # after which the account has keys for SCRAM
        for _ in range(100):
            account = await server.instance.login._usable(ANA)
            if account is not None and " " in account.password:
                break
            await asyncio.sleep(0.05)
        await first.ask(commands.Logout())
    async with server.client(port, sign_in=False) as client:
        steps = ScramSteps(ANA, PASSWORD)
        begun = commands.Authenticate("SCRAM-SHA-256", b64encode(steps.first))
        client.writer.write(commands.encode(begun))
        [challenge] = await client.tokens()
        assert isinstance(challenge, str)
        client.writer.write(b'"%b"\r\n' % b64encode(steps.final(b64decode(challenge))))
        _, end = await client.answer()
        assert (end.condition, end.code) == (Condition.OK, "SASL")
        assert b64decode(end.argument) == steps.signature
        assert (await client.ask(commands.ListScripts())).condition is Condition.OK


async def test_too_many_errors_end_the_session(server: ManageSieveServer) -> None:
    server.configure(ManageSieveSettings(errors=3))
    async with server.client(server.listen(), sign_in=False) as client:
        for _ in range(3):
            client.writer.write(b"NONSENSE\r\n")
            assert (await client.answer())[1].condition is Condition.NO
        assert (await client.answer())[1] == Response(
            Condition.BYE, text="too many errors, closing"
        )
