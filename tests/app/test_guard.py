"""`merpati guard` on an installation without a server."""

from __future__ import annotations

import asyncio
import zlib
from pathlib import Path

import pytest

from merpati.app.config import read_config
from merpati.app.installation import open_store
from merpati.model.habit import Habit, Reason, Sending, after
from merpati.services import guard
from merpati.store import blobs, directory, habits, queue
from merpati.store.engine import Transaction
from tests.app.conftest import Merpati
from tests.support.store import NOW, body

WHY = [
    Reason("strangers-hour", {"strangers": 59, "recipients": 60}),
    Reason("weighed", {"load": 203, "allowed": 200, "usual": 3}),
]


@pytest.fixture
def stopped(folder: Path, merpati: Merpati, request: pytest.FixtureRequest) -> str:
    """An account that was stopped, with one message held and one not."""
    address = f"u{zlib.crc32(request.node.name.encode())}@a.id"
    assert merpati("account", "add", address).status == 0

    async def stop(tx: Transaction) -> None:
        account = await directory.account(tx, address)
        habit = after(Habit(), Sending(60, 59, "203.0.0.0/16"), NOW)
        await habits.write(tx, account.id, habit)
        await habits.meet(tx, account.id, ["bob@there.test"], NOW)
        await guard.freeze(tx, account.id, NOW, WHY, "203.0.113.9")
        for name, held in (("one", guard.HELD), ("two", "by hand")):
            blob_id, _ = await blobs.insert(tx, body(f"Subject: {address} {name}\r\n\r\n"), 1)
            await queue.add(
                tx, trace=f"{address}-{name}", blob_id=blob_id, sender=address,
                account_id=account.id, smtputf8=False, received_at=NOW, expires_at=NOW * 2,
                warn_at=0, recipients=[(f"{name}@there.test", "there.test")], held=held,
            )  # fmt: skip

    async def work() -> None:
        store = await open_store(read_config(folder / "merpati.toml"))
        await store.write(stop)
        await store.close()

    asyncio.run(work())
    return address


def queued(merpati: Merpati, address: str) -> dict[str, bool]:
    found = merpati("queue", "list", "--sender", address, "--json").json
    return {
        one["address"].partition("@")[0]: one["held"]
        for message in found
        for one in message["recipients"]
    }


def test_what_was_stopped_is_listed_and_shown(merpati: Merpati, stopped: str) -> None:
    listed = merpati("guard", "list")
    assert stopped in listed.out
    assert "Within an hour it wrote to 60 people elsewhere" in listed.out
    [one] = [each for each in merpati("guard", "list", "--json").json if each["address"] == stopped]
    assert (one["since"], one["until"], one["held"], one["peer"]) == (NOW, None, 1, "203.0.113.9")
    assert [each["code"] for each in one["reasons"]] == ["strangers-hour", "weighed"]
    shown = merpati("guard", "show", stopped)
    assert "held: 1 recipients" in shown.out
    assert "  - All together counts as 203. 200 is allowed;" in shown.out
    plain = merpati("guard", "show", stopped, "--json").json
    assert plain["frozen_at"] == NOW
    assert plain["limits"]["strangers_per_hour"] == 200
    assert plain["habit"]["recipients"] == 1


def test_release_lets_the_mail_go_and_gives_out_a_password(merpati: Merpati, stopped: str) -> None:
    done = merpati("guard", "release", stopped)
    assert done.status == 0
    assert f"{stopped} may send again; mail for 1 recipients is on its way.\n" in done.out
    assert "New password, shown only now: " in done.out
    assert queued(merpati, stopped) == {"one": False, "two": True}
    again = merpati("guard", "release", stopped)
    assert (again.status, again.out) == (
        1, f"{stopped} may send already, and none of its mail is held by the guard.\n",
    )  # fmt: skip
    assert stopped not in merpati("guard", "list").out
    assert stopped in merpati("guard", "list", "--all").out


def test_release_can_drop_the_mail(merpati: Merpati, stopped: str) -> None:
    done = merpati("guard", "release", stopped, "--delete", "--json").json
    assert (done["released"], done["recipients"]) == (True, 1)
    assert done["password"]
    assert queued(merpati, stopped) == {"two": True}


