"""SieveScript (RFC 9661)."""

from __future__ import annotations

from typing import Any

from merpati.store import sieve
from tests.support.jmap import JmapInstance


async def upload(jmap: JmapInstance, text: str) -> str:
    told = await jmap.call(
        "Blob/upload", accountId=jmap.account, create={"x": {"data": [{"data:asText": text}]}}
    )
    id_: str = told["created"]["x"]["id"]
    return id_


async def set_(jmap: JmapInstance, **more: Any) -> Any:
    return await jmap.call("SieveScript/set", accountId=jmap.account, **more)


async def test_a_script_is_made_activated_and_read(jmap: JmapInstance) -> None:
    blob = await upload(jmap, "keep;\r\n")
    state = (await jmap.call("SieveScript/get", accountId=jmap.account, ids=None))["state"]
    told = await set_(
        jmap, create={"x": {"name": "one", "blobId": blob}}, onSuccessActivateScript="#x"
    )
    made = told["created"]["x"]
    assert made["isActive"] is True
    runs = await jmap.store.read(sieve.runs, jmap.ana.id)
    assert runs is not None
    assert (runs.name, runs.source) == ("one", b"keep;\r\n")
    told = await jmap.call("Blob/get", accountId=jmap.account, ids=[made["blobId"]])
    assert told["list"][0]["data:asText"] == "keep;\r\n"
    told = await jmap.call("SieveScript/changes", accountId=jmap.account, sinceState=state)
    assert told["created"] == [made["id"]]


async def test_what_is_wrong_with_a_script_is_told(jmap: JmapInstance) -> None:
    good, bad = await upload(jmap, "keep;"), await upload(jmap, "nonsense")
    await set_(jmap, create={"x": {"name": "one", "blobId": good}})
    told = await set_(
        jmap,
        create={
            "bad": {"blobId": bad},
            "none": {"blobId": "U99"},
            "twice": {"name": "one", "blobId": good},
            "long": {"name": "x" * 513, "blobId": good},
            "active": {"blobId": good, "isActive": True},
        },
    )
    assert {key: one["type"] for key, one in told["notCreated"].items()} == {
        "bad": "invalidSieve", "none": "blobNotFound", "twice": "alreadyExists",
        "long": "invalidProperties", "active": "invalidProperties",
    }  # fmt: skip
    check = "SieveScript/validate"
    assert (await jmap.call(check, accountId=jmap.account, blobId=good))["error"] is None
    error = (await jmap.call(check, accountId=jmap.account, blobId=bad))["error"]
    assert error["type"] == "invalidSieve"


async def test_the_active_script_stays_until_another_is_active(jmap: JmapInstance) -> None:
    blob, other = await upload(jmap, "keep;"), await upload(jmap, "discard;")
    made = (
        await set_(
            jmap, create={"a": {"name": "a", "blobId": blob}, "b": {"name": "b", "blobId": blob}},
            onSuccessActivateScript="#a",
        )
    )["created"]  # fmt: skip
    a, b = made["a"]["id"], made["b"]["id"]
    told = await set_(jmap, destroy=[a])
    assert told["notDestroyed"][a]["type"] == "sieveIsActive"
    told = await set_(jmap, update={b: {"blobId": other, "name": "c"}}, onSuccessActivateScript=b)
    assert told["updated"][a] == {"isActive": False}
    assert told["updated"][b]["isActive"] is True
    assert told["updated"][b]["blobId"] != made["b"]["blobId"]
    told = await set_(jmap, update={"Z99": {}}, onSuccessDeactivateScript=True)
    assert told["notUpdated"]["Z99"]["type"] == "notFound"
    active = await jmap.call("SieveScript/query", accountId=jmap.account, filter={"isActive": True})
    assert active["ids"] == [b], "nothing is deactivated unless all succeeds"
    told = await set_(jmap, destroy=[a], onSuccessDeactivateScript=True)
    assert told["destroyed"] == [a]
    told = await jmap.call("SieveScript/get", accountId=jmap.account, ids=None)
    assert [(one["name"], one["isActive"]) for one in told["list"]] == [("c", False)]
    gone = await jmap.call("Blob/get", accountId=jmap.account, ids=[made["b"]["blobId"]])
    assert gone["notFound"], "another text has another blob id"
