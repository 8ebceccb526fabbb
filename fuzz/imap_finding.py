"""SEARCH, SORT, THREAD and ESEARCH: options and keys are written so that they read the same."""

from __future__ import annotations

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import finding, results
from merpati.wire.imap.arguments import Arguments

SEEDS: list[bytes] = [
    b" RETURN (MIN MAX COUNT SAVE PARTIAL -1:-100) FUZZY (SUBJECT x YOUNGER 60)",
    b" RETURN (UPDATE CONTEXT RELEVANCY ALL) (REVERSE DISPLAYFROM SUBJECT) UTF-8 NOT ALL",
    b" REFERENCES US-ASCII OR FILTER on EMAILID C1-2",
    b' IN (selected subtree ("a b" c) mailboxes INBOX) RETURN () CHARSET UTF-8 SAVEDON 1-Feb-1994',
    b' "a1" "b2"',
]
DICTIONARY: list[bytes] = [
    *(b"RETURN (", b"PARTIAL 1:2", b"REVERSE ", b"CHARSET ", b"IN (", b"FUZZY ", b"THREADID T0"),
    *(b"subtree-one ", b"mailboxes (", b"OLDER 1", b"SAVEDSINCE ", b"$", b") ", b"ALL"),
]


def target(data: bytes) -> None:
    for read in (finding.read_search, finding.read_sort, finding.read_thread,
                 finding.read_esearch, finding.read_cancel):  # fmt: skip
        arguments = Arguments([data], 0, b"a")
        try:
            command = read(arguments)
        except SyntaxFault:
            continue
        returns = getattr(command, "returns", None)
        if returns is not None:
            again = Arguments([results.render_returns(returns) + b" "], 0, b"a")
            assert results.read_returns(again) == returns
