from __future__ import annotations

from email import message_from_bytes

from hypothesis import given
from hypothesis import strategies as st

from merpati.services.completion import complete
from tests.support.post import Post
from tests.support.server import ANA, BUDI

NOW = 1_800_000_000
BARE = b"Subject: hi\r\n\r\nDate: in the body\r\n"


def completed(content: bytes) -> bytes:
    found = complete(content, ANA, "1@mail.example.org", NOW)
    for start, end in reversed(found.dropped):
        content = content[:start] + content[end:]
    return found.added + content


def test_date_from_and_message_id_are_added_where_they_are_missing() -> None:
    assert completed(BARE) == (
        b"Date: Fri, 15 Jan 2027 08:00:00 +0000\r\nFrom: <ana@example.org>\r\n"
        b"Message-ID: <1@mail.example.org>\r\n" + BARE
    )
    assert completed(b"\r\nno header\r\n").endswith(b"example.org>\r\n\r\nno header\r\n")


def test_a_whole_message_stays_as_it_is() -> None:
    whole = b"FROM: a@b.test\r\ndate : today\r\nMessage-Id:\r\n <1@b.test>\r\n\r\nhi\r\n"
    assert completed(whole) == whole
    assert completed(completed(BARE)) == completed(BARE)


def test_bcc_is_left_out_with_all_its_lines() -> None:
    given = b"Bcc: a@b.test,\r\n\tc@d.test\r\nTo: e@f.test\r\nresent-bcc : x\r\nBccs: 1\r\n"
    left = completed(given + b"\r\nBcc: in the body\r\n")
    assert left.endswith(b">\r\nTo: e@f.test\r\nBccs: 1\r\n\r\nBcc: in the body\r\n")
    assert completed(b"Bcc: a@b.test\r\n folded").endswith(b"example.org>\r\n")


def test_a_message_cannot_go_on_with_a_field_of_ours() -> None:
    left = completed(b" , <budi@example.org>\r\n\tx\r\nSubject: hi\r\n\r\n x\r\n")
    assert left.endswith(b"Message-ID: <1@mail.example.org>\r\nSubject: hi\r\n\r\n x\r\n")
    assert b"budi" not in left


@given(st.lists(st.sampled_from([b"Bcc:", b"From:", b"\r\n", b" ", b"x", b"\n", b":", b"Date"])))
def test_whatever_comes_has_the_three_fields_afterwards(pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    found = complete(content, ANA, "1@mail.example.org", NOW)
    assert list(found.dropped) == sorted(found.dropped)
    if found.added.count(b"\r\n") == 3:
        assert message_from_bytes(found.added).keys() == ["Date", "From", "Message-ID"]


async def test_what_an_account_submits_is_completed_and_what_comes_is_not(post: Post) -> None:
    bare = b"Bcc: dora@else.test\r\n" + BARE
    await post.send(ANA, BUDI, account=post.ana, message=bare)
    await post.send("carl@there.test", ANA, message=bare)
    [sent], [came] = await post.inbox(post.budi), await post.inbox(post.ana)
    assert b"\r\nFrom: <ana@example.org>\r\nMessage-ID: <" in sent
    assert b"\r\nDate: " in sent.partition(b"\r\n\r\n")[0]
    assert b"dora" not in sent
    assert came.endswith(bare)
    assert b"Message-ID" not in came
