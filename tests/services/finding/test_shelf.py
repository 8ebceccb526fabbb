from __future__ import annotations

from merpati.services.finding.shelf import OVERHEAD, Shelf


def test_those_not_asked_for_longest_make_room() -> None:
    shelf: Shelf[str, int] = Shelf(3 * (100 + OVERHEAD))
    for n, key in enumerate("abc"):
        shelf.put(key, n, 100)
    assert shelf.get("a") == 0
    shelf.put("d", 3, 100)
    assert [shelf.get(key) for key in "abcd"] == [0, None, 2, 3]


def test_room_is_counted_in_bytes_and_given_back() -> None:
    shelf: Shelf[str, int] = Shelf(1000 + 2 * OVERHEAD)
    shelf.put("small", 1, 10)
    shelf.put("large", 2, 900)
    shelf.put("large", 3, 900)  # in its own place, which needs no other's
    assert (shelf.get("small"), shelf.get("large")) == (1, 3)
    shelf.drop("large")
    shelf.drop("large")
    shelf.put("next", 4, 900)
    assert (shelf.get("small"), shelf.get("large"), shelf.get("next")) == (1, None, 4)


def test_what_is_larger_than_all_room_is_not_kept() -> None:
    shelf: Shelf[str, int] = Shelf(1000)
    shelf.put("huge", 1, 10_000)
    assert shelf.get("huge") is None
    shelf.put("small", 2, 10)
    assert shelf.get("small") == 2
