"""Mailing lists: their rules, their people, and posts that wait."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, to_builtins

from merpati.base.faults import Fault, Kind
from merpati.model.administration import Actor
from merpati.model.mailing_list import (
    Audience,
    HeldPost,
    Joining,
    MailingList,
    Others,
    Person,
    Posting,
    Replies,
)
from merpati.services.administration.accounts import Address, Language, Name
from merpati.services.moderation import Moderation
from merpati.store import audit, directory, lists
from merpati.store.engine import Store, Transaction

Flag = Literal["member", "owner", "poster"]
FLAGS: Final[dict[Flag, str]] = {"member": "is_member", "owner": "is_owner", "poster": "may_post"}
PEOPLE_MAX = 5000  # added by one request


class ListView(Struct, frozen=True, rename="camel", kw_only=True):
    """A list as lists of them show it; `held` posts wait for an owner."""

    address: str
    name: str
    language: str
    posting: Posting
    others: Others
    moderated: bool
    joining: Joining
    audience: Audience
    replies: Replies
    members: int
    held: int


class PersonView(Struct, frozen=True, rename="camel", kw_only=True):
    """Somebody a list knows."""

    address: str
    member: bool
    owner: bool
    may_post: bool
    suspended: bool
    bounces: int


class HeldView(Struct, frozen=True, rename="camel", kw_only=True):
    """A post that waits; `received_at` is Unix milliseconds."""

    number: int
    author: str
    subject: str
    received_at: int
    trace: str


class ListDetail(ListView, frozen=True, kw_only=True):
    """A list with its people and its waiting posts."""

    archive: str
    people: list[PersonView]
    posts: list[HeldView]


class ListRules(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """Rules of a list; what is left out stays. An empty `archive` is none."""

    name: Name | UnsetType = UNSET
    language: Language | UnsetType = UNSET
    posting: Posting | UnsetType = UNSET
    others: Others | UnsetType = UNSET
    moderated: bool | UnsetType = UNSET
    joining: Joining | UnsetType = UNSET
    audience: Audience | UnsetType = UNSET
    replies: Replies | UnsetType = UNSET
    archive: str | UnsetType = UNSET


class NewList(ListRules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A list to be made."""

    address: Address
    members: Annotated[list[Address], Meta(max_length=PEOPLE_MAX)] = []
    owners: Annotated[list[Address], Meta(max_length=100)] = []
    posters: Annotated[list[Address], Meta(max_length=PEOPLE_MAX)] = []


