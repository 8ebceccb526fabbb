from __future__ import annotations

import pytest

from merpati.base.faults import Fault, Kind
from merpati.model import rights as letters
from merpati.store import (
    changes,
    directory,
    email_keywords,
    emails,
    mailboxes,
    members,
    places,
    rights,
    transfer,
)
from merpati.store.engine import Store, Topic
from merpati.store.members import Send
from tests.support import store as stores
from tests.support.store import ARCHIVE, INBOX, NOW, add_account

ANI = "ani@example.org"
BUDI = "budi@example.org"


async def two(store: Store) -> tuple[int, int]:
    return (await add_account(store, ANI)).id, (await add_account(store, BUDI)).id


async def share(
    store: Store, owner: int, who: str, held: str, *mailbox_ids: int, negative: bool = False
) -> None:
    subject = await store.read(rights.subject, owner, who)
    await store.write(
        rights.grant, owner, mailbox_ids or (INBOX,), subject, held, negative=negative
    )


async def paths(store: Store, user_id: int) -> list[str]:
    return [
        place.path for place in await store.read(places.listing, user_id)
        if place.account_id != user_id
    ]  # fmt: skip


async def test_own_mailboxes_are_there_with_every_right(store: Store) -> None:
    ani, _ = await two(store)
    place = await store.read(places.find, ani, "inbox")
    assert place is not None
    assert (place.account_id, place.path, place.rights) == (ani, "INBOX", letters.ALL)
    assert await store.read(places.find, ani, "Nowhere") is None
    listed = await store.read(places.listing, ani)
    assert [one.path for one in listed] == [
        one.name for one in await store.read(mailboxes.listing, ani)
    ]


async def test_a_mailbox_of_another_is_there_only_with_a_right(store: Store) -> None:
    ani, budi = await two(store)
    path = f"Other Users/{ANI}/INBOX"
    assert await store.read(places.find, budi, path) is None
    await share(store, ani, BUDI, "lr")
    place = await store.read(places.find, budi, path)
    assert place is not None
    assert (place.account_id, place.rights, place.mailbox.id) == (ani, "lr", INBOX)
    assert await paths(store, budi) == [path]
    with pytest.raises(Fault) as refused:
        place.require("w")
    assert refused.value.kind is Kind.DENIED
    await share(store, ani, BUDI, "")
    assert await store.read(places.find, budi, path) is None
    assert await paths(store, budi) == []


async def test_without_lookup_a_mailbox_cannot_be_known_of(store: Store) -> None:
    ani, budi = await two(store)
    await share(store, ani, BUDI, "i")
    place = await store.read(places.find, budi, f"Other Users/{ANI}/INBOX")
    assert place is not None
    place.require("i")
    assert await paths(store, budi) == []
    with pytest.raises(Fault) as refused:
        place.require("r")
    assert refused.value.kind is Kind.NOT_FOUND


async def test_everybody_in_the_domain_is_anyone_and_others_are_not(store: Store) -> None:
    ani, budi = await two(store)
    citra = (await add_account(store, "citra@far.example")).id
    await share(store, ani, "anyone", "lr", ARCHIVE)
    assert await paths(store, budi) == [f"Other Users/{ANI}/Archive"]
    assert await paths(store, citra) == []
    await share(store, ani, "@far.example", "l", ARCHIVE)
    assert await paths(store, citra) == [f"Other Users/{ANI}/Archive"]
    shown = [(one.name, one.rights) for one in await store.read(rights.entries, ani, ARCHIVE)]
    assert sorted(shown) == [("@far.example", "l"), ("anyone", "lr")]


async def test_negative_rights_take_from_what_anyone_has(store: Store) -> None:
    ani, budi = await two(store)
    await share(store, ani, "anyone", "lrsw")
    await share(store, ani, BUDI, "sw", negative=True)
    assert await store.read(rights.held, ani, INBOX, budi) == "lr"
    await share(store, ani, BUDI, "s")  # granted and taken: taken
    assert await store.read(rights.held, ani, INBOX, budi) == "lr"


