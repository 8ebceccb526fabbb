"""Operations on mailing lists and shared mailboxes."""

from __future__ import annotations

from msgspec import Struct

from merpati.base.faults import Fault, Kind
from merpati.model.administration import Right
from merpati.servers.api.operation import Call, Operation, Who
from merpati.services.administration import lists, membership
from merpati.services.administration.lists import (
    FLAGS,
    Decision,
    Flag,
    ListDetail,
    ListRules,
    ListView,
    NewList,
    People,
)
from merpati.services.administration.membership import (
    MemberChange,
    NewShared,
    SharedChange,
    SharedView,
)


class Count(Struct, frozen=True, rename="camel", kw_only=True):
    """For how many of them it is new."""

    changed: int


async def list_lists(call: Call) -> list[ListView]:
    """By address."""
    return await call.store.scan(lists.views, call.domains)


async def show_list(call: Call) -> ListDetail:
    """With its people and waiting posts."""
    return await call.store.read(lists.detail, call.address)


async def add_list(call: Call) -> ListDetail:
    """With its owners."""
    new: NewList = call.body
    call.allow(new.address)
    token = call.services.moderation.token
    await call.store.write(lists.create, call.actor, call.now, new, token)
    return await call.store.read(lists.detail, new.address)


async def change_list(call: Call) -> ListDetail:
    """Its rules."""
    await call.store.write(lists.change, call.actor, call.now, call.address, call.body)
    return await call.store.read(lists.detail, call.address)


async def remove_list(call: Call) -> None:
    """With all that belongs to it."""
    await call.store.write_long(lists.remove, call.actor, call.now, call.address)


async def add_people(call: Call) -> Count:
    """Members, owners or posters."""
    return await _set_people(call, value=True)


async def remove_people(call: Call) -> Count:
    """No longer."""
    return await _set_people(call, value=False)


async def _set_people(call: Call, *, value: bool) -> Count:
    people: People = call.body
    word = call.path["what"].removesuffix("s")
    if word not in FLAGS:
        raise Fault(Kind.NOT_FOUND, f"people are {', '.join(f'{one}s' for one in FLAGS)}")
    flag: Flag = word
    changed = await call.store.write_long(
        lists.set_people, call.actor, call.now, call.address, people.addresses, flag,
        call.services.moderation.token, value=value,
    )  # fmt: skip
    return Count(changed=changed)


async def decide(call: Call) -> None:
    """A post that waits."""
    word: Decision = call.body
    number = call.number("number", "no such post waits")
    await lists.decide(
        call.store, call.actor, call.now, call.services.moderation, number,
        approve=word.decision == "approve", lifetime=call.services.lifetime, only=call.address,
    )  # fmt: skip


async def list_shared(call: Call) -> list[SharedView]:
    """By address."""
    return await call.store.scan(membership.views, call.domains)


async def show_shared(call: Call) -> SharedView:
    """With its members."""
    return await call.store.read(membership.view, call.address)


async def add_shared(call: Call) -> SharedView:
    """Without members."""
    new: NewShared = call.body
    call.allow(new.address)
    await call.store.write(membership.add, call.actor, call.now, new)
    return await call.store.read(membership.view, new.address)


async def change_shared(call: Call) -> SharedView:
    """Name and limits."""
    await call.store.write(membership.change, call.actor, call.now, call.address, call.body)
    return await call.store.read(membership.view, call.address)


async def remove_shared(call: Call) -> None:
    """With all its mail."""
    await call.store.write_long(membership.remove, call.actor, call.now, call.address)


async def put_member(call: Call) -> SharedView:
    """What a member may do."""
    wanted: MemberChange = call.body
    await call.store.write(
        membership.put_member, call.actor, call.now, call.address, call.path["member"], wanted
    )
    return await call.store.read(membership.view, call.address)


async def remove_member(call: Call) -> None:
    """A member no longer."""
    await call.store.write(
        membership.remove_member, call.actor, call.now, call.address, call.path["member"]
    )


