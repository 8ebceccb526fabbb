"""ESEARCH: one search through several mailboxes (MULTISEARCH, RFC 7377)."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.model.mailbox import INBOX_ID, SEPARATOR
from merpati.model.rights import READ
from merpati.servers.imap import context
from merpati.servers.imap.client import Client, Done
from merpati.servers.imap.legal import Refused
from merpati.servers.imap.matching import Scene, asks_modseq, asks_numbers, criterion, resolved
from merpati.servers.imap.search import Outcome, Progress, check, fill, find, tell, unsave
from merpati.services.finding.finder import Source
from merpati.store import emails, mailboxes, places
from merpati.store.places import Place
from merpati.wire.imap import results
from merpati.wire.imap.commands import Search
from merpati.wire.imap.finding import MultiSearch, Scope, Sources
from merpati.wire.imap.results import Answer, Option

CURRENT: Final = frozenset({Scope.SELECTED, Scope.SELECTED_DELAYED})
ONE_ONLY: Final = frozenset({Option.SAVE, Option.UPDATE, Option.CONTEXT})


async def multisearch(client: Client, command: MultiSearch) -> Done:
    """ESEARCH; results are UIDs, and mailboxes that have none are not mentioned."""
    check(command.key, command.returns)
    scopes = {each.scope for each in command.sources}
    if scopes <= CURRENT:
        if client.view is None:
            raise Fault(Kind.BAD_SEQUENCE, "select a mailbox first")
        return await _here(client, command)
    if asks_numbers(command.key):
        raise Refused("sequence numbers mean nothing in several mailboxes", bad=True)
    if not ONE_ONLY.isdisjoint(command.returns.options):
        raise Refused("this is possible in the selected mailbox only", bad=True)
    key = await resolved(client, command.key)
    wanted = criterion(key, Scene(client.milliseconds(), None))
    if asks_modseq(key):
        client.enable_condstore()
    store = client.services.store
    listed = await store.read(places.listing, client.account_id)
    subscribed: set[str] = set()
    if Scope.SUBSCRIBED in scopes:
        subscribed = set(await store.read(mailboxes.subscriptions, client.account_id))
    for place in _chosen(client, command.sources, listed, subscribed):
        uids = await store.read(emails.uids_of, place.account_id, place.mailbox.id)
        here = Source(place.account_id, place.mailbox.id, array("I", uids))
        progress = Progress(client, command.tag, len(uids))
        found = await client.services.finder.find(here, wanted, progress.tell)
        if found.uids:
            answer = Answer(command.tag, True, (place.path, place.mailbox.uidvalidity))
            await fill(
                answer, Outcome(found.uids, found.scores, False), found.uids, command.returns
            )
            client.connection.write(results.esearch(answer, utf8=client.utf8))
        await client.connection.drain()
    return Done("ESEARCH completed")


async def _here(client: Client, command: MultiSearch) -> Done:
    """As UID SEARCH, but that the answer names the mailbox."""
    returns = command.returns
    same = Search(command.tag, True, command.key, returns)
    try:
        wanted, found = await find(client, command.tag, command.key)
        outcome = Outcome(found.uids, found.scores, asks_modseq(command.key))
    except BaseException:
        unsave(client, returns)
        raise
    view = client.selected
    named = (view.name, view.uidvalidity) if found.uids else None
    if named is not None:
        await tell(client, same, b"SEARCH", outcome, returns, named)
    elif Option.SAVE in returns.options:
        view.saved = ()
    if Option.UPDATE in returns.options:
        context.begin(client, command.tag, True, wanted, found.uids)
    return Done("ESEARCH completed")


def _chosen(
    client: Client, sources: Iterable[Sources], listed: list[Place], subscribed: set[str]
) -> Iterator[Place]:
    """The mailboxes of some sources that may be read, each once, in the order of LIST."""
    view = client.view
    wanted = list(sources)
    for place in listed:
        if READ not in place.rights:
            continue
        is_selected = view is not None and (
            (place.account_id, place.mailbox.id) == (view.account_id, view.mailbox_id)
        )
        is_own = place.account_id == client.account_id
        for source in wanted:
            if _covers(source, place.path) or {
                Scope.SELECTED: is_selected,
                Scope.SELECTED_DELAYED: is_selected,
                Scope.INBOXES: is_own and place.mailbox.id == INBOX_ID,
                Scope.PERSONAL: is_own,
                Scope.SUBSCRIBED: place.path in subscribed,
            }.get(source.scope, False):
                yield place
                break


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
