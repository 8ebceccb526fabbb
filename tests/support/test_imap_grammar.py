from __future__ import annotations

import pytest

from tests.support.imap_grammar import faults


@pytest.mark.parametrize(
    "heard",
    [
        b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n",
        b"+ \r\na NO [COPYUID 1 1:2 3:4] done\r\n",
        b'* LIST (\\HasNoChildren \\Sent) "/" {4}\r\na\r\nb ("OLDNAME" ("x"))\r\n',
        b"* 1 FETCH (UID 1 BODY[1.MIME]<0> {2}\r\n\r\n FLAGS (\\Seen) BINARY[1] ~{1}\r\n\0)\r\n",
        b'* 2 FETCH (BODY ("text" "plain" NIL NIL NIL "7bit" 1 1))\r\n',
        b'* ESEARCH (TAG "a") UID MIN 1 ALL 1:3,9 COUNT 4\r\n',
        b"* STATUS INBOX (MESSAGES 1 UIDNEXT 2)\r\n* SEARCH\r\n* SEARCH 1 2\r\n",
    ],
)
def test_what_is_in_the_grammar_is_found_to_be(heard: bytes) -> None:
    assert faults(heard) == []


@pytest.mark.parametrize(
    "heard",
    [
        b"* OK [PERMANENTFLAGS (\\Seen  x)] x\r\n",
        b"a BYE bye\r\n",
        b"a OK \r\n",
        b"* OK [UIDNEXT 0] x\r\n",
        b'* LIST (\\Noselect \\NonExistent) "/" x\r\n',
        b'* LIST (\\Sent \\Sent) "/" x\r\n',
        b'* LIST () "/" x y\r\n',
        b"* STATUS x (MESSAGES 1 )\r\n",
        b"* 0 FETCH (UID 1)\r\n",
        b"* 1 FETCH (UID 1 )\r\n",
        b"* 1 FETCH (BODY[] {1}\r\n\0)\r\n",
        b"* 1 FETCH (BODY[MIME] NIL)\r\n",
        b'* 1 FETCH (INTERNALDATE "1-Jan-2026 00:00:00 +0000")\r\n',
        b'* 2 FETCH (BODY ("text" "plain" NIL NIL NIL "7bit" 1))\r\n',
        b"* SEARCH 0\r\n",
        b"* NONSENSE\r\n",
    ],
)
def test_what_is_not_in_the_grammar_is_found_out(heard: bytes) -> None:
    assert len(faults(heard)) == 1
