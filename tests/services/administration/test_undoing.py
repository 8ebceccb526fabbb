from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from merpati.model.administration import Actor
from merpati.services.administration import accounts, guarding, undoing
from merpati.services.indonesian import PHRASES
from merpati.store import audit, directory, queue_rules, suppression
from tests.support import dictionaries
from tests.support.api import ADMIN, ApiInstance
from tests.support.server import ANA, BUDI, DOMAIN

TEAM = f"team@{DOMAIN}"
OFFICE = f"office@{DOMAIN}"
SECOND = "second.test"
DAY = 86_400_000

# What is there before the change, the change, by method, path and body.
Asked = tuple[str, str, Any]
LIST: Asked = ("POST", "/lists", {"address": TEAM, "owners": [ANA]})
MEMBERS: Asked = ("POST", f"/lists/{TEAM}/members", {"addresses": [ANA, "far@example.com"]})
SHARED: Asked = ("POST", "/shared", {"address": OFFICE, "name": "Office", "quota": 5})
MEMBER: Asked = ("PUT", f"/shared/{OFFICE}/members/{ANA}", {"rights": "read", "send": "behalf"})
ALIAS: Asked = ("PUT", f"/aliases/info@{DOMAIN}", {"targets": [ANA, BUDI]})
NEW_DOMAIN: Asked = ("POST", "/domains", {"name": SECOND})
RULE: Asked = ("POST", "/queue/rules", {"recipient": "*@far.test", "reason": "test"})
DELEGATE: Asked = ("PUT", f"/delegates/{ANA}/{DOMAIN}", {"rights": ["lists", "trace"]})
STOP: Asked = ("POST", f"/guard/{ANA}/freeze", {})
HOOK: Asked = ("POST", "/webhooks", {"url": "https://far.test/a", "events": ["message.received"]})
CHANGES: dict[str, tuple[list[Asked], Asked]] = {
    "an account": ([], ("POST", "/accounts", {"address": f"evi@{DOMAIN}", "quota": 7})),
    "fields": ([], ("PATCH", f"/accounts/{ANA}", {"name": "A", "quota": 9, "language": "id"})),
    "an empty account erased": (
        [("POST", "/accounts", {"address": f"evi@{DOMAIN}", "quota": 7, "password": "12345678"})],
        ("DELETE", f"/accounts/evi@{DOMAIN}", None),
    ),
    "disabled": ([], ("PATCH", f"/accounts/{ANA}", {"disabled": True})),
    "an administrator": ([], ("PATCH", f"/accounts/{ANA}", {"admin": True})),
    "a domain": ([], NEW_DOMAIN),
    "a domain's limit": ([], ("PATCH", f"/domains/{DOMAIN}", {"quota": 1 << 30})),
    "a domain removed": (
        [NEW_DOMAIN, ("PUT", f"/aliases/info@{SECOND}", {"targets": [ANA]}),
         ("PATCH", f"/domains/{SECOND}", {"quota": 5})],
        ("DELETE", f"/domains/{SECOND}", None),
    ),
    "a second name": ([], ("POST", f"/domains/{DOMAIN}/aliases", {"name": SECOND})),
    "a second name removed": (
        [("POST", f"/domains/{DOMAIN}/aliases", {"name": SECOND})],
        ("DELETE", f"/domains/{DOMAIN}/aliases/{SECOND}", None),
    ),
    "an alias": ([], ALIAS),
    "an alias changed": ([ALIAS], ("PUT", f"/aliases/info@{DOMAIN}", {"targets": [BUDI]})),
    "an alias removed": ([ALIAS], ("DELETE", f"/aliases/info@{DOMAIN}", None)),
    "a list": ([], LIST),
    "a list's rules": (
        [LIST], ("PATCH", f"/lists/{TEAM}", {"posting": "anyone", "moderated": True,
                                             "archive": ANA, "name": "Team"}),
    ),
    "a list removed": ([LIST, MEMBERS], ("DELETE", f"/lists/{TEAM}", None)),
    "members": ([LIST], MEMBERS),
    "members removed": ([LIST, MEMBERS], ("POST", f"/lists/{TEAM}/members/remove", MEMBERS[2])),
    "a shared mailbox": ([], SHARED),
    "a shared mailbox's limit": ([SHARED], ("PATCH", f"/shared/{OFFICE}", {"quotaEmails": 3})),
    "a shared mailbox erased": ([SHARED, MEMBER], ("DELETE", f"/shared/{OFFICE}", None)),
    "a member": ([SHARED], MEMBER),
    "a member's rights": (
        [SHARED, MEMBER], ("PUT", f"/shared/{OFFICE}/members/{ANA}", {"rights": "all"})
    ),
    "a member removed": ([SHARED, MEMBER], ("DELETE", f"/shared/{OFFICE}/members/{ANA}", None)),
    "a delegate": ([], DELEGATE),
    "a delegate's rights": (
        [DELEGATE], ("PUT", f"/delegates/{ANA}/{DOMAIN}", {"rights": ["lists"]})
    ),
    "a rule of the queue": ([], RULE),
    "a rule removed": ([RULE], ("DELETE", "/queue/rules/1", None)),
    "an account stopped": ([], STOP),
    "an account let go": ([STOP], ("POST", f"/guard/{ANA}/release", {"falseAlarm": True})),
    "a webhook switched off": ([HOOK], ("PATCH", "/webhooks/1", {"enabled": False})),
    "an address written to again": ([], ("DELETE", "/queue/suppressed/gone@far.test", None)),
}  # fmt: skip


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[ApiInstance]:
    async with ApiInstance(tmp_path) as one:
        until = one.now + DAY
        await one.store.write(
            suppression.suppress, "gone@far.test", one.now, until, status="5.1.1", reply="no",
            remote="mx",
        )  # fmt: skip
        yield one


