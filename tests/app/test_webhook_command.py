"""`merpati webhook` on an installation without a server."""

from __future__ import annotations

from typing import get_args

from merpati.services.happenings import Happening
from tests.app.conftest import Merpati

URL = "https://shop.test/in"


def test_a_webhook_is_added_shown_changed_and_removed(merpati: Merpati) -> None:
    made = merpati("webhook", "add", URL, "message.bounced", "alert.opened", "--json")
    assert made.status == 0, made.err
    assert made.json["secret"].startswith("whsec_")
    number = str(made.json["webhook"]["id"])
    [listed] = merpati("webhook", "list", "--json").json
    assert listed["events"] == ["alert.opened", "message.bounced"]
    assert "told nothing yet" in merpati("webhook", "list").out
    assert merpati("webhook", "change", number, "--off", "--events", "all").status == 0
    shown = merpati("webhook", "show", number, "--json").json
    assert (shown["webhook"]["enabled"], shown["deliveries"]) == (False, [])
    assert len(shown["webhook"]["events"]) == len(get_args(Happening)) - 1  # all but the trial
    assert merpati("webhook", "test", number).status == 1  # it is off
    assert merpati("webhook", "show", number).out.startswith(f"{URL}: off")
    assert merpati("webhook", "remove", number).status == 0
    assert merpati("webhook", "list", "--json").json == []


def test_what_cannot_be_told_is_refused_with_a_reason(merpati: Merpati) -> None:
    for url in ("http://shop.test/", "https://10.0.0.1/", "shop.test"):
        assert merpati("webhook", "add", url, "all").status == 1
    refused = merpati("webhook", "add", "http://127.0.0.1:8000/", "all")
    assert "loopback = true" in refused.err
    refused = merpati("webhook", "add", URL, "message.lost")
    assert "message.bounced" in refused.err
    assert "merpati webhook list" in merpati("webhook", "show", "99").err
