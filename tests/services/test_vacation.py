from __future__ import annotations

from typing import Final

import pytest

from merpati.services import vacation
from merpati.wire.mime import headers
from merpati.wire.sieve.actions import Vacation

OWN: Final = frozenset({"ana@example.org", "a.n@example.org"})
AWAY: Final = Vacation("Away.")


def _why(
    header: str = "", *, sender: str = "dora@sender.test", to: str = "ana@example.org",
    action: Vacation = AWAY, suspect: bool = False,
) -> str:  # fmt: skip
    fields = headers.split(f"To: {to}\r\n{header}\r\n".encode())
    return vacation.why_not(action, sender, OWN, fields, suspect=suspect)


def test_a_person_who_wrote_to_the_account_is_answered() -> None:
    assert _why() == ""
    assert _why("Auto-Submitted: no\r\n", to="Team <x@y.test>, Ana <A.N@example.org>") == ""


def test_an_address_of_the_script_counts_as_the_accounts_own() -> None:
    old = "ana@old.test"
    assert _why(to=old) != ""
    assert _why(to=old, action=Vacation("Away.", addresses=("Ana@Old.test",))) == ""
    assert _why(to=old, action=Vacation("Away.", addresses=("Ana <ana@old.test>",))) == ""


def test_mail_that_names_nobody_here_is_not_answered() -> None:
    assert _why(to="undisclosed-recipients:;") == "it is not addressed to the account by name"
    assert _why("Resent-Cc: ana@example.org\r\n", to="x@y.test") == ""


@pytest.mark.parametrize(
    "sender",
    [
        "", "ana@example.org", "MAILER-DAEMON@x.test", "owner-list@x.test", "list-request@x.test",
        "list-bounces@x.test", "noreply@x.test", "bounces+ana=example.org@x.test",
        "SRS0=abcd=ef=x.test=bob@forwarder.test",
    ],
)  # fmt: skip
def test_who_is_no_person_is_not_answered(sender: str) -> None:
    assert _why(sender=sender) != ""


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied (vacation)", "Auto-Submitted: auto-generated; x=y",
        "Precedence: bulk", "Precedence: List", "List-Id: <a.b.c>",
        "List-Unsubscribe: <mailto:x@y>", "X-Auto-Response-Suppress: DR, OOF",
    ],
)  # fmt: skip
def test_machines_lists_and_bulk_mail_are_not_answered(header: str) -> None:
    assert _why(header + "\r\n") != ""


def test_junk_is_not_answered() -> None:
    assert _why(suspect=True) == "it is taken for junk"


def test_answers_that_say_the_same_are_one() -> None:
    one = vacation.once(AWAY, "Dora@sender.test")
    assert one == vacation.once(Vacation("Away.", seconds=5), "dora@sender.test")
    assert one != vacation.once(Vacation("Gone."), "dora@sender.test")
    assert one != vacation.once(AWAY, "eve@sender.test")
    named = (Vacation("A", handle="h"), Vacation("B", handle="h"))
    assert len({vacation.once(each, "x@y.test") for each in named}) == 1


def test_an_answer_is_from_who_was_written_to_or_from_an_own_address_of_the_script() -> None:
    def author(sender: str, recipient: str) -> tuple[str, str]:
        action = Vacation("Away.", sender=sender)
        found = vacation.author(action, OWN, "ana@example.org", "Ana", recipient)
        return found.name, found.address

    assert author("", "a.n@example.org") == ("Ana", "a.n@example.org")
    assert author("", "all@example.org") == ("Ana", "ana@example.org")
    assert author("A <a.n@example.org>", "ana@example.org") == ("A", "a.n@example.org")
    assert author("boss@other.test", "ana@example.org") == ("Ana", "ana@example.org")