async def done(instance: ApiInstance, method: str, path: str, body: Any = None) -> Any:
    answer = await instance.ask(method, path, instance.admin, body)
    assert answer.status < 300, (method, path, answer.json)
    return answer.json if answer.body else None


async def everything(instance: ApiInstance) -> list[Any]:
    """How things stand, as the API tells it; numbers of rules and lists are no part of it."""
    text = (await done(instance, "GET", "/configuration"))["text"]
    stopped = [one["address"] for one in await done(instance, "GET", "/guard")]
    hooks = [(one["url"], one["events"], one["enabled"])
             for one in await done(instance, "GET", "/webhooks")]  # fmt: skip
    rules = [(one.sender, one.recipient, one.reason) for one in await instance.store.read(
        queue_rules.rules)]  # fmt: skip
    gone = [one.address for one in await instance.store.read(suppression.listing, instance.now)]
    shared = await done(instance, "GET", "/shared")
    delegates = await done(instance, "GET", "/delegates")
    domains = await done(instance, "GET", "/domains")
    return [text, shared, delegates, domains, rules, gone, stopped, hooks]


async def last(instance: ApiInstance) -> Any:
    return (await done(instance, "GET", "/audit?limit=1"))[0]


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_is_taken_back_and_that_as_well(instance: ApiInstance, name: str) -> None:
    given, change = CHANGES[name]
    for asked in given:
        await done(instance, *asked)
    before = await everything(instance)
    await done(instance, *change)
    after = await everything(instance)
    assert after != before
    entry = await last(instance)
    assert entry["reversible"]
    assert not (await done(instance, "GET", f"/audit/{entry['id']}"))["whyNot"]
    undone = await done(instance, "POST", f"/audit/{entry['id']}/undo")
    assert await everything(instance) == before
    assert (undone["undoes"], undone["who"]) == (entry["id"], ADMIN)
    assert (await done(instance, "GET", f"/audit/{entry['id']}"))["undoneBy"] == undone["id"]
    again = await done(instance, "POST", f"/audit/{undone['id']}/undo")
    assert await everything(instance) == after
    await done(instance, "POST", f"/audit/{again['id']}/undo")
    assert await everything(instance) == before


async def test_what_has_changed_since_is_not_overwritten(instance: ApiInstance) -> None:
    await done(instance, "PATCH", f"/accounts/{ANA}", {"quota": 5})
    first = await last(instance)
    await done(instance, "PATCH", f"/accounts/{ANA}", {"quota": 6, "name": "A"})
    second = await last(instance)
    answer = await instance.ask("POST", f"/audit/{first['id']}/undo", instance.admin)
    assert answer.status == 409
    said = f"{ANA} has changed since: quota is 6 now, and the change left 5."
    assert answer.json["detail"] == said
    told = await done(instance, "GET", f"/audit/{first['id']}?language=id")
    assert told["whyNot"].startswith(f"{ANA} telah berubah sejak itu: quota kini 6")
    assert (await last(instance))["id"] == second["id"]
    await done(instance, "POST", f"/audit/{second['id']}/undo")
    await done(instance, "POST", f"/audit/{first['id']}/undo")
    assert (await done(instance, "GET", f"/accounts/{ANA}"))["quota"] == 0


