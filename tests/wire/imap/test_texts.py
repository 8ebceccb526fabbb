from __future__ import annotations

import pytest

from merpati.wire.imap.texts import ENGLISH, INDONESIAN, chosen, translated


def test_what_is_in_the_table_is_translated_and_the_rest_stays() -> None:
    assert translated("see you", INDONESIAN) == "sampai jumpa"
    assert translated("see you", ENGLISH) == "see you"
    assert translated("UID FETCH completed", INDONESIAN) == "UID FETCH selesai"
    assert translated("there is no mailbox A/B", INDONESIAN) == "tidak ada kotak surat A/B"
    assert translated("something new", INDONESIAN) == "something new"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (("id",), INDONESIAN),
        (("id-ID",), INDONESIAN),
        (("fr", "en-GB"), ENGLISH),
        (("i-default",), ENGLISH),
        (("default",), ENGLISH),
        (("fr", "de"), None),
        ((), None),
    ],
)
def test_the_first_language_that_is_spoken_here(wanted: tuple[str, ...], found: str) -> None:
    assert chosen(wanted) == found
