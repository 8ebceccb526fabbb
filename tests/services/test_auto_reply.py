from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from merpati.services.auto_reply import script_of
from merpati.store.sieve import AutoReply
from merpati.wire.sieve import compiler

TEXT = st.text(st.characters(codec="utf-8"), max_size=300)


@given(TEXT, TEXT, TEXT, st.integers(0, 4_000_000_000_000), st.integers(0, 4_000_000_000_000))
def test_any_auto_reply_is_a_script_that_compiles(
    subject: str, text: str, html: str, since: int, until: int
) -> None:
    reply = AutoReply(
        is_enabled=True, from_date=since, to_date=until, subject=subject, text=text, html=html
    )
    assert "vacation" in compiler.compile_script(script_of(reply)).requires
