from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from merpati.servers.imap.batches import cut

UIDS = st.sets(st.integers(1, 10_000), max_size=300).map(sorted)


@given(UIDS, st.integers(1, 50))
def test_batches_leave_no_uid_out_and_none_is_too_large(uids: list[int], size: int) -> None:
    ranges = cut(uids, size)
    held = [[uid for uid in uids if low <= uid <= high] for high, low in ranges]
    assert [uid for each in reversed(held) for uid in each] == uids
    assert all(len(each) == size for each in held[:-1])
    assert all(0 < len(each) <= size for each in held)
    for (_, low), (high, _) in pairwise(ranges):
        assert high == low - 1
    if uids:
        assert ranges[0][0] == uids[-1]
        assert ranges[-1][1] == 1


@given(UIDS, st.integers(1, 50), st.integers(1, 20), st.integers(0, 20))
def test_some_batches_are_those_of_all(uids: list[int], size: int, first: int, more: int) -> None:
    assert cut(uids, size, (first, first + more)) == cut(uids, size)[first - 1 : first + more]