async def test_a_new_mailbox_has_the_rights_of_the_one_above(store: Store) -> None:
    ani, budi = await two(store)
    await store.write(mailboxes.create, ani, "Work", NOW)
    work = await store.read(mailboxes.get, ani, "Work")
    await share(store, ani, BUDI, "lrk", work.id)
    await share(store, ani, BUDI, "t", work.id, negative=True)
    await store.write(mailboxes.create, ani, "Work/Offers/2026", NOW)
    deep = await store.read(places.find, budi, f"Other Users/{ANI}/Work/Offers/2026")
    assert deep is not None
    assert deep.rights == "lrk"
    held = [(e.negative, e.rights) for e in await store.read(rights.entries, ani, deep.mailbox.id)]
    assert held == [(False, "lrk"), (True, "t")]
    await store.write(mailboxes.create, ani, "Other", NOW)
    assert await store.read(places.find, budi, f"Other Users/{ANI}/Other") is None


async def test_rights_go_with_a_deleted_mailbox_and_stay_with_a_renamed_one(store: Store) -> None:
    ani, budi = await two(store)
    box = await store.write(mailboxes.create, ani, "Work", NOW)
    await share(store, ani, BUDI, "lr", box.id)
    await store.write(mailboxes.rename, ani, "Work", "Done", NOW)
    assert await paths(store, budi) == [f"Other Users/{ANI}/Done"]
    await store.write(mailboxes.destroy, ani, "Done")
    assert await store.read(rights.entries, ani, box.id) == []


async def test_where_mailboxes_may_be_made(store: Store) -> None:
    ani, budi = await two(store)
    await share(store, ani, BUDI, "lr")
    above = f"Other Users/{ANI}"
    for path in (f"{above}/INBOX/New", f"{above}/New", "Other Users/New", "Shared/New"):
        with pytest.raises(Fault) as refused:
            await store.read(places.above, budi, path, letters.CREATE)
        assert refused.value.kind is Kind.DENIED
    await share(store, ani, BUDI, "lrk")
    spot = await store.read(places.above, budi, f"{above}/INBOX/a/b", letters.CREATE)
    assert (spot.account_id, spot.path) == (ani, "INBOX/a/b")
    for name in ("Shared/a", "Other Users"):
        with pytest.raises(Fault) as refused:
            await store.write(mailboxes.create, ani, name, NOW)
        assert refused.value.kind is Kind.DENIED


async def test_a_shared_mailbox_is_one_object_with_members(store: Store) -> None:
    _, budi = await two(store)
    desk = await store.write(members.add_shared, "info@example.org", name="Info Desk", now=NOW)
    assert await paths(store, budi) == []
    await store.write(members.put, desk.id, BUDI, held="lrs", send=Send.BEHALF)
    seen = await paths(store, budi)
    assert seen[0] == "Shared/Info Desk/INBOX"
    assert len(seen) == 6
    await store.write(mailboxes.create, desk.id, "Done", NOW)
    assert "Shared/Info Desk/Done" in await paths(store, budi)
    place = await store.read(places.find, budi, "Shared/Info Desk/Done")
    assert place is not None
    assert (place.account_id, place.rights) == (desk.id, "lrs")
    (member,) = await store.read(members.listing, desk.id)
    assert (member.name, member.rights, member.send) == (BUDI, "lrs", Send.BEHALF)
    await store.write(members.put, desk.id, BUDI, held=letters.LEVELS["write"])
    (member,) = await store.read(members.listing, desk.id)
    assert (member.rights, member.send) == ("lrswipkte", Send.BEHALF)
    await store.write(members.remove, desk.id, BUDI)
    assert await paths(store, budi) == []
    with pytest.raises(Fault):
        await store.write(members.remove, desk.id, BUDI)


