from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from merpati.store import emails, mailboxes
from merpati.store.engine import Transaction
from merpati.store.sqlite import SqliteStore
from tests.app.conftest import Merpati
from tests.support import store as stores


def test_a_shared_mailbox_from_making_to_erasing(merpati: Merpati) -> None:
    merpati("account", "add", "ani@a.id")
    made = merpati("shared", "add", "info@a.id", "--name", "Info Desk", "--quota", "1GB")
    assert made.out.startswith("info@a.id is ready; its members will see it as Shared/Info Desk.")
    assert merpati("shared", "member", "add", "info@a.id", "ani@a.id").status == 0
    done = merpati("shared", "member", "add", "info@a.id", "ani@a.id", "--send", "behalf")
    assert done.out == "ani@a.id is a member of info@a.id.\n"
    found = merpati("shared", "show", "info@a.id", "--json").json
    assert found["members"] == [{"member": "ani@a.id", "rights": "lrswipkte", "send": "behalf"}]
    assert (found["name"], found["quota"]) == ("Info Desk", 1 << 30)
    merpati("shared", "member", "add", "info@a.id", "ani@a.id", "--rights", "read", "--send", "no")
    assert "ani@a.id  read    no" in merpati("shared", "show", "info@a.id").out
    changed = merpati("shared", "set", "info@a.id", "--name", "Desk", "--address", "sales@a.id",
                      "--messages", "500")  # fmt: skip
    assert changed.out == "info@a.id is changed.\n"
    assert "info@a.id, sales@a.id" in merpati("shared", "show", "sales@a.id").out
    listed = merpati("shared", "list", "--json").json
    assert [(one["address"], one["name"]) for one in listed] == [("info@a.id", "Desk")]
    assert merpati("shared", "member", "remove", "info@a.id", "ani@a.id").status == 0
    assert merpati("shared", "remove", "info@a.id").status == 1
    assert merpati("shared", "remove", "info@a.id", "--yes").status == 0
    assert merpati("shared", "list").out == "No shared mailbox yet: merpati shared add ADDRESS\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("show admin@a.id", "there is no shared mailbox admin@a.id; see: merpati shared list"),
        ("add x@a.id --name a/b", "'a/b': a shared mailbox is named without / and @"),
    ],
)
def test_what_is_wrong_is_said(merpati: Merpati, words: str, sentence: str) -> None:
    done = merpati("shared", *words.split())
    assert done == (1, "", f"merpati shared: {sentence}\n")


def test_unknown_rights_and_members_are_refused(merpati: Merpati) -> None:
    merpati("shared", "add", "desk@a.id")
    wrong = merpati("shared", "member", "add", "desk@a.id", "admin@a.id", "--rights", "lrq")
    assert "'q' is no right; the rights are lrswipkxtea" in wrong.err
    nobody = merpati("shared", "member", "add", "desk@a.id", "nobody@a.id")
    assert "nobody here is called nobody@a.id" in nobody.err


def test_a_domain_is_limited_and_shows_what_it_holds(merpati: Merpati) -> None:
    assert merpati("domain", "set", "a.id", "--quota", "1GB", "--messages", "9").out == (
        "a.id: 0 B of 1.0 GB, 0 of 9 emails\n"
    )
    assert merpati("domain", "show", "a.id", "--json").json["quota"] == 1 << 30
    assert merpati("domain", "set", "a.id", "--quota", "0").out.endswith(", 0 of 9 emails\n")
    assert merpati("domain", "set", "a.id", "--messages", "0").out == "a.id: has no limit\n"
    assert merpati("domain", "set", "a.id").status == 2


def noted(merpati: Merpati, address: str) -> list[dict[str, Any]]:
    """What the audit has of mail that was put back into an account, the latest first."""
    entries = merpati("audit", "list", address, "--json").json
    return [one for one in entries if one["action"] == "account.restore"]


