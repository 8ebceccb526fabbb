"""What the API does, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from merpati.servers.api.operations import OPERATIONS
from merpati.services.administration.dashboard import Sampling
from merpati.store import events, queue
from tests.support.api import CITRA, ApiInstance
from tests.support.server import ANA, BUDI


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[ApiInstance]:
    async with ApiInstance(tmp_path) as one:
        yield one


async def done(instance: ApiInstance, method: str, path: str, body: Any = None) -> Any:
    """By the administrator, and it works."""
    answer = await instance.ask(method, path, instance.admin, body)
    assert answer.status < 300, answer.body
    return answer.json if answer.body else None


async def test_the_document_describes_every_operation(instance: ApiInstance) -> None:
    answer = await instance.site.get("/api/v1/openapi.json")
    assert answer.json["openapi"] == "3.1.0"
    described = {
        one["operationId"]: one for methods in answer.json["paths"].values()
        for one in methods.values()
    }  # fmt: skip
    assert set(described) == {one.name for one in OPERATIONS}
    assert len(described) == len(OPERATIONS)  # no two share a path and a method
    named = set(answer.json["components"]["schemas"])
    assert {"NewAccount", "Problem", "Road"} <= named
    body = described["addAccount"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/NewAccount"}


async def test_an_account_lives_and_the_audit_tells_it(instance: ApiInstance) -> None:
    made = await done(instance, "POST", "/accounts", {"address": "evi@example.org", "name": "Evi"})
    assert len(made["password"]) == 23
    changed = await done(
        instance, "PATCH", "/accounts/evi@example.org",
        {"name": "Evi Tamala", "quota": 10**9, "address": "tamala@example.org"},
    )  # fmt: skip
    assert (changed["address"], changed["quota"]) == ("tamala@example.org", 10**9)
    shown = await done(instance, "GET", "/accounts/evi@example.org")
    assert shown["addresses"] == ["tamala@example.org", "evi@example.org"]
    given = await done(instance, "POST", "/accounts/evi@example.org/password", {})
    assert given["password"] != made["password"]
    await done(instance, "DELETE", "/accounts/tamala@example.org")
    answer = await instance.ask("GET", "/accounts/evi@example.org", instance.admin)
    assert answer.status == 404
    assert answer.json["code"] == "not-found"
    changes = await done(instance, "GET", "/audit?search=e*")
    told = [(one["action"], one["subject"], one["who"]) for one in changes]
    assert told[::-1] == [
        ("account.add", "evi@example.org", "admin@example.org"),
        ("account.change", "evi@example.org", "admin@example.org"),
        ("account.password", "tamala@example.org", "admin@example.org"),
        ("account.remove", "tamala@example.org", "admin@example.org"),
    ]
    assert changes[2]["before"] == {"address": "evi@example.org", "name": "Evi", "quota": 0}
    assert given["password"] not in str(changes)


async def test_accounts_come_in_pages(instance: ApiInstance) -> None:
    seen: list[str] = []
    after = ""
    while True:
        page = await done(instance, "GET", f"/accounts?limit=2&after={after}")
        assert page["total"] == 5
        if not page["accounts"]:
            break
        seen += [one["address"] for one in page["accounts"]]
        after = seen[-1]
    assert seen == sorted(seen, key=lambda one: one.split("@")[::-1])
    assert len(seen) == 5
    found = await done(instance, "GET", "/accounts?search=CIT")
    assert [one["address"] for one in found["accounts"]] == [CITRA]


async def test_the_last_administrator_stays_one(instance: ApiInstance) -> None:
    path = "/accounts/admin@example.org"
    for body in ({"admin": False}, {"disabled": True}):
        answer = await instance.ask("PATCH", path, instance.admin, body)
        assert answer.status == 403
        assert "last administrator" in answer.json["detail"]


async def test_a_table_makes_accounts_and_says_what_is_wrong(instance: ApiInstance) -> None:
    csv = (
        "E-Mail;Nama;Kuota;Bahasa\nevi@example.org;Evi;2GB;id\n"
        "evi@nowhere.test;X;;\nana@example.org;Again;;\nfitri@example.org;F;lots;\n"
    )
    dry = await done(instance, "POST", "/accounts/import", {"csv": csv, "dryRun": True})
    real = await done(instance, "POST", "/accounts/import", {"csv": csv})
    for told in (dry, real):
        assert told["made"] == 1
        assert [bool(row["problem"]) for row in told["rows"]] == [False, True, True, True]
    assert dry["rows"][0]["password"] == ""
    assert real["rows"][0]["password"]
    shown = await done(instance, "GET", "/accounts/evi@example.org")
    assert (shown["quota"], shown["language"], shown["name"]) == (2 << 30, "id", "Evi")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"address": "x@example.org", "colour": "red"}, "colour"),
        ({"address": "x@example.org", "quota": -1}, "quota"),
        ({}, "address"),
        ([], "object"),
    ],
)
async def test_a_wrong_body_is_refused_with_the_reason(
    instance: ApiInstance, body: Any, word: str
) -> None:
    answer = await instance.ask("POST", "/accounts", instance.admin, body)
    assert (answer.status, answer.json["code"]) == (400, "syntax")
    assert word in answer.json["detail"]


async def test_domains_aliases_lists_and_shared_mailboxes(instance: ApiInstance) -> None:
    await done(instance, "POST", "/domains", {"name": "new.test"})
    home = await done(instance, "POST", "/domains/new.test/aliases", {"name": "neu.test"})
    assert home["aliases"] == ["neu.test"]
    await done(instance, "DELETE", "/domains/new.test/aliases/neu.test")
    home = await done(instance, "PATCH", "/domains/new.test", {"quota": 5})
    assert home["quota"] == 5
    marked = await done(instance, "GET", "/domains/new.test/records")
    assert marked["records"][0]["mark"] == "missing"
    assert marked["records"][0]["purpose"] == "mail for the domain comes here"
    marked = await done(instance, "GET", "/domains/new.test/records?language=id")
    assert marked["records"][0]["purpose"] == "surat untuk domain ini datang ke sini"
    await done(instance, "DELETE", "/domains/new.test")
    await done(instance, "PUT", "/aliases/info@example.org", {"targets": [ANA, BUDI]})
    await done(instance, "PUT", "/aliases/info@example.org", {"targets": [BUDI]})
    assert await done(instance, "GET", "/aliases") == [
        {"address": "info@example.org", "targets": [BUDI]}
    ]
    await done(instance, "DELETE", "/aliases/info@example.org")
    new = {"address": "team@example.org", "owners": [ANA], "posting": "anyone"}
    assert (await done(instance, "POST", "/lists", new))["posting"] == "anyone"
    people = {"addresses": [BUDI, "x@far.test"]}
    assert await done(instance, "POST", "/lists/team@example.org/members", people) == {"changed": 2}
    path = "/lists/team@example.org/members/remove"
    assert await done(instance, "POST", path, {"addresses": [BUDI]}) == {"changed": 1}
    shown = await done(instance, "PATCH", "/lists/team@example.org", {"moderated": True})
    assert [one["address"] for one in shown["people"] if one["member"]] == ["x@far.test"]
    await done(instance, "DELETE", "/lists/team@example.org")
    await done(instance, "POST", "/shared", {"address": "sales@example.org"})
    path = f"/shared/sales@example.org/members/{BUDI}"
    box = await done(instance, "PUT", path, {"rights": "read", "send": "as"})
    assert box["members"] == [{"member": BUDI, "rights": "read", "send": "as"}]
    await done(instance, "DELETE", path)
    await done(instance, "DELETE", "/shared/sales@example.org")
    assert await done(instance, "GET", "/shared") == []


async def test_a_program_sends_and_follows_its_message(instance: ApiInstance) -> None:
    made = await instance.ask("POST", "/tokens", instance.ana, {"name": "shop", "use": "send"})
    token = made.json["secret"]
    wanted = {
        "to": [BUDI, "x@far.test"], "subject": "Pesanan é", "text": "Terima kasih",
        "attachments": [{"name": "a.txt", "type": "text/plain", "content": "aGk="}],
    }  # fmt: skip
    answer = await instance.ask("POST", "/messages", token, wanted)
    assert answer.status == 202, answer.body
    states = {one["address"]: one["state"] for one in answer.json["recipients"]}
    assert states == {BUDI: "delivered", "x@far.test": "queued"}
    again = await instance.ask("GET", f"/messages/{answer.json['id']}", token)
    assert again.json["recipients"] == answer.json["recipients"]
    assert (await instance.ask("GET", "/accounts", token)).status == 403
    other = await instance.ask("GET", f"/messages/{answer.json['id']}", instance.budi)
    assert other.status == 404
    assert (await instance.store.read(queue.next_due)) is not None
    roads = await done(instance, "GET", "/trace?what=pesanan&language=id")
    assert [road["subject"] for road in roads] == ["Pesanan é"]
    assert any("masuk antrean" in step["text"] for step in roads[0]["steps"])
    [tokens] = [(await instance.ask("GET", "/tokens", instance.ana)).json]
    path = f"/tokens/{tokens[0]['id']}"
    assert (await instance.ask("DELETE", path, instance.budi)).status == 404
    assert (await instance.ask("DELETE", path, instance.ana)).status == 204
    assert (await instance.ask("POST", "/messages", token, wanted)).status == 401


@pytest.mark.parametrize(
    "change",
    [{"from": BUDI}, {"subject": "a\r\nBcc: x@y.test"}, {"to": []},
     {"attachments": [{"name": "a", "type": "text/plain", "content": "!"}]},
     {"to": ["nobody@example.org"]}],
)  # fmt: skip
async def test_what_may_not_be_sent_is_refused(
    instance: ApiInstance, change: dict[str, Any]
) -> None:
    wanted = {"to": [BUDI], "subject": "hi", "text": "x", **change}
    answer = await instance.ask("POST", "/messages", instance.ana, wanted)
    assert answer.status in {400, 403, 404}, answer.body


async def test_nobody_learns_of_blind_copies(instance: ApiInstance) -> None:
    wanted = {"to": [BUDI], "bcc": [CITRA], "subject": "rahasia", "text": "x"}
    sent = await instance.ask("POST", "/messages", instance.ana, wanted)
    seen = await instance.ask("GET", "/me/trace?what=rahasia", instance.budi)
    [road] = seen.json
    assert CITRA not in str(road)
    assert {step["kind"] for step in road["steps"]} >= {"submitted", "delivered"}
    mine = await instance.ask("GET", "/me/trace?what=rahasia", instance.ana)
    assert CITRA in str(mine.json)
    assert (await instance.ask("GET", "/me/trace?what=rahasia", instance.dewi)).json == []
    history = await instance.store.read(events.of_trace, sent.json["id"])
    assert CITRA in str(history)


async def test_the_queue_is_acted_upon(instance: ApiInstance) -> None:
    wanted = {"to": ["x@far.test"], "subject": "s", "text": "x"}
    await instance.ask("POST", "/messages", instance.ana, wanted)
    [waiting] = await done(instance, "GET", "/queue")
    order = {"act": "hold", "ids": [waiting["id"]], "reason": "later"}
    assert (await done(instance, "POST", "/queue/act", order))["recipients"] == 1
    shown = await done(instance, "GET", f"/queue/messages/{waiting['id']}")
    assert shown["recipients"][0]["held"]
    assert shown["recipients"][0]["answer"] == "later"
    everything = await instance.ask("POST", "/queue/act", instance.admin, {"act": "delete"})
    assert everything.status == 400
    order = {"act": "delete", "recipient": "*@far.test"}
    assert (await done(instance, "POST", "/queue/act", order))["recipients"] == 1
    assert await done(instance, "GET", "/queue") == []
    rule = await done(instance, "POST", "/queue/rules", {"sender": "*@spam.test", "reason": "spam"})
    assert [one["id"] for one in await done(instance, "GET", "/queue/rules")] == [rule["id"]]
    await done(instance, "DELETE", f"/queue/rules/{rule['id']}")
    actions = [one["action"] for one in await done(instance, "GET", "/audit?search=queue")]
    assert actions[::-1] == ["queue.hold", "queue.delete", "queue.rule.add", "queue.rule.remove"]


async def test_somebody_is_stopped_and_let_go(instance: ApiInstance) -> None:
    await done(instance, "POST", f"/guard/{BUDI}/freeze", {"reason": "laptop was stolen"})
    [frozen] = await done(instance, "GET", "/guard?language=id")
    assert frozen["seen"] == ["Administrator menghentikannya: laptop was stolen"]
    [frozen] = await done(instance, "GET", "/guard")
    assert frozen["address"] == BUDI
    assert "laptop was stolen" in frozen["seen"][0]
    told = await done(instance, "POST", f"/guard/{BUDI}/release", {})
    assert told["released"]
    assert told["password"]
    assert await done(instance, "GET", "/guard") == []


async def test_the_dashboard_counts(instance: ApiInstance) -> None:
    sampling = Sampling("w1", instance.store, instance.metrics, instance.clock)
    await instance.ask("POST", "/messages", instance.ana, {"to": [BUDI], "text": "x"})
    await sampling.look()
    await sampling.look()
    told = await done(instance, "GET", "/dashboard?hours=24")
    assert sum(one["value"] for one in told["series"]["mail.submitted"]) == 1
    assert told["now"]["accounts"] == 5
    assert told["series"]["storage"][-1]["value"] == told["now"]["storage"] > 0


async def test_reports_are_told_of_domains_that_are_served(instance: ApiInstance) -> None:
    for kind in ("dmarc", "tls"):
        told = await done(instance, "GET", f"/reports/example.org/{kind}?language=id")
        assert told["domain"] == "example.org"
        answer = await instance.ask("GET", f"/reports/nowhere.test/{kind}", instance.admin)
        assert answer.status == 404


async def test_who_administers_what_is_told_to_each(instance: ApiInstance) -> None:
    me = (await instance.ask("GET", "/me", instance.citra)).json
    assert me["domains"] == {"example.org": ["accounts", "lists", "reports", "trace"]}
    assert (await instance.ask("GET", "/me", instance.ana)).json["domains"] == {}
    path = f"/delegates/{CITRA}/example.org"
    await done(instance, "PUT", path, {"rights": ["trace"]})
    assert (await instance.ask("GET", "/accounts", instance.citra)).status == 403
    await done(instance, "PUT", path, {"rights": []})
    assert await done(instance, "GET", "/delegates") == []


async def test_findings_come_in_the_language_asked_for(instance: ApiInstance) -> None:
    [_, english] = await done(instance, "GET", "/doctor?domain=example.org")
    assert english["what"] == "No mail can arrive."
    [_, found] = await done(instance, "GET", "/doctor?domain=example.org&language=id")
    assert found["what"] == "Tidak ada surat yang dapat masuk."
    assert found["why"] == "Surat itu tidak sampai ke sini."
    assert found["do"] == "Hapus semuanya kecuali satu."
