from __future__ import annotations

from pathlib import Path
from typing import Any

from merpati.model import object_ids
from merpati.servers.jmap import smime
from merpati.servers.jmap.call import MAIL
from merpati.servers.jmap.files import Files
from merpati.services.smime import SmimeSettings
from tests.support.jmap import JmapInstance
from tests.support.smime import Authority, openssl, sign

PROPERTIES = list(smime.PROPERTIES)


async def told(jmap: JmapInstance, raw: bytes) -> dict[str, Any]:
    await jmap.deliver(raw)
    found = await jmap.call("Email/get", accountId=jmap.account, ids=None, properties=PROPERTIES)
    last: dict[str, Any] = found["list"][-1]
    return last


async def test_a_signature_is_judged_when_it_is_asked_for(
    jmap: JmapInstance, tmp_path: Path
) -> None:
    folder = tmp_path / "authority"
    folder.mkdir()
    authority = Authority.make(folder)
    raw = sign(authority.issue("ana@example.org"))
    found = await told(jmap, raw)
    assert found["smimeStatus"] == "signed/failed"
    assert "not trusted here" in found["smimeErrors"][0]
    judge = jmap.services.smime
    assert judge is not None
    judge._settings = SmimeSettings(authorities=(str(authority.certificate),))
    judge._store = None
    found = await told(jmap, raw)
    assert (found["smimeStatus"], found["smimeErrors"]) == ("signed/verified", None)
    assert found["smimeStatusAtDelivery"] == "signed/verified"
    assert found["smimeVerifiedAt"].endswith("Z")


async def test_other_mail_has_no_verdict(jmap: JmapInstance) -> None:
    found = await told(jmap, b"Subject: hi\r\n\r\nhello\r\n")
    assert [found[name] for name in PROPERTIES] == [None] * 4


async def test_mail_is_found_by_what_its_signature_is_worth(
    jmap: JmapInstance, tmp_path: Path
) -> None:
    folder = tmp_path / "authority"
    folder.mkdir()
    authority = Authority.make(folder)
    await jmap.deliver(b"Subject: hi\r\n\r\nhello\r\n")
    await jmap.deliver(sign(authority.issue("ana@example.org")))
    plain, signed = sorted((await jmap.call("Email/query", accountId=jmap.account))["ids"])

    async def found(**filter_: Any) -> Any:
        return await jmap.call("Email/query", accountId=jmap.account, filter=filter_)

    assert (await found(hasSmime=True))["ids"] == [signed]
    assert (await found(hasSmime=False))["ids"] == [plain]
    assert (await found(hasVerifiedSmime=True))["ids"] == []
    judge = jmap.services.smime
    assert judge is not None
    judge._settings = SmimeSettings(authorities=(str(authority.certificate),))
    judge._store = None
    now = await found(hasVerifiedSmime=True)
    assert (now["ids"], now["canCalculateChanges"]) == ([signed], False)
    then = await found(hasVerifiedSmimeAtDelivery=True)
    assert (then["ids"], then["canCalculateChanges"]) == ([signed], True)
    assert (await found(hasVerifiedSmimeAtDelivery=False))["ids"] == [plain]


async def test_who_does_not_use_smime_has_neither_its_properties_nor_its_conditions(
    jmap: JmapInstance,
) -> None:
    get = {"accountId": jmap.account, "ids": [], "properties": ["smimeStatus"]}
    query = {"accountId": jmap.account, "filter": {"hasSmime": True}}
    told = await jmap.request(("Email/get", get, "0"), ("Email/query", query, "1"), using=[MAIL])
    assert [one[1]["type"] for one in told] == ["invalidArguments", "unsupportedFilter"]


LETTER = (
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n"
    b"<p>Meet me at <script>alert(1)</script>noon.</p>\r\n"
    b"--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: Inside\r\n\r\nDeep.\r\n"
    b"--x\r\nContent-Type: text/plain; name=a.txt\r\n"
    b"Content-Disposition: attachment; filename=a.txt\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nQUJD\r\n--x--\r\n"
)


async def test_what_is_signed_as_one_block_is_read_like_a_message_within(
    jmap: JmapInstance, tmp_path: Path
) -> None:
    raw = sign(Authority.make(tmp_path).issue("ana@example.org"), "-nodetach", data=LETTER)
    await jmap.deliver(raw)
    body = ["textBody", "attachments", "bodyValues"]

    async def parsed(blob: str) -> Any:
        told = await jmap.call(
            "Email/parse", accountId=jmap.account, blobIds=[blob], properties=[*body, "subject"],
            fetchTextBodyValues=True,
        )  # fmt: skip
        return told["parsed"][blob]

    outer = await jmap.call("Email/get", accountId=jmap.account, ids=None, properties=body)
    [block] = outer["list"][0]["attachments"]
    assert block["type"] == "application/pkcs7-mime"
    inner = await parsed(block["blobId"])
    [shown] = inner["bodyValues"].values()
    assert "noon" in shown["value"]
    message, file = inner["attachments"]
    assert (file["name"], file["size"]) == ("a.txt", 3)
    access = (await jmap.jmap.accounts.named(jmap.ana))[jmap.account][0]
    name = object_ids.read_blob(file["blobId"])
    assert name is not None
    found = await Files(jmap.services).find(access, name)
    assert found is not None
    assert (found.whole(), found.type) == (b"ABC", "text/plain")
    assert await Files(jmap.services).find(access, name._replace(inner=99)) is None
    assert (await parsed(message["blobId"]))["subject"] == "Inside"
    safe = await jmap.call("SafeHtml/get", accountId=jmap.account, blobIds=[block["blobId"]])
    [html] = safe["list"]
    assert "noon" in html["html"]
    assert "script" not in html["html"]


async def test_a_sealed_block_stays_a_file(jmap: JmapInstance, tmp_path: Path) -> None:
    ana = Authority.make(tmp_path).issue("ana@example.org")
    await jmap.deliver(openssl("cms", "-encrypt", "-aes256", ana.certificate, data=LETTER))
    got = await jmap.call("Email/get", accountId=jmap.account, ids=None, properties=["attachments"])
    [block] = got["list"][0]["attachments"]
    told = await jmap.call("Email/parse", accountId=jmap.account, blobIds=[block["blobId"]])
    assert told["notParsable"] == [block["blobId"]]
