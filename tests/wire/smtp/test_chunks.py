from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from merpati.wire import newlines
from merpati.wire.smtp.chunks import ChunkDecoder
from merpati.wire.smtp.data import BareNewlines

ODD = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b".", b"\r\n.\r\n"])).map(b"".join)


def read(pieces: list[bytes], policy: BareNewlines) -> tuple[bytes, ChunkDecoder]:
    decoder = ChunkDecoder(policy)
    out = b"".join(decoder.feed(piece) for piece in pieces) + decoder.finish()
    return out, decoder


def test_what_would_end_a_message_by_data_is_plain_here() -> None:
    out, decoder = read([b"a\r\n", b".\r\nb\r\n", b"..c"], BareNewlines.REFUSE)
    assert out == b"a\r\n.\r\nb\r\n..c"
    assert decoder.fault is None
    assert decoder.size == 12


def test_a_lone_cr_at_the_end_of_the_message_is_found() -> None:
    _, decoder = read([b"ab\r"], BareNewlines.REFUSE)
    assert "octet 2 is a CR" in decoder.fault.text if decoder.fault else False


@given(st.lists(ODD))
def test_cuts_make_no_difference(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    for policy in BareNewlines:
        out, decoder = read(pieces, policy)
        assert decoder.size == len(whole)
        end = (b"\r\n" + whole).find(b"\r\n\r\n") + 2
        lines = {
            BareNewlines.REFUSE: whole,
            BareNewlines.NORMALISE: b"",
            BareNewlines.KEEP: whole[:end] if end >= 2 else whole,
        }[policy]
        assert (decoder.fault is not None) == newlines.has_bare(lines)
        if decoder.fault is None:
            kept = policy is BareNewlines.KEEP
            assert out == (whole if kept else newlines.normalise(whole))
