from __future__ import annotations

from typing import Any

import pytest

from merpati.servers.jmap.label import LABELS_MAX
from merpati.store import labels
from merpati.store.labels import Label
from tests.support.jmap import JmapInstance

WORK = {"keyword": "Work", "name": "Pekerjaan", "color": "teal"}


async def set_(jmap: JmapInstance, **what: Any) -> Any:
    return await jmap.call("Label/set", accountId=jmap.account, **what)


async def every(jmap: JmapInstance) -> list[Any]:
    told = await jmap.call("Label/get", accountId=jmap.account, ids=None)
    return list(told["list"])


async def test_a_label_is_made_renamed_and_taken_away(jmap: JmapInstance) -> None:
    told = await set_(jmap, create={"a": WORK, "b": {"keyword": "x", "name": "X"}})
    a, b = told["created"]["a"], told["created"]["b"]
    assert (a["keyword"], b["color"]) == ("work", "gray")
    assert (await every(jmap))[0] == {"id": a["id"], **WORK, "keyword": "work"}
    state = told["newState"]
    told = await set_(jmap, update={a["id"]: {"name": " Kantor ", "color": "red"}})
    assert told["updated"] == {a["id"]: None}
    told = await set_(jmap, destroy=[b["id"], "L99"])
    assert (told["destroyed"], told["notDestroyed"]["L99"]["type"]) == ([b["id"]], "notFound")
    assert await every(jmap) == [
        {"id": a["id"], "keyword": "work", "name": "Kantor", "color": "red"}
    ]
    told = await jmap.call("Label/changes", accountId=jmap.account, sinceState=state)
    assert (told["updated"], told["destroyed"]) == ([a["id"]], [b["id"]])


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"keyword": "$seen"}, "keyword"), ({"keyword": "a b"}, "keyword"),
        ({"keyword": ""}, "keyword"), ({"name": " "}, "name"), ({"name": "x" * 101}, "name"),
        ({"name": "a\nb"}, "name"), ({"color": "#ff0000"}, "color"),
    ],
)  # fmt: skip
async def test_nonsense_is_refused(jmap: JmapInstance, wrong: Any, name: str) -> None:
    told = await set_(jmap, create={"a": WORK | wrong})
    assert told["notCreated"]["a"]["properties"] == [name]


async def test_a_keyword_has_one_label_and_keeps_it(jmap: JmapInstance) -> None:
    told = await set_(jmap, create={"a": WORK})
    again = await set_(jmap, create={"b": WORK | {"keyword": "WORK"}})
    assert again["notCreated"]["b"]["properties"] == ["keyword"]
    told = await set_(jmap, update={told["created"]["a"]["id"]: {"keyword": "other"}})
    [refused] = told["notUpdated"].values()
    assert refused["properties"] == ["keyword"]


async def test_there_is_a_limit(jmap: JmapInstance) -> None:
    async def fill(tx: Any) -> None:
        for n in range(LABELS_MAX):
            new = Label(keyword=f"k{n}", name=f"n{n}", color="gray")
            await labels.add(tx, jmap.ana.id, new)

    await jmap.store.write(fill)
    told = await set_(jmap, create={"a": WORK})
    assert told["notCreated"]["a"]["type"] == "overQuota"
