from __future__ import annotations

import pytest

from merpati.model.event import Event, EventKind
from merpati.services.administration import trace_words


@pytest.mark.parametrize("kind", list(EventKind))
def test_every_step_is_told_in_both_languages(kind: EventKind) -> None:
    step = Event("t", 1, kind, "ani@a.test", 0, {})
    english, indonesian = (trace_words.sentence(step, code) for code in ("en", "id"))
    assert english != indonesian
    assert "{" not in english + indonesian


def test_a_failure_says_what_can_be_done() -> None:
    detail = {"status": "5.1.1", "said": "550 5.1.1 no such user"}
    step = Event("t", 1, EventKind.FAILED, "x@far.test", 0, detail)
    assert "typing mistakes" in trace_words.advice(step)
    assert trace_words.facts(step) == {"said": "550 5.1.1 no such user", "status": "5.1.1"}
    sent = Event("t", 1, EventKind.SENT, "x@far.test", 0, detail)
    assert trace_words.advice(sent) == ""


def test_an_automatic_reply_is_no_script() -> None:
    detail = {"did": ["vacation rina@b.test"]}
    step = Event("t", 1, EventKind.FILTERED, "ani@a.test", 0, detail)
    assert trace_words.sentence(step) == "the automatic reply of ani@a.test: vacation rina@b.test"
    assert trace_words.sentence(step, "id").startswith("balasan otomatis ani@a.test: ")
