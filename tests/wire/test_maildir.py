from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire import maildir
from merpati.wire.imap import names


def test_a_name_of_dovecot_says_flags_and_sizes() -> None:
    found = maildir.parse_name("1700000000.M1P2.host,S=120,W=125:2,FSa")
    assert found.base == "1700000000.M1P2.host,S=120,W=125"
    assert (found.letters, found.size, found.wire_size) == ("FSa", 120, 125)
    assert found.time == 1_700_000_000
    assert not found.is_verbatim


def test_equal_sizes_say_that_nothing_was_changed() -> None:
    assert maildir.parse_name("1.x,S=7,W=7:2,").is_verbatim
    assert not maildir.parse_name("1.x:2,S").is_verbatim


@pytest.mark.parametrize("separator", [":", ";", "!"])
def test_separators_of_file_systems_without_colons_are_known(separator: str) -> None:
    assert maildir.parse_name(f"1.x{separator}2,RS").letters == "RS"


def test_letters_are_keywords_and_back() -> None:
    table = ["work", "$forwarded", "$label1"]
    found = maildir.keywords_of("DFPRSTa", {0: "work"})
    assert found == {
        "$draft", "$flagged", "$forwarded", "$answered", "$seen", "$deleted", "work"
    }  # fmt: skip
    assert sorted(maildir.letters_of(found, table)) == list("DFPRSTa")
    assert maildir.keywords_of("z?", {}) == frozenset()


def test_the_table_of_keywords_is_read_leniently_and_written_as_dovecot_does() -> None:
    assert maildir.parse_keywords(b"0 Work\n1 $Forwarded\nnonsense\n\n2 a(b\n") == {
        0: "work", 1: "$forwarded"
    }  # fmt: skip
    assert maildir.render_keywords(["$forwarded", "work"]) == b"0 $Forwarded\n1 work\n"


@pytest.mark.parametrize(
    ("directory", "path"),
    [
        ("", "INBOX"),
        (".Sent", "Sent"),
        (".Archive.2024", "Archive/2024"),
        (".Entw&APw-rfe", "Entwürfe"),
        (".a&AC4-b", "a.b"),
    ],
)
def test_directories_are_mailboxes_and_back(directory: str, path: str) -> None:
    assert maildir.folder_path(directory) == path
    assert maildir.folder_directory(path) == directory


@pytest.mark.parametrize("directory", ["cur", ".", "..", "..a", ".a..b", ".a."])
def test_other_directories_are_none(directory: str) -> None:
    assert maildir.folder_path(directory) is None


@given(st.text(max_size=80))
def test_any_file_name_is_read(name: str) -> None:
    found = maildir.parse_name(name)
    assert name.startswith(found.base)


@given(st.lists(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1), min_size=1))
def test_any_mailbox_has_a_directory_of_its_own(levels: list[str]) -> None:
    path = names.canonical("/".join(level.replace("/", "-") for level in levels))
    directory = maildir.folder_directory(path)
    assert "/" not in directory
    assert maildir.folder_path(directory) == path