async def test_a_shared_mailbox_of_another_domain_is_named_by_its_address(store: Store) -> None:
    _, budi = await two(store)
    await add_account(store, "citra@far.example")
    desk = await store.write(members.add_shared, "info@far.example", name="Info", now=NOW)
    await store.write(members.put, desk.id, BUDI, held="lr")
    path = "Shared/info@far.example/INBOX"
    assert path in await paths(store, budi)
    place = await store.read(places.find, budi, path)
    assert place is not None
    assert place.account_id == desk.id
    assert await store.read(places.find, budi, "Shared/Info/INBOX") is None


async def test_names_of_shared_mailboxes_are_levels_and_unique(store: Store) -> None:
    await two(store)
    await store.write(members.add_shared, "info@example.org", name="Info", now=NOW)
    for name, kind in (("Info", Kind.EXISTS), ("a/b", Kind.SYNTAX), ("a@b", Kind.SYNTAX),
                       ("", Kind.SYNTAX)):  # fmt: skip
        with pytest.raises(Fault) as refused:
            await store.write(members.add_shared, "two@example.org", name=name, now=NOW)
        assert refused.value.kind is kind


async def test_who_may_send_with_which_addresses(store: Store) -> None:
    ani, budi = await two(store)
    desk = await store.write(members.add_shared, "info@example.org", name="Info", now=NOW)
    await store.write(directory.add_address, desk.id, "sales@example.org")
    await store.write(members.put, desk.id, BUDI, held="lr")
    assert await store.read(members.senders, budi) == {}
    await store.write(members.put, desk.id, BUDI, send=Send.BEHALF)
    both = {"info@example.org": Send.BEHALF, "sales@example.org": Send.BEHALF}
    assert await store.read(members.senders, budi) == both
    await store.write(members.put, desk.id, "anyone", held="", send=Send.AS)
    assert set((await store.read(members.senders, budi)).values()) == {Send.AS}
    assert set(await store.read(members.senders, ani)) == set(both)


async def test_an_account_that_is_erased_takes_its_rights_along(store: Store) -> None:
    ani, budi = await two(store)
    await share(store, ani, BUDI, "lr")
    await store.write(directory.remove_account, budi)
    assert await store.read(rights.entries, ani, INBOX) == []


async def test_a_new_address_changes_paths_and_no_rights(store: Store) -> None:
    ani, budi = await two(store)
    await share(store, ani, BUDI, "lr")
    await store.write(directory.rename, ani, "anisa@example.org")
    assert await paths(store, budi) == ["Other Users/anisa@example.org/INBOX"]


async def test_sharing_is_announced_to_both_sides(store: Store) -> None:
    ani, budi = await two(store)
    heard: set[object] = set()
    store.on_commit(heard.update)
    await share(store, ani, BUDI, "lr")
    assert heard == {(Topic.ACCOUNT, ani), (Topic.ACCOUNT, budi)}


async def keywords(store: Store, account_id: int, mailbox_id: int = INBOX) -> list[str]:
    uids = await store.read(emails.uids_of, account_id, mailbox_id)
    rows = await store.read(emails.fetch, account_id, mailbox_id, uids, ("uid", "keywords"))
    return [row[1] for row in rows]


async def test_copies_go_between_accounts_with_the_flags_that_may_be_set(store: Store) -> None:
    ani, budi = await two(store)
    await store.write(stores.add, ani, "one", keywords="$deleted $flagged $seen")
    await store.write(stores.add, ani, "two")
    start = await store.read(changes.current, budi)
    modseq, old, new = await store.write(
        transfer.transfer, ani, INBOX, budi, ARCHIVE, [1, 2, 9], rights="lrs"
    )
    assert (modseq, old, new) == (start + 1, [1, 2], [1, 2])
    assert await keywords(store, budi, ARCHIVE) == ["$seen", ""]
    target = await store.read(mailboxes.counters, budi, ARCHIVE)
    assert target is not None
    assert (target.total, target.unseen, target.size) == (2, 1, 6)
    for account_id in (ani, budi):
        account = await store.read(directory.account_by_id, account_id)
        assert account is not None
        assert (account.used, account.emails) == (6, 2)