def test_removed_mail_is_listed_and_comes_back(folder: Path, merpati: Merpati) -> None:
    merpati("account", "add", "budi@a.id")

    async def prepare() -> None:
        store = SqliteStore(folder / "data" / "merpati.sqlite")

        async def unit(tx: Transaction) -> None:
            budi = await tx.value("SELECT account_id FROM address WHERE local = 'budi'")
            box = await mailboxes.create(tx, budi, "Offers/2026", 0)
            await stores.add(tx, budi, "an offer", mailbox_id=box.id)
            await stores.add(tx, budi, "a letter")
            await emails.remove(tx, budi, 1, [1])
            await mailboxes.destroy(tx, budi, "Offers/2026")
            await mailboxes.destroy(tx, budi, "Offers")

        await store.write(unit)
        await store.close()

    asyncio.run(prepare())
    assert "budi@a.id" in merpati("account", "set", "budi@a.id", "--messages", "1").out
    found = merpati("account", "expunged", "budi@a.id", "--json").json
    assert [(one["mailbox"], one["deleted"], one["emails"]) for one in found] == [
        ("INBOX", False, 1), ("Offers", True, 0), ("Offers/2026", True, 1),
    ]  # fmt: skip
    assert "say what" in merpati("account", "undelete", "budi@a.id").err
    words = ("account", "undelete", "budi@a.id", "--since", "2999-01-01")
    assert merpati(*words).out == "Nothing can be restored.\n"
    assert "nothing of Nowhere" in merpati(
        "account", "undelete", "budi@a.id", "--mailbox", "Nowhere"
    ).err  # fmt: skip
    done = merpati("account", "undelete", "budi@a.id", "--mailbox", "Offers", "--since", "1h")
    assert done.out == "1 emails are back in Offers, Offers/2026.\n"
    done = merpati("account", "undelete", "budi@a.id", "--mailbox", "inbox")
    assert "would exceed the quota" in done.err
    merpati("account", "set", "budi@a.id", "--messages", "0")
    done = merpati("account", "undelete", "budi@a.id", "--since", "2020-01-01")
    assert done.out == "1 emails are back in INBOX.\n"
    assert [one["after"] for one in noted(merpati, "budi@a.id")] == [
        {"emails": 1, "mailboxes": ["INBOX"]},
        {"emails": 1, "mailboxes": ["Offers", "Offers/2026"]},
    ]
    assert merpati("account", "expunged", "budi@a.id").out == "Nothing can be restored.\n"
    assert "write 2026-11-22" in merpati("account", "expunged", "budi@a.id", "--since", "x").err


def test_what_finds_no_room_stays_restorable_and_the_rest_is_in_the_audit(
    folder: Path, merpati: Merpati
) -> None:
    merpati("account", "add", "citra@a.id")

    async def prepare() -> None:
        store = SqliteStore(folder / "data" / "merpati.sqlite")

        async def unit(tx: Transaction) -> None:
            citra = await tx.value("SELECT account_id FROM address WHERE local = 'citra'")
            await stores.add(tx, citra, "a letter")
            await stores.add(tx, citra, "an old letter", mailbox_id=stores.ARCHIVE)
            for mailbox_id in (1, stores.ARCHIVE):
                await emails.remove(tx, citra, mailbox_id, [1])

        await store.write(unit)
        await store.close()

    asyncio.run(prepare())
    merpati("account", "set", "citra@a.id", "--messages", "1")
    done = merpati("account", "undelete", "citra@a.id", "--since", "1h")
    assert (done.status, done.out) == (1, "1 emails are back in INBOX.\n")
    assert "would exceed the quota" in done.err
    found = merpati("account", "expunged", "citra@a.id", "--json").json
    assert [one["mailbox"] for one in found] == ["Archive"]
    assert [one["after"] for one in noted(merpati, "citra@a.id")] == [
        {"emails": 1, "mailboxes": ["INBOX"]}
    ]


@pytest.mark.parametrize("name", ["First", "a/b", "a@b", ""])
def test_a_shared_mailbox_gets_no_impossible_name_as_an_account(
    merpati: Merpati, name: str
) -> None:
    merpati("shared", "add", "first@a.id", "--name", "First")
    merpati("shared", "add", "second@a.id", "--name", "Second")
    assert merpati("account", "set", "second@a.id", "--name", name).status == 1
    assert merpati("shared", "show", "second@a.id", "--json").json["name"] == "Second"
    assert (
        merpati("account", "set", "second@a.id", "--name", "Second", "--language", "id").status == 0
    )


def test_a_shared_mailbox_does_not_join_one_of_its_name_in_another_domain(
    merpati: Merpati,
) -> None:
    merpati("domain", "add", "b.id")
    merpati("shared", "add", "here@a.id", "--name", "Twin")
    merpati("shared", "add", "there@b.id", "--name", "Twin")
    words = ("account", "set", "there@b.id", "--address")
    assert "a.id has a shared mailbox called Twin already" in merpati(*words, "twin@a.id").err
    assert merpati(*words, "twin@b.id").status == 0
