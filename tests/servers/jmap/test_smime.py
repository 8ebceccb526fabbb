from __future__ import annotations

from pathlib import Path
from typing import Any

from merpati.servers.jmap import smime
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
