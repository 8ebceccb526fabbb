r"""Every command with every right: what RFC 4314 4 allows, and nothing else.

Budi holds one set of rights in a mailbox of Ana's; the table says which right each command
needs there, and for each right alone, for all of them, and for all but one, the command must
succeed or be refused by it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from merpati.model import rights as letters
from merpati.servers.imap import rights
from merpati.store import mailboxes
from merpati.store import rights as stored
from merpati.wire.imap import acl, commands, quota
from tests.support.imap import Client, serve
from tests.support.server import ANA, BUDI, TestInstance
from tests.support.store import INBOX, NOW

THERE: Final = f"Other Users/{ANA}/INBOX"
MESSAGE: Final = b"a: b\r\n\r\n"


class Case(NamedTuple):
    """A command in the mailbox, and the rights that it needs there."""

    command: str
    needs: str
    selected: bool = False  # the mailbox is selected before


CASES: Final = {
    "select": Case(f'SELECT "{THERE}"', "r"),
    "examine": Case(f'EXAMINE "{THERE}"', "r"),
    "status": Case(f'STATUS "{THERE}" (MESSAGES)', "r"),
    "quotaroot": Case(f'GETQUOTAROOT "{THERE}"', "r"),
    "create": Case(f'CREATE "{THERE}/New"', "k"),
    "delete": Case(f'DELETE "{THERE}/Old"', "x"),
    "rename": Case(f'RENAME "{THERE}/Old" "{THERE}/Newer"', "xk"),
    "subscribe": Case(f'SUBSCRIBE "{THERE}"', "l"),
    "getacl": Case(f'GETACL "{THERE}"', "a"),
    "setacl": Case(f'SETACL "{THERE}" anyone l', "a"),
    "deleteacl": Case(f'DELETEACL "{THERE}" anyone', "a"),
    "listrights": Case(f'LISTRIGHTS "{THERE}" anyone', "a"),
    "setmetadata": Case(f'SETMETADATA "{THERE}" (/shared/comment "x")', "lw"),
    "append": Case(f'APPEND "{THERE}" {{8+}}\r\n{MESSAGE.decode()}', "i"),
    "copy into it": Case(f'COPY 1 "{THERE}"', "i"),
    "replace into it": Case(f'REPLACE 1 "{THERE}" {{8+}}\r\n{MESSAGE.decode()}', "i"),
    "move into it": Case(f'MOVE 1 "{THERE}"', "i"),
    "fetch": Case("FETCH 1 FLAGS", "r", selected=True),
    "search": Case("SEARCH ALL", "r", selected=True),
    "store seen": Case(r"STORE 1 +FLAGS (\Seen)", "rs", selected=True),
    "store deleted": Case(r"STORE 1 +FLAGS (\Deleted)", "rt", selected=True),
    "store flagged": Case(r"STORE 1 +FLAGS (\Flagged)", "rw", selected=True),
    "expunge": Case("EXPUNGE", "re", selected=True),
    "copy": Case("COPY 1 Archive", "r", selected=True),
    "move": Case("MOVE 1 Archive", "rte", selected=True),
    "replace": Case(f"REPLACE 1 Archive {{8+}}\r\n{MESSAGE.decode()}", "rte", selected=True),
    "close": Case("CLOSE", "r", selected=True),
}
SETS: Final = (
    *letters.ALL,
    letters.ALL,
    *(letters.without(letters.ALL, letter) for letter in letters.ALL),
)


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[TestInstance]:
    async with TestInstance(tmp_path) as one:
        await one.store.write(mailboxes.create, one.ana.id, "INBOX/Old", NOW)
        await one.deliver(MESSAGE)
        await one.deliver(MESSAGE, account=one.budi)
        yield one


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_a_command_succeeds_with_its_rights_and_not_without(
    instance: TestInstance, case: Case
) -> None:
    budi = await Client.connect(serve(instance), BUDI)
    old = await instance.store.read(mailboxes.get, instance.ana.id, "INBOX/Old")
    for held in SETS:
        await instance.store.write(
            stored.grant, instance.ana.id, [INBOX], instance.budi.id,
            held if not case.selected else letters.ALL,
        )  # fmt: skip
        # A mailbox below, for commands that take it away, has the same rights.
        if await instance.store.read(mailboxes.find, instance.ana.id, "INBOX/Old") is None:
            old = await instance.store.write(mailboxes.create, instance.ana.id, "INBOX/Old", NOW)
        await instance.store.write(stored.grant, instance.ana.id, [old.id], instance.budi.id, held)
        if case.selected:
            await budi.ok(f'SELECT "{THERE}"')
            await instance.store.write(
                stored.grant, instance.ana.id, [INBOX], instance.budi.id, held
            )
        elif "into it" in _name(case):
            await budi.ok("SELECT INBOX")
        await budi.command(case.command)
        allowed = not letters.without(case.needs, held)
        if case.command == "CLOSE":  # always closes; without `e` it expunges nothing
            allowed = True
        assert budi.text.startswith("OK" if allowed else "NO"), (held, budi.text)
        await _undo(instance, budi, case)
        if not budi.text:
            budi = await Client.connect(serve(instance), BUDI)
    await budi.close()


def _name(case: Case) -> str:
    return next(name for name, one in CASES.items() if one is case)


async def _undo(instance: TestInstance, budi: Client, case: Case) -> None:
    """Put the mailboxes back as they were."""
    text = budi.text
    if case.selected and "CLOSE" not in case.command and text:
        await budi.command("UNSELECT")
    for path in ("INBOX/New", "INBOX/Newer"):
        if await instance.store.read(mailboxes.find, instance.ana.id, path) is not None:
            await instance.store.write(mailboxes.destroy, instance.ana.id, path)
    if text.startswith("OK") and _command(case.command) in {"MOVE", "REPLACE"}:
        await instance.deliver(MESSAGE)
        await instance.deliver(MESSAGE, account=instance.budi)


def test_every_command_that_needs_a_right_is_in_the_matrix() -> None:
    tried = {_command(case.command) for case in CASES.values()}
    wanted = {kind.__name__.upper() for kind in {*rights.NAMED, *rights.ABOVE, *rights.SELECTED}}
    assert wanted - {"GETACL", "SETACL"} <= tried
    assert {acl.GetAcl, acl.SetAcl, quota.GetQuotaRoot, commands.Select} <= set(rights.NAMED)


def _command(text: str) -> str:
    return text.partition(" ")[0]


async def test_annotations_are_for_who_sees_a_mailbox_and_may_do_something_in_it(
    instance: TestInstance,
) -> None:
    """RFC 5464 3.3."""
    budi = await Client.connect(serve(instance), BUDI)
    for held in (*("l" + letter for letter in letters.ALL[1:]), *letters.ALL):
        await instance.store.write(
            stored.grant, instance.ana.id, [INBOX], instance.budi.id, letters.canonical(held)
        )
        allowed = held[0] == "l" and held[-1] in "rswip"
        for command in (
            f'GETMETADATA "{THERE}" /shared/comment',
            f'SETMETADATA "{THERE}" (/private/comment "x")',
        ):
            await budi.command(command)
            assert budi.text.startswith("OK" if allowed else "NO"), (held, budi.text)
    await budi.close()


async def test_closing_expunges_nothing_once_that_right_is_taken_away(
    instance: TestInstance,
) -> None:
    budi = await Client.connect(serve(instance), BUDI)
    for held in (letters.without(letters.ALL, letters.EXPUNGE), letters.EXPUNGE):
        await instance.store.write(
            stored.grant, instance.ana.id, [INBOX], instance.budi.id, letters.ALL
        )
        await budi.ok(f'SELECT "{THERE}"')
        await budi.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
        await instance.store.write(stored.grant, instance.ana.id, [INBOX], instance.budi.id, held)
        await budi.ok("CLOSE")
        assert (await instance.store.read(mailboxes.get, instance.ana.id, "INBOX")).total == 1
    await budi.close()


async def test_who_may_not_know_of_a_mailbox_is_told_to_create_it(instance: TestInstance) -> None:
    budi = await Client.connect(serve(instance), BUDI, "INBOX")
    await instance.store.write(stored.grant, instance.ana.id, [INBOX], instance.budi.id, "swtep")
    for command in ("COPY 1", "MOVE 1", "REPLACE 1", "APPEND"):
        message = "" if command in {"COPY 1", "MOVE 1"} else f" {{8+}}\r\n{MESSAGE.decode()}"
        said = set()
        for name in (THERE, f"{THERE}/None"):
            await budi.command(f'{command} "{name}"{message}')
            said.add(budi.text)
        assert said == {"NO [TRYCREATE] there is no such mailbox; create it first"}
    await budi.close()
