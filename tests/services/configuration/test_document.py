from __future__ import annotations

import contextlib
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import Fault, SyntaxFault
from merpati.services.configuration import document
from merpati.services.configuration.document import AccountText, Document, DomainText, ListText
from merpati.services.configuration.plan import plan

ANI = AccountText(name="Ani", quota=5, addresses=["a@a.id"])
ONE = Document(
    domains={"a.id": DomainText(second_names=["b.id"])},
    accounts={"ani@a.id": ANI},
    aliases={"info@a.id": ["ani@a.id"]},
    lists={"team@a.id": ListText(members=["ani@a.id"])},
)


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
