from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.model.mailing_list import MailingList, Role, split_role

ROLES = {role.value for role in Role}  # real tokens are longer and made by chance
ONE = MailingList(id=1, domain_id=1, local="sales-eu", domain="example.org")


@pytest.mark.parametrize("separator", ["+", "-", "=", "_"])
@given(
    st.sampled_from([role for role in Role if role is not Role.POST]),
    st.text("0123456789abcdefghjkmnpqrstvwxyz", max_size=16).filter(lambda one: one not in ROLES),
)
def test_the_address_of_a_role_is_read_back(separator: str, role: Role, token: str) -> None:
    local, _, domain = ONE.role_address(role, token, separator).partition("@")
    assert domain == ONE.domain
    assert split_role(local, separator) == (ONE.local, role, token)


@given(st.text(max_size=30), st.sampled_from("+-"))
def test_any_local_part_is_a_role_or_none(local: str, separator: str) -> None:
    found = split_role(local, separator)
    assert found is None or (found[0] and found[1] is not Role.POST)


@pytest.mark.parametrize("local", ["sales", "-owner", "owner", "sales-", "sales-owners", ""])
def test_what_is_no_role(local: str) -> None:
    assert split_role(local, "+") is None