_LISTS = Right.LISTS
_ACCOUNTS = Right.ACCOUNTS
OPERATIONS = (
    Operation(
        method="GET", path="/lists", name="listLists", topic="lists", does=list_lists,
        who=Who.DELEGATE, right=_LISTS, answer=list[ListView], text="Mailing lists.",
    ),
    Operation(
        method="POST", path="/lists", name="addList", topic="lists", does=add_list, status=201,
        who=Who.DELEGATE, right=_LISTS, body=NewList, answer=ListDetail, text="Make a list.",
    ),
    Operation(
        method="GET", path="/lists/{address}", name="showList", topic="lists", does=show_list,
        who=Who.DELEGATE, right=_LISTS, answer=ListDetail,
        text="A list with its rules, its people and the posts that wait.",
    ),
    Operation(
        method="PATCH", path="/lists/{address}", name="changeList", topic="lists",
        does=change_list, who=Who.DELEGATE, right=_LISTS, body=ListRules, answer=ListDetail,
        text="Change the rules of a list; what is left out stays.",
    ),
    Operation(
        method="DELETE", path="/lists/{address}", name="removeList", topic="lists",
        does=remove_list, who=Who.DELEGATE, right=_LISTS,
        text="Remove a list with its people and waiting posts.",
    ),
    Operation(
        method="POST", path="/lists/{address}/{what}", name="addListPeople", topic="lists",
        does=add_people, who=Who.DELEGATE, right=_LISTS, body=People, answer=Count,
        text="Add members, owners or posters: `what` is one of these words.",
    ),
    Operation(
        method="POST", path="/lists/{address}/{what}/remove", name="removeListPeople",
        topic="lists", does=remove_people, who=Who.DELEGATE, right=_LISTS, body=People,
        answer=Count, text="Let people be members, owners or posters no longer.",
    ),
    Operation(
        method="POST", path="/lists/{address}/posts/{number}/decision", name="decidePost",
        topic="lists", does=decide, who=Who.DELEGATE, right=_LISTS, body=Decision,
        text="Let a waiting post go to the members, or throw it away.",
    ),
    Operation(
        method="GET", path="/shared", name="listShared", topic="shared", does=list_shared,
        who=Who.DELEGATE, right=_ACCOUNTS, answer=list[SharedView],
        text="Mailboxes that several people share.",
    ),
    Operation(
        method="POST", path="/shared", name="addShared", topic="shared", does=add_shared,
        status=201, who=Who.DELEGATE, right=_ACCOUNTS, body=NewShared, answer=SharedView,
        text="Make a shared mailbox.",
    ),
    Operation(
        method="GET", path="/shared/{address}", name="showShared", topic="shared",
        does=show_shared, who=Who.DELEGATE, right=_ACCOUNTS, answer=SharedView,
        text="A shared mailbox with its members.",
    ),
    Operation(
        method="PATCH", path="/shared/{address}", name="changeShared", topic="shared",
        does=change_shared, who=Who.DELEGATE, right=_ACCOUNTS, body=SharedChange,
        answer=SharedView, text="Change a shared mailbox; what is left out stays.",
    ),
    Operation(
        method="DELETE", path="/shared/{address}", name="removeShared", topic="shared",
        does=remove_shared, who=Who.DELEGATE, right=_ACCOUNTS,
        text="Erase a shared mailbox with all its mail.",
    ),
    Operation(
        method="PUT", path="/shared/{address}/members/{member}", name="putMember",
        topic="shared", does=put_member, who=Who.DELEGATE, right=_ACCOUNTS, body=MemberChange,
        answer=SharedView, text="Let somebody be a member, or change what a member may do.",
    ),
    Operation(
        method="DELETE", path="/shared/{address}/members/{member}", name="removeMember",
        topic="shared", does=remove_member, who=Who.DELEGATE, right=_ACCOUNTS,
        text="Let somebody be a member no longer.",
    ),
)  # fmt: skip
