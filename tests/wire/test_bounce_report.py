from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.bounce_report import Returned, read


@pytest.mark.parametrize(
    ("content", "returned"),
    [
        (b"Subject: x\r\n\r\nFinal-Recipient: rfc822; a@b\r\nAction: failed\r\n", Returned.FAILED),
        (b"Subject: x\r\n\r\nAction: delayed\r\n\r\nACTION:  Failed\r\n", Returned.FAILED),
        (b"Subject: x\r\n\r\nAction: delayed\r\nStatus: 4.4.1\r\n", Returned.DELAYED),
        (b"Subject: x\r\n\r\nAction: delivered\r\n", Returned.DELAYED),
        (b"Subject: Undelivered mail\r\n\r\nno such user\r\n", Returned.FAILED),
        (b"Subject: Away\r\nAuto-Submitted: auto-replied\r\n\r\nback soon\r\n", Returned.AUTOMATIC),
        (b"Auto-Submitted: auto-replied\r\nSubject: Delivery failure\r\n\r\n", Returned.FAILED),
    ],
)
def test_what_came_back(content: bytes, returned: Returned) -> None:
    assert read(content) is returned


@given(st.binary(max_size=300))
def test_anything_says_something(content: bytes) -> None:
    assert isinstance(read(content), Returned)
