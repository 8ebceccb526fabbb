"""Blob/copy (RFC 8620 6.3), Blob/upload, /get and /lookup (RFC 9404)."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest

from merpati.servers.jmap.call import JmapSettings
from tests.support.jmap import JmapInstance


async def upload(jmap: JmapInstance, **blobs: Any) -> Any:
    return await jmap.call("Blob/upload", accountId=jmap.account, create=blobs)


async def get(jmap: JmapInstance, *ids: str, **more: Any) -> Any:
    return await jmap.call("Blob/get", accountId=jmap.account, ids=list(ids), **more)


async def test_a_blob_is_put_together_from_its_sources(jmap: JmapInstance) -> None:
    first = await upload(jmap, a={"data": [{"data:asText": "0123456789"}]})
    id_ = first["created"]["a"]["id"]
    told = await upload(
        jmap,
        b={
            "type": "image/png",
            "data": [
                {"data:asText": "ä"},
                {"data:asBase64": "AAEC"},
                {"blobId": id_, "offset": 2, "length": 3},
                {"blobId": id_, "offset": 8},
                {"data:asText": ""},
            ],
        },
    )
    made = told["created"]["b"]
    assert (made["type"], made["size"], told["notCreated"]) == ("image/png", 10, None)
    [one] = (await get(jmap, made["id"], properties=["data:asBase64", "size"]))["list"]
    expected = "ä".encode() + b"\0\1\2" + b"234" + b"89"
    assert one == {"id": made["id"], "data:asBase64": b64encode(expected).decode(), "size": 10}


@pytest.mark.parametrize(
    ("data", "type_"),
    [
        ([{"data:asText": "x", "data:asBase64": "eA=="}], "invalidProperties"),
        ([{"data:asBase64": "!"}], "invalidProperties"),
        ([{"data:asText": 1}], "invalidProperties"),
        ([{}], "invalidProperties"),
        ("x", "invalidProperties"),
        ([{"blobId": "U99"}], "blobNotFound"),
        ([{"data:asText": "x"}] * 65, "tooLarge"),
    ],
)
async def test_sources_that_are_none_are_refused(jmap: JmapInstance, data: Any, type_: str) -> None:
    told = await upload(jmap, x={"data": data})
    assert told["notCreated"]["x"]["type"] == type_


async def test_a_blob_beyond_the_limit_is_too_large(jmap: JmapInstance) -> None:
    jmap.jmap = jmap.build(JmapSettings(upload_size=10))
    told = await upload(jmap, x={"data": [{"data:asText": "x" * 11}]})
    assert told["notCreated"]["x"]["type"] == "tooLarge"


async def test_what_is_told_of_a_blob(jmap: JmapInstance) -> None:  # RFC 9404 4.2
    made = await upload(
        jmap, t={"data": [{"data:asText": "häl"}]}, b={"data": [{"data:asBase64": "gIA="}]}
    )
    text, binary = (made["created"][name]["id"] for name in "tb")
    told = await get(jmap, text, binary, "U99")
    assert told["notFound"] == ["U99"]
    assert told["list"] == [
        {"id": text, "data:asText": "häl", "size": 4},
        {"id": binary, "isEncodingProblem": True, "data:asBase64": "gIA=", "size": 2},
    ]
    [one] = (await get(jmap, text, offset=2, length=1, properties=["data"]))["list"]
    assert one == {"id": text, "isEncodingProblem": True, "data:asBase64": "pA=="}
    [one] = (await get(jmap, text, offset=3, length=9, properties=["data:asText"]))["list"]
    assert one == {"id": text, "isTruncated": True, "data:asText": "l"}
    [one] = (await get(jmap, binary, properties=["data:asText", "digest:sha-256"]))["list"]
    digest = b64encode(sha256(b"\x80\x80").digest()).decode()
    assert one == {
        "id": binary, "isEncodingProblem": True, "data:asText": None, "digest:sha-256": digest,
    }  # fmt: skip
    assert (await get(jmap, text, properties=["digest:md9"]))["type"] == "invalidArguments"


async def test_where_blobs_are(jmap: JmapInstance) -> None:  # RFC 9404 4.3
    await jmap.deliver(b"Subject: x\r\n\r\nbody\r\n")
    upload_id = (await upload(jmap, x={"data": [{"data:asText": "x"}]}))["created"]["x"]["id"]
    names = ["Mailbox", "Email"]
    told = await jmap.call(
        "Blob/lookup", accountId=jmap.account, typeNames=names,
        ids=["E100000001", upload_id, "E9"],
    )  # fmt: skip
    assert told["notFound"] == ["E9"]
    assert told["list"] == [
        {"id": "E100000001", "matchedIds": {"Mailbox": ["F1"], "Email": ["M100000001"]}},
        {"id": upload_id, "matchedIds": {"Mailbox": [], "Email": []}},
    ]
    told = await jmap.call(
        "Blob/lookup", accountId=jmap.account, typeNames=["Nonsense"], ids=[upload_id]
    )
    assert told["type"] == "unknownDataType"


async def test_blobs_are_copied(jmap: JmapInstance) -> None:  # RFC 8620 6.3
    id_ = (await upload(jmap, x={"data": [{"data:asText": "x"}]}))["created"]["x"]["id"]
    arguments: Any = {"fromAccountId": jmap.account, "accountId": jmap.account}
    told = await jmap.call("Blob/copy", **arguments, blobIds=[id_, "U99"])
    assert told["copied"][id_] != id_
    assert told["notCopied"]["U99"]["type"] == "notFound"
    told = await jmap.call("Blob/copy", **{**arguments, "fromAccountId": "u9"}, blobIds=[id_])
    assert told["type"] == "fromAccountNotFound"
    told = await jmap.call("Blob/copy", **{**arguments, "accountId": "u9"}, blobIds=[id_])
    assert told["type"] == "accountNotFound"


async def test_a_blob_is_used_by_its_creation_id(jmap: JmapInstance) -> None:  # RFC 9404 4.1
    responses = await jmap.request(
        (
            "Blob/upload",
            {
                "accountId": jmap.account,
                "create": {"b": {"data": [{"data:asText": "S: x\r\n\r\n"}]}},
            },
            "0",
        ),
        (
            "Email/import",
            {
                "accountId": jmap.account,
                "emails": {"e": {"blobId": "#b", "mailboxIds": {"F1": True}}},
            },
            "1",
        ),
        ("Email/get", {"accountId": jmap.account, "ids": ["#e"], "properties": ["size"]}, "2"),
    )
    assert responses[2][1]["list"][0]["size"] == 8
