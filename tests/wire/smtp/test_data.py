from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.smtp.data import BareNewlines, DataDecoder, normalise, stuff

END = b"\r\n.\r\n"
TOKENS = st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"\r\n.", b"a", b"bc", END])
STREAMS = st.lists(TOKENS, max_size=14).map(b"".join)


def reference(data: bytes, *, mend: bool) -> tuple[bytes, bytes | None, int | None]:
    """The octets of the message, what follows it (`None`: no end), and the first bare offset."""
    stream = b"\r\n" + data
    end = stream.find(END)
    body = stream[: end + 2] if end >= 0 else stream
    rest = stream[end + 5 :] if end >= 0 else None
    lines: list[bytes] = []
    bare: int | None = None
    line = b""
    at = 0
    while at < len(body):
        if body[at : at + 2] == b"\r\n":
            lines.append(line + b"\r\n")
            line = b""
            at += 2
            continue
        octet = body[at : at + 1]
        if octet in b"\r\n":
            bare = at - 2 if bare is None else bare
            if mend:
                lines.append(line + b"\r\n")
                line = b""
                at += 1
                continue
        line += octet
        at += 1
    lines.append(line)
    unstuffed = lines[:1] + [each.removeprefix(b".") for each in lines[1:]]
    return b"".join(unstuffed)[2:], rest, bare


def decode(
    chunks: list[bytes], policy: BareNewlines = BareNewlines.REFUSE
) -> tuple[DataDecoder, bytes, bytes]:
    """The decoder, what it gave out, and what it left."""
    decoder = DataDecoder(policy)
    out = b""
    for index, chunk in enumerate(chunks):
        pieces = decoder.feed(chunk)
        assert all(pieces)
        out += b"".join(pieces)
        if decoder.done:
            return decoder, out, decoder.rest + b"".join(chunks[index + 1 :])
    return decoder, out, b""


def check(data: bytes, chunks: list[bytes], policy: BareNewlines) -> None:
    """The decoder, fed the chunks, agrees with the reference."""
    decoder, out, rest = decode(chunks, policy)
    body, after, bare = reference(data, mend=policy is BareNewlines.NORMALISE)
    assert decoder.done == (after is not None)
    if after is None:
        return
    assert rest == after
    assert (decoder.offence[0] if decoder.offence else None) == bare
    if bare is None or policy is BareNewlines.NORMALISE:
        assert decoder.fault is None
        assert out == body
        assert decoder.size == len(body)
    else:
        assert decoder.fault is not None


def test_dots_are_removed_and_what_follows_the_end_is_kept() -> None:
    decoder, out, rest = decode([b"Subject: x\r\n\r\n..a\r\n...\r\nb.c\r\n.\r\nQUIT\r\n"])
    assert out == b"Subject: x\r\n\r\n.a\r\n..\r\nb.c\r\n"
    assert rest == b"QUIT\r\n"
    assert decoder.done
    assert decoder.fault is None
    assert decoder.size == len(out)


def test_a_dot_on_the_first_line_ends_an_empty_message() -> None:
    decoder, out, rest = decode([b".\r\nRSET\r\n"])
    assert (decoder.done, out, rest) == (True, b"", b"RSET\r\n")


@pytest.mark.parametrize(
    "fake",
    [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\r", b"\r\n.\n", b"\r.\r\n", b"\n.\r", b"\r\n\0.\r\n"],
)
def test_nothing_but_crlf_dot_crlf_ends_a_message(fake: bytes) -> None:
    data = b"one" + fake + b"MAIL FROM:<a@b>\r\n.\r\nQUIT\r\n"
    for policy in BareNewlines:
        decoder, out, rest = decode([data], policy)
        assert rest == b"QUIT\r\n"
        refused = policy is not BareNewlines.NORMALISE and b"\0" not in fake
        assert (decoder.fault is not None) == refused
        if decoder.fault is None:
            assert b"MAIL FROM:<a@b>\r\n" in out
            assert not out.replace(b"\r\n", b"").count(b"\n")


def test_the_first_lone_line_end_is_named_with_its_offset() -> None:
    decoder, out, _ = decode([b"abc\r\nde", b"f\nghi\r", b"x\r\n.\r\n"])
    assert decoder.offence == (8, b"\n")
    assert decoder.fault is not None
    assert "octet 8 is a LF" in decoder.fault.text
    assert out == b"abc\r\nde"


def test_a_faulty_message_gives_out_nothing_more() -> None:
    decoder = DataDecoder()
    decoder.feed(b"a\nb")
    assert decoder.feed(b"c" * 1000) == []
    assert decoder.feed(END + b"NOOP") == []
    assert decoder.rest == b"NOOP"


def test_every_string_of_up_to_eight_octets_agrees_with_the_reference() -> None:
    for length in range(9):
        for octets in itertools.product(b"\r\n.a", repeat=length):
            data = bytes(octets) + END
            check(data, [data], BareNewlines.REFUSE)


def test_every_string_of_six_octets_fed_one_by_one_agrees_with_the_reference() -> None:
    for policy in BareNewlines:
        for octets in itertools.product(b"\r\n.a", repeat=6):
            data = bytes(octets) + END
            check(data, [data[at : at + 1] for at in range(len(data))], policy)


@given(STREAMS, st.lists(st.integers(0, 30), max_size=6), st.sampled_from(BareNewlines))
def test_any_cut_of_any_stream_agrees_with_the_reference(
    stream: bytes, cuts: list[int], policy: BareNewlines
) -> None:
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[start:end] for start, end in itertools.pairwise(edges)]
    check(stream, chunks, policy)


@given(STREAMS, st.integers(0, 30))
def test_what_is_sent_is_received_as_it_was(message: bytes, cut: int) -> None:
    clean = b"".join(normalise([message[:cut], message[cut:]]))
    sent = b"".join(stuff([clean[:cut], clean[cut:]]))
    decoder, out, rest = decode([sent + b"QUIT\r\n"])
    assert decoder.fault is None
    assert rest == b"QUIT\r\n"
    assert out == (clean if not clean or clean.endswith(b"\r\n") else clean + b"\r\n")


@pytest.mark.parametrize(
    "chunks", [[b"a\n"], [b"a\r", b"b"], [b"a\r"], [b"\n.\r\n"], [b"a\r\n.\r"]]
)
def test_a_lone_line_end_is_never_sent(chunks: list[bytes]) -> None:
    with pytest.raises(SyntaxFault):
        list(stuff(chunks))


def test_normalising_respects_a_crlf_across_a_seam() -> None:
    assert b"".join(normalise([b"a\r", b"\nb\n", b"c\r"])) == b"a\r\nb\r\nc\r\n"


def test_memory_held_between_chunks_is_bounded() -> None:
    decoder = DataDecoder()
    total = sum(len(piece) for _ in range(100) for piece in decoder.feed(b"\r\n.\r\r\n..\n" * 10))
    assert total <= decoder.size
    assert len(decoder._held) <= 4
