from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from merpati import __version__
from merpati.servers.imap.session import Session
from tests.support.imap import Client, serve, services
from tests.support.server import TestInstance

URL = "https://mail.example.org/jmap/session"


async def test_where_jmap_is_found_is_told_once_there_is_one(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        without = await Client.connect(serve(instance))
        assert b"JMAPACCESS" not in (await without.ok("CAPABILITY"))[0]
        await without.command("GETJMAPACCESS")
        assert without.text.startswith("NO ")
        await without.close()
        shared = replace(services(instance), jmap_url=URL)
        port = instance.listen(lambda connection: Session(connection, shared, True))
        client = await Client.connect(port)
        assert b" JMAPACCESS" in (await client.ok("CAPABILITY"))[0]
        assert await client.ok("GETJMAPACCESS") == [f'* JMAPACCESS "{URL}"'.encode()]
        await client.close()


async def test_id_names_the_version(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        client = await Client.connect(serve(instance))
        [line] = await client.ok('ID ("name" "x")')
        assert line.decode() == f'* ID ("name" "Merpati" "version" "{__version__}")'
        await client.close()
