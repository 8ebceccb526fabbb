from __future__ import annotations

import asyncio

import pytest

from merpati.servers.jmap.call import CORE, MAIL, JmapSettings
from merpati.wire.jmap.faults import RequestFault
from tests.support.jmap import JmapInstance


async def test_echo_says_what_it_hears(jmap: JmapInstance) -> None:
    assert await jmap.request(("Core/echo", {"a": [1, None]}, "x")) == [
        ["Core/echo", {"a": [1, None]}, "x"]
    ]


async def test_a_method_wants_its_capability(jmap: JmapInstance) -> None:
    call = ("Mailbox/get", {"accountId": jmap.account, "ids": None}, "0")
    [[name, told, _]] = await jmap.request(call, using=[CORE])
    assert (name, told["type"]) == ("error", "unknownMethod")
    [[name, _, _]] = await jmap.request(call, using=[CORE, MAIL])
    assert name == "Mailbox/get"


async def test_one_call_that_fails_does_not_stop_the_next(jmap: JmapInstance) -> None:
    answers = await jmap.request(("No/such", {}, "0"), ("Core/echo", {}, "1"))
    assert [answer[0] for answer in answers] == ["error", "Core/echo"]


async def test_an_unknown_account_is_told(jmap: JmapInstance) -> None:
    told = await jmap.call("Mailbox/get", accountId="u99", ids=None)
    assert told == {"method": "error", "type": "accountNotFound"}


async def test_created_ids_are_told_when_asked_for(jmap: JmapInstance) -> None:
    create = ("Mailbox/set", {"accountId": jmap.account, "create": {"k": {"name": "New"}}}, "0")
    [[_, told, _], [_, got, _]] = await jmap.request(
        create, ("Mailbox/get", {"accountId": jmap.account, "ids": ["#k"]}, "1"), createdIds={}
    )
    made = told["created"]["k"]["id"]
    assert jmap.last["createdIds"] == {"k": made}
    assert got["list"][0]["name"] == "New"
    again = await jmap.request(
        ("Mailbox/get", {"accountId": jmap.account, "ids": ["#k"]}, "0"), createdIds={"k": made}
    )
    assert again[0][1]["list"][0]["id"] == made


async def test_references_reach_back_over_several_calls(jmap: JmapInstance) -> None:
    await jmap.deliver(b"Subject: hi\r\nMessage-ID: <1@x>\r\n\r\nhello\r\n")
    state = (await jmap.call("Mailbox/get", accountId=jmap.account, ids=[]))["state"]
    await jmap.deliver(b"Subject: hi\r\nIn-Reply-To: <1@x>\r\n\r\nhello\r\n")
    answers = await jmap.request(
        ("Email/changes", {"accountId": jmap.account, "sinceState": state}, "a"),
        (
            "Email/get",
            {
                "accountId": jmap.account,
                "properties": ["threadId"],
                "#ids": {"resultOf": "a", "name": "Email/changes", "path": "/created"},
            },
            "b",
        ),
        (
            "Thread/get",
            {
                "accountId": jmap.account,
                "#ids": {"resultOf": "b", "name": "Email/get", "path": "/list/*/threadId"},
            },
            "c",
        ),
    )
    assert len(answers[2][1]["list"][0]["emailIds"]) == 2


async def test_a_user_has_so_many_requests_at_once(jmap: JmapInstance) -> None:
    jmap.jmap = jmap.build(JmapSettings(requests=2))
    slow = [jmap.request(("Mailbox/query", {"accountId": jmap.account}, "0")) for _ in range(5)]
    ends = await asyncio.gather(*slow, return_exceptions=True)
    refused = [end for end in ends if isinstance(end, RequestFault)]
    assert all(one.limit == "maxConcurrentRequests" for one in refused)
    assert await jmap.request(("Core/echo", {}, "0"))


@pytest.mark.parametrize("count", [1, 64])
async def test_calls_up_to_the_limit_are_answered(jmap: JmapInstance, count: int) -> None:
    assert len(await jmap.request(*[("Core/echo", {}, str(n)) for n in range(count)])) == count
