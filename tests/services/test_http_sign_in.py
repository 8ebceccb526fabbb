"""By what a request over HTTP was let in."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from merpati.base.faults import Fault
from merpati.base.metrics import Metrics
from merpati.services.app_passwords import AppPasswords
from merpati.services.http_sign_in import HttpSignIn
from merpati.services.login import Login, LoginSettings
from merpati.services.sessions import Sessions, SignInSettings
from merpati.store import push
from tests.support.server import ANA, PASSWORD, TestInstance


def basic(password: str) -> str:
    return "Basic " + b64encode(f"{ANA}:{password}".encode()).decode()


async def test_every_credential_has_a_name_of_its_own(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as it:
        app_passwords = AppPasswords(it.store, it.clock, it.ids)
        sessions = Sessions(it.store, it.clock, it.ids, SignInSettings(), it.log)
        login = Login(
            it.store, it.clock, it.ids, LoginSettings(), Metrics(), sessions.owner,
            app_passwords=app_passwords,
        )  # fmt: skip
        http = HttpSignIn(login, sessions)
        kept, typed = await app_passwords.make(it.ana.id, "phone", ["jmap"])
        opened = await sessions.open(it.ana.id, "192.0.2.1", "Firefox")
        wanted = {
            basic(PASSWORD): push.password(it.ana.password),
            basic(typed): push.app_password(kept.id),
            basic(typed.replace("-", " ").upper()): push.app_password(kept.id),
            f"Bearer {opened.access}": push.session(opened.session.id),
        }
        for authorization, name in wanted.items():
            account = await http.account(authorization, "192.0.2.1", "jmap")
            assert await http.credential(authorization, account) == name
        good = await it.store.read(push.good, it.ana.id, it.now)
        assert set(wanted.values()) < good
        again = await sessions.refresh(opened.refresh, "192.0.2.1")
        assert await http.credential(f"Bearer {again.access}", it.ana) == push.session(
            opened.session.id
        )
        with pytest.raises(Fault):
            await http.credential(None, it.ana)
        login.close()
