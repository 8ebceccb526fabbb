"""ESEARCH: one search through several mailboxes (MULTISEARCH, RFC 7377)."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

from merpati.base.faults import Fault, Kind
from merpati.model.mailbox import SEPARATOR
from merpati.model.rights import READ
from merpati.servers.imap import context
from merpati.servers.imap.client import Client, Done
from merpati.servers.imap.legal import Refused
from merpati.servers.imap.matching import Scene, asks_modseq, asks_numbers, criterion, resolved
from merpati.servers.imap.search import (
    Outcome,
    Progress,
    check,
    check_charset,
    fill,
    find,
    tell,
    unsave,
)
from merpati.services.finding.finder import Source
from merpati.store import emails, mailboxes, places
from merpati.store.engine import Transaction
from merpati.store.places import Place
from merpati.wire.imap import results
from merpati.wire.imap.commands import Search
from merpati.wire.imap.finding import MultiSearch, Scope, Sources
from merpati.wire.imap.results import Answer, Option


async def multisearch(client: Client, command: MultiSearch) -> Done:
    """ESEARCH; results are UIDs, and mailboxes that have none are not mentioned."""
    options = command.returns.options
    check_charset(client, wrong=command.charset)
    check(command.key, command.returns)
    scopes = {each.scope for each in command.sources}
    if client.view is None and (not scopes or Scope.SELECTED in scopes or Option.UPDATE in options):
        raise Fault(Kind.BAD_SEQUENCE, "select a mailbox first")
    context.check(client, command.tag, command.returns)
    if scopes <= {Scope.SELECTED}:
        return await _here(client, command)
    if asks_numbers(command.key):
        raise Refused("sequence numbers mean nothing in several mailboxes", bad=True)
    if Option.SAVE in options:
        raise Refused("this is possible in the selected mailbox only", bad=True)
    key = await resolved(client, command.key)
    now = client.milliseconds()
    criterion(key, Scene(now, None))  # what has no meaning is refused before anything is told
    if asks_modseq(key):
        client.enable_condstore()
    store = client.services.store
    listed = await store.read(_readable, client.account_id, command.sources)
    subscribed: set[str] = set()
    if Scope.SUBSCRIBED in scopes:
        subscribed = set(await store.read(mailboxes.subscriptions, client.account_id))
    for place in _chosen(client, command.sources, listed, subscribed):
        uids = await store.read(emails.uids_of, place.account_id, place.mailbox.id)
        here = Source(place.account_id, place.mailbox.id, array("I", uids))
        wanted = criterion(key, Scene(now, None, uids[-1] if uids else 0))
        progress = Progress(client, command.tag, len(uids))
        found = await client.services.finder.find(here, wanted, progress.tell)
        if found.uids:
            answer = Answer(command.tag, True, (place.path, place.mailbox.uidvalidity))
            await fill(
                answer, Outcome(found.uids, found.scores, False), found.uids, command.returns
            )
            client.connection.write(results.esearch(answer, utf8=client.utf8))
        if _is_selected(client, place):  # RFC 7377 2.2: only that one is kept up to date
            context.begin(client, command, wanted, found.uids)
        await client.connection.drain()
    return Done("ESEARCH completed")


async def _here(client: Client, command: MultiSearch) -> Done:
    """As UID SEARCH, but that the answer names the mailbox."""
    returns = command.returns
    same = Search(command.tag, True, command.key, returns)
    try:
        wanted, found, by_modseq = await find(client, command.tag, command.key)
        outcome = Outcome(found.uids, found.scores, by_modseq)
    except Fault as fault:
        unsave(client, returns, fault)
        raise
    view = client.selected
    if found.uids:
        await tell(client, same, b"SEARCH", outcome, returns, (view.name, view.uidvalidity))
    elif Option.SAVE in returns.options:
        view.saved = ()
    context.begin(client, command, wanted, found.uids)
    return Done("ESEARCH completed")


async def _readable(tx: Transaction, user_id: int, sources: Iterable[Sources]) -> list[Place]:
    """What the user may look through: what is listed, and what is named though it is not.

    Only the latter need not be listed (RFC 7377 2.2).
    """
    found = {place.path: place for place in await places.listing(tx, user_id)}
    for source in sources:
        for name in source.names:
            if name not in found and (place := await places.find(tx, user_id, name)) is not None:
                found[name] = place
    return [place for place in found.values() if READ in place.rights]


def _chosen(
    client: Client, sources: Iterable[Sources], listed: list[Place], subscribed: set[str]
) -> Iterator[Place]:
    """The mailboxes of some sources, each once, in the order of LIST."""
    wanted = list(sources)
    for place in listed:
        is_own = place.account_id == client.account_id
        holds = {
            Scope.SELECTED: _is_selected(client, place),
            # Rules may put mail into any mailbox (RFC 5465 6.3).
            Scope.INBOXES: is_own,
            Scope.PERSONAL: is_own,
            Scope.SUBSCRIBED: place.path in subscribed,
        }
        if any(_covers(each, place.path) or holds.get(each.scope, False) for each in wanted):
            yield place


def _is_selected(client: Client, place: Place) -> bool:
    view = client.view
    return view is not None and (
        (place.account_id, place.mailbox.id) == (view.account_id, view.mailbox_id)
    )


def _covers(source: Sources, path: str) -> bool:
    """Whether a mailbox is named, or lies below one that is."""
    for name in source.names:
        if path == name:
            return True
        below = path.removeprefix(name + SEPARATOR)
        if below != path and (
            source.scope is Scope.SUBTREE
            or (source.scope is Scope.SUBTREE_ONE and SEPARATOR not in below)
        ):
            return True
    return False
