from __future__ import annotations

from typing import Any

import pytest

from merpati.wire.jmap import mdn
from merpati.wire.jmap.faults import SetFault
from merpati.wire.mime import tree

HOW = {"actionMode": "manual-action", "sendingMode": "mdn-sent-manually", "type": "displayed"}
MDN = {"forEmailId": "M1", "disposition": HOW}


@pytest.mark.parametrize(
    "wrong",
    [
        {"disposition": {**HOW, "type": "read"}},
        {"disposition": None},
        {"forEmailId": None},
        {"subject": "a\r\nBcc: b"},
        {"extensionFields": {"X Y": "1"}},
        {"extensionFields": {"X": "1\r\nY: 2"}},
        {"mdnGateway": "x"},
        {"unknown": 1},
        {"includeOriginalMessage": "yes"},
    ],
)
def test_what_cannot_be_sent_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(SetFault) as caught:
        mdn.check({**MDN, **wrong})
    assert caught.value.properties == list(wrong)


def test_a_report_is_read_back() -> None:
    given = {
        **MDN, "finalRecipient": "rfc822; a@b", "originalMessageId": "<x@y>", "reportingUA": "m",
        "extensionFields": {"X-A": "1"},
    }  # fmt: skip
    mdn.check({name: value for name, value in given.items() if name != "originalMessageId"})
    message = (
        b"Subject: Read\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nsaid\r\n--b\r\n"
        b"Content-Type: message/disposition-notification\r\n\r\n" + mdn.report(given) + b"\r\n--b--"
    )
    told = mdn.read(message, tree.parse(message))
    assert told is not None
    assert told["disposition"] == HOW
    assert told["originalMessageId"] == "<x@y>"
    assert told["extensionFields"] == {"X-A": "1"}
    assert (told["subject"], told["textBody"]) == ("Read", "said")
    assert told["includeOriginalMessage"] is False


def test_other_messages_are_none() -> None:
    for message in (
        b"Subject: x\r\n\r\nbody",
        b"Content-Type: multipart/report; boundary=b\r\n\r\n",
    ):
        assert mdn.read(message, tree.parse(message)) is None
