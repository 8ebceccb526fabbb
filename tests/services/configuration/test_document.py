from __future__ import annotations

import contextlib
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import Fault, SyntaxFault
from merpati.model.administration import Right
from merpati.services.configuration import document
from merpati.services.configuration.document import (
    AccountText,
    Document,
    DomainText,
    ListText,
    RuleText,
    SharedText,
)
from merpati.services.configuration.plan import plan

ANI = AccountText(name="Ani", quota=5, addresses=["a@a.id"])
ONE = Document(
    domains={"a.id": DomainText(second_names=["b.id"])},
    accounts={"ani@a.id": ANI},
    aliases={"info@a.id": ["ani@a.id"]},
    lists={"team@a.id": ListText(members=["ani@a.id"])},
)
MORE = Document(
    shared={"office@a.id": SharedText(name="Office", members=["@a.id lr", "ani@a.id write as"])},
    delegates={"ani@a.id": {"a.id": [Right.LISTS], "b.id": [Right.ACCOUNTS, Right.TRACE]}},
    rules=[RuleText(recipient="*@far.test", reason='wait, "please"')],
)


@pytest.mark.parametrize("language", ["en", "id"])
def test_shared_mailboxes_delegates_and_rules_are_read_back_the_same(language: str) -> None:
    text = document.render(MORE, language)
    again = document.read(text)
    assert again.shared["office@a.id"].members == ["@a.id read", "ani@a.id write as"]
    assert document.render(again, language) == text.replace(" lr", " read")
    assert (again.delegates, again.rules) == (MORE.delegates, MORE.rules)
    assert plan(again, document.read(document.render(again))).steps == []


def test_what_a_person_writes_is_as_the_store_has_it() -> None:
    text = """
        [shared."Office@A.id"]
        members = ["Ani@a.id wrl"]
        [delegate."Ani@a.id"]
        "A.id" = ["lists"]
        [[rule]]
        sender = "Spam@B.id"
        reason = "Spam"
    """
    found = document.read(text)
    assert found.shared["office@a.id"].members == ["ani@a.id lrw"]
    assert found.delegates == {"ani@a.id": {"a.id": [Right.LISTS]}}
    assert found.rules == [RuleText(sender="spam@b.id", reason="Spam")]


def test_a_plan_tells_of_members_rights_and_rules_in_both_languages() -> None:
    wanted = Document(
        shared={"office@a.id": SharedText(members=["ani@a.id read"])},
        delegates={"ani@a.id": {"b.id": [Right.TRACE]}, "budi@a.id": {"a.id": [Right.LISTS]}},
        rules=[
            RuleText(recipient="*@far.test", reason="no"), RuleText(sender="a@b.id", reason="x")
        ],
    )  # fmt: skip
    assert [step.words for step in plan(MORE, wanted).steps] == [
        (
            "change the shared mailbox office@a.id: members +ani@a.id read, -@a.id lr,"
            " -ani@a.id write as"
        ),
        "change the rights of ani@a.id: a.id -lists, b.id -accounts",
        "add the rights of budi@a.id: a.id lists",
        'change the rule of the queue: recipient *@far.test: reason "wait, "please"" -> "no"',
        'add the rule of the queue: sender a@b.id: sender "a@b.id", reason "x"',
    ]
    told = plan(MORE, wanted, language="id")
    assert [step.words.split()[0] for step in told.steps] == [
        "ubah", "ubah", "tambah", "ubah", "tambah",
    ]  # fmt: skip
    assert told.steps[0].words.startswith("ubah kotak surat bersama office@a.id: anggota +ani")
    gone = plan(MORE, Document(), remove=True, language="id")
    assert gone.stays == ["kotak surat bersama office@a.id"]
    assert plan(ONE, Document(), language="id").stays[1] == "akun ani@a.id"


def test_an_account_and_a_shared_mailbox_do_not_become_each_other() -> None:
    person = Document(accounts={"office@a.id": AccountText()})
    for now, wanted in ((MORE, person), (person, MORE)):
        with pytest.raises(Fault, match=r"office@a.id is a .* now"):
            plan(now, wanted)


@pytest.mark.parametrize("language", ["en", "id"])
def test_what_is_written_is_read_back_the_same(language: str) -> None:
    text = document.render(ONE, language)
    assert document.read(text) == ONE
    assert document.render(document.read(text), language) == text
    assert text.startswith("# ")


@given(st.text(max_size=200))
def test_any_text_is_a_document_or_a_fault(text: str) -> None:
    with contextlib.suppress(SyntaxFault):
        document.render(document.read(text))


@given(st.text(max_size=40))
def test_any_name_survives(name: str) -> None:
    one = Document(accounts={"ani@a.id": AccountText(name=name)})
    text = document.render(one)
    assert tomllib.loads(text)["account"]["ani@a.id"]["name"] == name


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[account."ani@a.id"]\nquta = 1', "quta"),
        ('[account."ani@a.id"]\nquota = -1', ">= 0"),
        ("[acount]", "acount"),
        ('[list."t@a.id"]\nposting = "all"', "posting"),
        ("[", "cannot be read"),
        ('[shared."o@a.id"]\nmembers = ["ani@a.id"]', "members"),
        ('[shared."o@a.id"]\nmembers = ["ani@a.id qq"]', "'q' is no right"),
        ('[delegate."o@a.id"]\n"a.id" = ["all"]', "delegate"),
        ('[[rule]]\nreason = "x"', "does not say what it holds"),
    ],
)
def test_what_is_wrong_is_named(text: str, what: str) -> None:
    with pytest.raises(Fault) as caught:
        document.read(text)
    assert what in caught.value.text


def test_a_plan_says_what_changes_in_words() -> None:
    wanted = Document(
        domains=ONE.domains,
        accounts={"ani@a.id": AccountText(name="Ani", quota=9), "budi@a.id": AccountText()},
        aliases={"info@a.id": ["ani@a.id", "budi@a.id"]},
        lists={"team@a.id": ListText()},
    )
    assert [step.words for step in plan(ONE, wanted).steps] == [
        "change the account ani@a.id: quota 5 -> 9",
        'add the account budi@a.id: language "en"',
        "change the alias info@a.id: targets +budi@a.id",
        "change the list team@a.id: members -ani@a.id",
    ]
    assert plan(ONE, ONE).steps == []


def test_nothing_is_removed_by_leaving_it_out() -> None:
    found = plan(ONE, Document())
    assert found.steps == []
    assert found.stays == [
        "the domain a.id", "the account ani@a.id", "the alias info@a.id", "the list team@a.id",
    ]  # fmt: skip


def test_accounts_go_only_when_that_is_said_of_accounts() -> None:
    some = plan(ONE, Document(), remove=True)
    assert [step.kind for step in some.steps] == ["list", "alias", "domain"]
    assert some.stays == ["the account ani@a.id"]
    everything = plan(ONE, Document(), remove=True, remove_accounts=True)
    assert [step.words for step in everything.steps][2] == (
        "erase the account ani@a.id with all its mail"
    )