async def test_a_move_between_accounts_leaves_nothing_behind(store: Store) -> None:
    ani, budi = await two(store)
    await store.write(stores.add, ani, "one", keywords="$flagged")
    _, old, new = await store.write(
        transfer.transfer, ani, INBOX, budi, ARCHIVE, [1], move=True
    )  # fmt: skip
    assert (old, new) == ([1], [1])
    assert await keywords(store, ani) == []
    assert await keywords(store, budi, ARCHIVE) == ["$flagged"]
    account = await store.read(directory.account_by_id, ani)
    assert account is not None
    assert (account.used, account.emails) == (0, 0)


async def test_a_transfer_takes_the_room_of_the_owner(store: Store) -> None:
    ani, budi = (await add_account(store, ANI)).id, (await add_account(store, BUDI, quota=5)).id
    await store.write(stores.add, ani, "sixsix")
    with pytest.raises(Fault) as refused:
        await store.write(transfer.transfer, ani, INBOX, budi, INBOX, [1], move=True)
    assert refused.value.kind is Kind.OVER_QUOTA
    assert await keywords(store, ani) == [""]


async def test_replacing_flags_leaves_alone_what_may_not_be_changed(store: Store) -> None:
    ani, _ = await two(store)
    await store.write(stores.add, ani, "one", keywords="$deleted $flagged")
    await store.write(
        email_keywords.change, ani, INBOX, [1], email_keywords.Change.SET,
        frozenset({"$seen", "$answered", "$deleted"}), None, "lrs",
    )  # fmt: skip
    assert await keywords(store, ani) == ["$deleted $flagged $seen"]


async def test_the_limit_on_mailboxes_counts_those_that_are_there(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ani, _ = await two(store)
    monkeypatch.setattr(mailboxes, "MAILBOXES_MAX", 7)
    for _ in range(3):  # making and deleting again uses nothing up
        await store.write(mailboxes.create, ani, "Work", NOW)
        await store.write(mailboxes.destroy, ani, "Work", NOW)
    await store.write(mailboxes.create, ani, "Work", NOW)
    with pytest.raises(Fault) as refused:
        await store.write(mailboxes.create, ani, "More", NOW)
    assert refused.value.kind is Kind.TOO_MANY


async def test_subscriptions_follow_an_account_to_its_new_name(store: Store) -> None:
    ani, budi = await two(store)
    eve = (await add_account(store, "eve@far.example")).id
    await share(store, ani, BUDI, "lr", INBOX)
    desk = await store.write(members.add_shared, "info@example.org", name="Desk", now=NOW)
    for who in ("anyone", "@far.example"):
        await store.write(members.put, desk.id, who, held="lr")
    wanted = {
        budi: [
            f"Other Users/{ANI}/INBOX", "Shared/Desk", "Shared/Desk/INBOX", "Shared/Desks/INBOX",
        ],
        eve: ["Shared/info@example.org/INBOX"],
    }  # fmt: skip
    for user_id, names in wanted.items():
        for name in names:
            await store.write(mailboxes.subscribe, user_id, name)
    await store.write(members.rename_shared, desk, "Counter")
    await store.write(directory.rename, ani, "ani.w@example.org")
    assert await others(store, budi) == [
        "Other Users/ani.w@example.org/INBOX", "Shared/Counter", "Shared/Counter/INBOX",
        "Shared/Desks/INBOX",
    ]  # fmt: skip
    assert await others(store, eve) == ["Shared/info@example.org/INBOX"]
    await store.write(directory.rename, desk.id, "desk@far.example")
    assert (await others(store, budi))[-2:] == [
        "Shared/desk@far.example", "Shared/desk@far.example/INBOX",
    ]  # fmt: skip
    assert await others(store, eve) == ["Shared/Counter/INBOX"]


async def others(store: Store, user_id: int) -> list[str]:
    """What somebody subscribes to in mailboxes of others."""
    names = await store.read(mailboxes.subscriptions, user_id)
    return [name for name in names if "/" in name]