class People(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Addresses, here or elsewhere."""

    addresses: Annotated[list[Address], Meta(min_length=1, max_length=PEOPLE_MAX)]


class Decision(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What becomes of a post that waits."""

    decision: Literal["approve", "reject"]


async def views(tx: Transaction, only: Collection[str] | None = None) -> list[ListView]:
    """All lists, or those of some domains, by address."""
    return [
        ListView(**_rules(one), members=members, held=held)
        for one, members, held in await lists.all_lists(tx)
        if only is None or one.domain in only
    ]


async def detail(tx: Transaction, address: str) -> ListDetail:
    """One list with all that belongs to it. Raises Fault NOT_FOUND."""
    one = await lists.named(tx, address)
    people = await lists.people(tx, one.id)
    archive = await directory.account_by_id(tx, one.archive_id)
    posts = await lists.held(tx, one.id)
    return ListDetail(
        **_rules(one), members=sum(person.is_member for person in people), held=len(posts),
        archive=archive.address if archive else "", people=[_person(each) for each in people],
        posts=[
            HeldView(number=post.id, author=post.author, subject=post.subject,
                     received_at=post.received_at, trace=post.trace)
            for post in posts
        ],
    )  # fmt: skip


async def create(
    tx: Transaction, actor: Actor, now: int, new: NewList, token: Callable[[], str]
) -> MailingList:
    """Make a list. `token` makes unguessable names. Raises Fault NOT_FOUND, EXISTS."""
    name = "" if isinstance(new.name, UnsetType) else new.name
    language = "en" if isinstance(new.language, UnsetType) else new.language
    made = await lists.create(tx, new.address, name, language, now)
    columns = await _columns(tx, new)
    if columns:
        await lists.set_rules(tx, made.id, **columns)
    for flag, column in FLAGS.items():
        for person in getattr(new, f"{flag}s"):
            await lists.set_person(tx, made.id, person, token(), now, **{column: True})
    after = await state(tx, made.address)
    await audit.record(tx, actor, now, "list.add", made.address, after=after)
    return await lists.named(tx, made.address)


async def change(
    tx: Transaction, actor: Actor, now: int, address: str, wanted: ListRules
) -> MailingList:
    """Change the rules of a list. Raises Fault NOT_FOUND."""
    one = await lists.named(tx, address)
    before = await rules(tx, address)
    columns = await _columns(tx, wanted)
    if columns:
        await lists.set_rules(tx, one.id, **columns)
    after = await rules(tx, address)
    if before != after:
        await audit.record(tx, actor, now, "list.change", one.address, before=before, after=after)
    return await lists.named(tx, address)


async def remove(tx: Transaction, actor: Actor, now: int, address: str) -> None:
    """Remove a list with its people and waiting posts. Raises Fault NOT_FOUND."""
    one = await lists.named(tx, address)
    before = await state(tx, address)
    await lists.remove(tx, one.id)
    await audit.record(tx, actor, now, "list.remove", one.address, before=before)


async def rules(tx: Transaction, address: str) -> dict[str, Any]:
    """The rules of a list as the audit has them. Raises Fault NOT_FOUND."""
    one = await lists.named(tx, address)
    archive = await directory.account_by_id(tx, one.archive_id) if one.archive_id else None
    found: dict[str, Any] = to_builtins({**_rules(one), "name": one.name})
    del found["address"]
    return {**found, "archive": archive.address if archive else ""}


async def state(tx: Transaction, address: str) -> dict[str, Any]:
    """As `rules`, with its people: members, owners, posters."""
    one = await lists.named(tx, address)
    people = await lists.people(tx, one.id)
    return await rules(tx, address) | {
        f"{flag}s": [each.address for each in people if getattr(each, column)]
        for flag, column in FLAGS.items()
    }


async def set_people(
    tx: Transaction, actor: Actor, now: int, address: str, people: Sequence[str], flag: Flag,
    token: Callable[[], str], *, value: bool,
) -> int:  # fmt: skip
    """Let people be members, owners or posters, or no longer; for how many that is new.

    Raises:
        Fault: NOT_FOUND; DENIED for members of a list that reaches whole domains.
    """
    one = await lists.named(tx, address)
    if flag == "member" and value and one.audience is not Audience.NAMED:
        text = f"{one.address} reaches every account it is for; set its audience to named first"
        raise Fault(Kind.DENIED, text)
    changed = [
        person
        for person in people
        if await lists.set_person(tx, one.id, person, token(), now, **{FLAGS[flag]: value})
    ]
    if changed:
        side = {f"{flag}s": changed}
        await audit.record(
            tx, actor, now, f"list.{'add' if value else 'remove'}-{flag}", one.address,
            before=None if value else side, after=side if value else None,
        )  # fmt: skip
    return len(changed)


async def decide(
    store: Store, actor: Actor, now: int, moderation: Moderation, number: int, *,
    approve: bool, lifetime: int, only: str = "",
) -> MailingList:  # fmt: skip
    """Let a waiting post go to the members, or throw it away and tell its author.

    Args:
        store: Where it is.
        actor: Who decides.
        now: Unix milliseconds.
        moderation: Does it.
        number: Of the post.
        approve: Whether it goes.
        lifetime: How long it may take then, in seconds.
        only: The list that it has to be of; empty: any.

    Raises:
        Fault: NOT_FOUND when no such post waits any more.
    """

    async def unit(tx: Transaction) -> MailingList:
        post = await lists.find_held(tx, number=number)
        owned = await lists.by_id(tx, post.list_id) if post is not None else None
        if post is None or owned is None or (only and owned.address != only.lower()):
            raise Fault(Kind.NOT_FOUND, f"no post {number} waits; see: merpati list held ADDRESS")
        if approve:
            done = await moderation.approve(tx, owned, post, lifetime)
        else:
            done = await moderation.reject(tx, owned, post)
        if done:
            await audit.record(
                tx, actor, now, f"list.{'approve' if approve else 'reject'}", owned.address,
                after=_post(post),
            )  # fmt: skip
        return owned

    return await store.write(unit)


async def _columns(tx: Transaction, wanted: ListRules) -> dict[str, Any]:
    names = ("name", "language", "posting", "others", "moderated", "joining", "audience", "replies")
    columns: dict[str, Any] = {}
    for name in names:
        value = getattr(wanted, name)
        if value is not UNSET:
            columns[name] = int(value) if isinstance(value, bool) else to_builtins(value)
    if wanted.archive is not UNSET:
        columns["archive_id"] = (
            (await directory.account(tx, wanted.archive)).id if wanted.archive else 0
        )
    return columns


def _rules(one: MailingList) -> dict[str, Any]:
    return {
        "address": one.address, "name": one.title, "language": one.language,
        "posting": one.posting, "others": one.others, "moderated": one.moderated,
        "joining": one.joining, "audience": one.audience, "replies": one.replies,
    }  # fmt: skip


def _person(one: Person) -> PersonView:
    return PersonView(
        address=one.address,
        member=one.is_member,
        owner=one.is_owner,
        may_post=one.may_post,
        suspended=one.suspended,
        bounces=one.bounces,
    )


def _post(post: HeldPost) -> dict[str, Any]:
    return {"author": post.author, "subject": post.subject}
