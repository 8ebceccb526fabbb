from __future__ import annotations

from typing import Any

import pytest

from merpati.servers.jmap.call import CORE, MAIL, JmapSettings
from merpati.servers.jmap.http import Jmap
from tests.support.http import Site
from tests.support.jmap import JmapInstance
from tests.support.server import ANA, BUDI

RAW = b"""Subject: two parts\r
Content-Type: multipart/mixed; boundary=b\r
\r
--b\r
\r
hello\r
--b\r
Content-Type: application/octet-stream\r
Content-Transfer-Encoding: base64\r
\r
AAECAw==\r
--b--\r
"""


@pytest.fixture
async def site(jmap: JmapInstance) -> Site:
    return Site(jmap, jmap.jmap.routes())


def small(jmap: JmapInstance, **limits: int) -> Site:
    """With other limits."""
    other: Jmap = jmap.build(JmapSettings(**limits))
    return Site(jmap, other.routes())


@pytest.mark.parametrize("path", ["/.well-known/jmap", "/jmap/session"])
async def test_the_session_object_tells_what_there_is(
    jmap: JmapInstance, site: Site, path: str
) -> None:
    answer = await site.get(path, user=ANA)
    assert answer.status == 200
    told = answer.json
    assert told["username"] == ANA
    assert told["primaryAccounts"][MAIL] == jmap.account
    assert told["accounts"][jmap.account]["isPersonal"] is True
    assert told["capabilities"][CORE]["maxCallsInRequest"] == 64
    assert told["apiUrl"].startswith(f"http://127.0.0.1:{site.port}/")
    for name in ("{accountId}", "{blobId}", "{name}", "{type}"):
        assert name in told["downloadUrl"]
    assert "no-store" in answer.headers["cache-control"]


async def test_strangers_are_asked_to_sign_in(site: Site) -> None:
    for answer in (
        await site.get("/jmap/session"),
        await site.ask("GET", "/jmap/session", user=ANA, password="wrong"),
        await site.get("/jmap/session", authorization="Basic !!!"),
        await site.ask("POST", "/jmap/api", b"{}", content_type="application/json"),
    ):
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert answer.headers["content-type"] == "application/problem+json"
    answer = await site.get("/jmap/session", authorization="Bearer none")
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")


async def test_a_request_is_answered(jmap: JmapInstance, site: Site) -> None:
    answer = await site.post(
        "/jmap/api", {"using": [CORE], "methodCalls": [["Core/echo", {"a": 1}, "0"]]}, user=ANA
    )
    assert answer.status == 200
    assert answer.json["methodResponses"] == [["Core/echo", {"a": 1}, "0"]]
    assert answer.json["sessionState"] == (await site.get("/jmap/session", user=ANA)).json["state"]


@pytest.mark.parametrize(
    ("body", "kind", "problem"),
    [
        (b"{", "application/json", "notJSON"),
        (b"{}", "text/plain", "notJSON"),
        (b"{}", "application/json; charset=utf-8", "notRequest"),
        (b'{"using": ["x"], "methodCalls": []}', "application/json", "unknownCapability"),
    ],
)
async def test_what_is_no_request_is_a_problem(
    site: Site, body: bytes, kind: str, problem: str
) -> None:
    answer = await site.ask("POST", "/jmap/api", body, user=ANA, content_type=kind)
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["type"] == f"urn:ietf:params:jmap:error:{problem}"


async def test_a_request_that_is_too_large_passes_a_limit(jmap: JmapInstance) -> None:
    site = small(jmap, request_size=100)
    answer = await site.ask(
        "POST", "/jmap/api", b" " * 101, user=ANA, content_type="application/json"
    )
    assert (answer.status, answer.json["limit"]) == (400, "maxSizeRequest")


async def test_what_is_uploaded_can_be_downloaded(jmap: JmapInstance, site: Site) -> None:
    data = bytes(range(256)) * 1000
    answer = await site.ask(
        "POST", f"/jmap/upload/{jmap.account}", data, user=ANA, content_type="image/png"
    )
    assert answer.status == 201
    told = answer.json
    assert (told["size"], told["type"], told["accountId"]) == (len(data), "image/png", jmap.account)
    path = f"/jmap/download/{jmap.account}/{told['blobId']}/a%2Fb%20%C3%A9.png"
    found = await site.get(f"{path}?accept=image/png", user=ANA)
    assert (found.status, found.body) == (200, data)
    assert found.headers["content-type"] == "image/png"
    assert "UTF-8''b%20%C3%A9.png" in found.headers["content-disposition"]
    assert "immutable" in found.headers["cache-control"]
    assert "sandbox" in found.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [
        ("bytes=0-3", 206, (0, 4)), ("bytes=10-", 206, (10, 100)), ("bytes=-5", 206, (95, 100)),
        ("bytes=90-500", 206, (90, 100)), ("bytes=100-", 416, None), ("bytes=5-2", 416, None),
        ("lines=1-2", 200, (0, 100)),
    ],
)  # fmt: skip
async def test_a_part_of_a_file_can_be_asked_for(
    jmap: JmapInstance, site: Site, wanted: str, status: int, part: tuple[int, int] | None
) -> None:
    data = bytes(range(100))
    told = (await site.ask("POST", f"/jmap/upload/{jmap.account}/", data, user=ANA)).json
    answer = await site.get(
        f"/jmap/download/{jmap.account}/{told['blobId']}/x", user=ANA, range=wanted
    )
    assert answer.status == status
    if part is not None:
        assert answer.body == data[slice(*part)]


async def test_an_email_and_its_parts_are_files(jmap: JmapInstance, site: Site) -> None:
    await jmap.deliver(RAW)
    found = await jmap.call(
        "Email/get", accountId=jmap.account, ids=None, properties=["blobId", "attachments"]
    )
    email = found["list"][0]
    base = f"/jmap/download/{jmap.account}"
    assert (await site.get(f"{base}/{email['blobId']}/m.eml", user=ANA)).body == RAW
    part = email["attachments"][0]["blobId"]
    assert (await site.get(f"{base}/{part}/x", user=ANA)).body == b"\0\1\2\3"
    assert (await site.get(f"{base}/{part}9/x", user=ANA)).status == 404


async def test_nobody_reads_the_files_of_others(jmap: JmapInstance, site: Site) -> None:
    told = (await site.ask("POST", f"/jmap/upload/{jmap.account}/", b"secret", user=ANA)).json
    path = f"{told['blobId']}/x"
    assert (await site.get(f"/jmap/download/{jmap.account}/{path}", user=BUDI)).status == 404
    assert (await site.get(f"/jmap/download/u{jmap.budi.id}/{path}", user=BUDI)).status == 404
    assert (await site.ask("POST", f"/jmap/upload/{jmap.account}/", b"x", user=BUDI)).status == 404


async def test_a_file_that_is_too_large_is_refused(jmap: JmapInstance) -> None:
    site = small(jmap, upload_size=1000)
    answer: Any = await site.ask("POST", f"/jmap/upload/{jmap.account}/", b"x" * 1001, user=ANA)
    assert answer.status == 413
