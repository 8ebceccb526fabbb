from __future__ import annotations

from pathlib import Path
from typing import Any

from merpati.servers.jmap import smime
from merpati.servers.jmap.call import MAIL
from merpati.services.smime import SmimeSettings
from tests.support.jmap import JmapInstance
from tests.support.smime import Authority, sign

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
