from __future__ import annotations

import pytest

from merpati.wire.verdict_advice import Cause, sentences


@pytest.mark.parametrize("cause", list(Cause))
def test_each_cause_is_explained_in_both_languages(cause: Cause) -> None:
    english = sentences(cause, "bank.test", "en")
    indonesian = sentences(cause, "bank.test", "id")
    assert english != indonesian
    assert sentences(cause, "bank.test", "fr") == english
    for text in (*english, *indonesian):
        assert text.endswith(".")
        assert "{" not in text


def test_the_domain_is_named() -> None:
    assert "bank.test" in sentences(Cause.DMARC_REJECT, "bank.test", "id")[0]
    assert "?" in sentences(Cause.SPF, "", "en")[0]