async def test_a_webhook_that_was_made_goes_again(instance: ApiInstance) -> None:
    before = await everything(instance)
    await done(instance, *HOOK)
    await done(instance, "POST", f"/audit/{(await last(instance))['id']}/undo")
    assert await everything(instance) == before


async def test_a_webhook_does_not_go_back_to_a_host_whose_secret_is_gone(
    instance: ApiInstance,
) -> None:
    await done(instance, *HOOK)
    await done(instance, "PATCH", "/webhooks/1", {"url": "https://near.test/a"})
    entry = await last(instance)
    answer = await instance.ask("POST", f"/audit/{entry['id']}/undo", instance.admin)
    assert answer.status == 409


async def test_limits_of_the_guard_and_files_handed_out_go_back(instance: ApiInstance) -> None:
    actor = Actor("root")
    write = instance.store.write
    await write(guarding.limit, actor, 1, DOMAIN, {"messages_per_day": 7})
    await write(guarding.limit, actor, 2, ANA, {"messages_per_hour": 5})
    await write(guarding.limit, actor, 3, ANA, {"messages_per_hour": 6, "messages_per_day": 9})
    await write(accounts.hand_out, actor, 4, ANA, "/srv/files")
    entries = await instance.store.read(audit.listing, limit=4)
    assert [one.action for one in entries] == ["account.info", *["guard.limits"] * 3]
    for one in entries[:2]:
        await done(instance, "POST", f"/audit/{one.id}/undo")
    assert await instance.store.read(guarding.limits, ANA) == {"messages_per_hour": 5}
    assert await instance.store.read(accounts.handed_out, ANA) == {"folder": ""}
    await done(instance, "POST", f"/audit/{entries[3].id}/undo")
    assert await instance.store.read(guarding.limits, DOMAIN) == {}


async def test_a_new_main_address_is_taken_back_and_mail_to_it_still_arrives(
    instance: ApiInstance,
) -> None:
    await done(instance, "PATCH", f"/accounts/{ANA}", {"address": f"anna@{DOMAIN}"})
    await done(instance, "POST", f"/audit/{(await last(instance))['id']}/undo")
    found = await done(instance, "GET", f"/accounts/{ANA}")
    assert (found["address"], found["addresses"]) == (ANA, [ANA, f"anna@{DOMAIN}"])


async def test_an_account_with_mail_is_not_erased_by_taking_it_back(instance: ApiInstance) -> None:
    await done(instance, "POST", "/accounts", {"address": f"evi@{DOMAIN}"})
    entry = await last(instance)
    evi = await instance.store.read(directory.account, f"evi@{DOMAIN}")
    await instance.deliver(b"Subject: hello\r\n\r\nhello\r\n", evi)
    answer = await instance.ask("POST", f"/audit/{entry['id']}/undo", instance.admin)
    assert answer.status == 409
    assert answer.json["detail"].startswith(f"evi@{DOMAIN} has 1 emails by now")


async def test_what_is_gone_for_good_says_why(instance: ApiInstance) -> None:
    await done(instance, "POST", f"/accounts/{ANA}/password", {})
    entry = await last(instance)
    assert not entry["reversible"]
    assert entry["whyNot"] == "Passwords are not kept: give the account a new one."
    answer = await instance.ask("POST", f"/audit/{entry['id']}/undo", instance.admin)
    assert (answer.status, answer.json["detail"]) == (409, entry["whyNot"])
    assert await instance.store.read(audit.listing, limit=1) != []


def test_the_reasons_are_there_in_both_languages() -> None:
    texts = {
        undoing.ERASED, undoing.OTHERS, undoing.WAITING, *undoing.NEVER.values(),
        *dictionaries.arguments(Path(undoing.__file__), "Fault", 1),
    }  # fmt: skip
    spoken = {text for text in texts if dictionaries.is_sentence(text)}
    assert {text for text in spoken if not PHRASES.knows(text)} == set()