def test_a_false_alarm_needs_no_password(merpati: Merpati, stopped: str) -> None:
    done = merpati("guard", "release", stopped, "--keep-password")
    assert done.status == 0
    assert "password" not in done.out
    assert merpati("guard", "show", stopped, "--json").json["habit"]["busiest_hour"] > 50


def test_a_password_changed_since_is_new_enough(merpati: Merpati, stopped: str) -> None:
    assert merpati("account", "set", stopped, "--password").status == 0
    assert "password" not in merpati("guard", "release", stopped).out


def test_a_password_can_be_read(merpati: Merpati, stopped: str) -> None:
    done = merpati("guard", "release", stopped, "--password-stdin", text="a fresh one\n")
    assert (done.status, "password" in done.out) == (0, False)
    both = merpati("guard", "release", stopped, "--password-stdin", "--keep-password")
    assert both.status == 1


def test_an_account_is_stopped_by_hand(merpati: Merpati) -> None:
    assert merpati("account", "add", "hand@a.id").status == 0
    done = merpati("guard", "freeze", "hand@a.id", "--reason", "lost telephone")
    assert done.status == 0
    assert "lost telephone" in merpati("guard", "show", "hand@a.id").out
    assert merpati("guard", "freeze", "hand@a.id").status == 1
    assert merpati("guard", "release", "hand@a.id").status == 0


def test_limits_are_set_and_unset(merpati: Merpati) -> None:
    assert merpati("account", "add", "news@a.id").status == 0
    done = merpati("guard", "set", "news@a.id", "--strangers-per-hour", "5000",
                   "--messages-per-day", "0")  # fmt: skip
    assert done.out == "news@a.id: messages per day: any, strangers per hour: 5000.\n"
    shown = merpati("guard", "show", "news@a.id", "--json").json
    assert shown["limits"]["strangers_per_hour"] == 5000
    assert shown["own"] == ["messages_per_day", "strangers_per_hour"]
    done = merpati("guard", "set", "news@a.id", "--strangers-per-hour", "default", "--json")
    assert done.json["own"] == {"messages_per_day": 0}


def test_a_domain_has_limits_too(merpati: Merpati) -> None:
    assert merpati("guard", "set", "a.id", "--recipients-per-day", "7").status == 0
    shown = merpati("guard", "show", "a.id", "--json").json
    assert shown["limits"]["recipients_per_day"] == 7
    assert "7 (own)" in merpati("guard", "show", "a.id").out
    assert merpati("guard", "set", "a.id", "--strangers-per-day", "7").err == (
        "merpati guard: strangers are counted for each account, not for a domain\n"
    )
    assert merpati("guard", "set", "a.id", "--recipients-per-day", "default").status == 0


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["show", "nobody@a.id"], 1, "there is no account nobody@a.id"),
        (["show", "b.id"], 1, "b.id"),
        (["set", "admin@a.id"], 2, ""),
        (["set", "admin@a.id", "--messages-per-day", "many"], 2, "is no number"),
    ],
)
def test_what_is_wrong_is_said(merpati: Merpati, words: list[str], status: int, said: str) -> None:
    done = merpati("guard", *words)
    assert done.status == status
    assert said in done.err


def test_what_commands_change_is_in_the_audit(merpati: Merpati, stopped: str) -> None:
    assert merpati("guard", "release", stopped, "--keep-password").status == 0
    assert merpati("guard", "freeze", stopped, "--reason", "test").status == 0
    assert merpati("guard", "set", stopped, "--messages-per-day", "7").status == 0
    assert merpati("account", "info", stopped, "--folder", "/").status == 0
    found = [one for one in merpati("audit", "list", "--json").json if one["subject"] == stopped]
    assert [(one["action"], one["after"]) for one in found][:4] == [
        ("account.info", {"folder": "/"}),
        ("guard.limits", {"messages_per_day": 7}),
        ("guard.freeze", {"reason": "test"}),
        ("guard.release", {"deleted": False, "false_alarm": True, "new_password": False}),
    ]
