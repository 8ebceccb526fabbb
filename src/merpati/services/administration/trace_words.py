"""A message's road in words: one sentence for each step, English and Indonesian."""

from __future__ import annotations

from typing import Any, Final

from merpati.model.event import Event, EventKind
from merpati.services.indonesian import say
from merpati.services.outbound import SUPPRESSED
from merpati.wire import dsn_advice

# For each step the English and the Indonesian sentence.
SENTENCES: Final[dict[EventKind, tuple[str, str]]] = {
    EventKind.RECEIVED: (
        "taken over from {peer}, who said to be {helo}; its sender is {about}",
        "diterima dari {peer}, yang mengaku sebagai {helo}; pengirimnya {about}",
    ),
    EventKind.SUBMITTED: ("submitted by {account}", "dikirimkan oleh {account}"),
    EventKind.NAMED: ("its Message-ID is {about}", "Message-ID-nya {about}"),
    EventKind.JUDGED: (
        "judged: SPF {spf}, DKIM {dkim}, DMARC {dmarc}; {why}",
        "dinilai: SPF {spf}, DKIM {dkim}, DMARC {dmarc}; {why}",
    ),
    EventKind.HELD: (
        "held until an owner of {about} decides",
        "ditahan sampai pemilik {about} memutuskan",
    ),
    EventKind.FILTERED: (
        "filtered for {about} by the script {script}: {what}",
        "disaring untuk {about} oleh skrip {script}: {what}",
    ),
    EventKind.DELIVERED: (
        "delivered to {about}, into {mailbox}",
        "diantarkan ke {about}, ke dalam {mailbox}",
    ),
    EventKind.QUEUED: ("queued for {about}", "masuk antrean untuk {about}"),
    EventKind.SENT: ("taken by {host} for {about}", "diambil alih oleh {host} untuk {about}"),
    EventKind.DEFERRED: (
        "not delivered to {about} yet, will be tried again",
        "belum sampai ke {about}, akan dicoba lagi",
    ),
    EventKind.FAILED: ("given up for {about}", "tidak dapat diantarkan ke {about}"),
    EventKind.RETURNED: (
        "{about} was told that it failed",
        "{about} diberi tahu bahwa pengirimannya gagal",
    ),
    EventKind.WARNED: (
        "{about} was told that it is late",
        "{about} diberi tahu bahwa pengirimannya terlambat",
    ),
    EventKind.CONFIRMED: (
        "{about} was told that it went well, as it had asked",
        "{about} diberi tahu bahwa pengirimannya berhasil, sesuai permintaan",
    ),
    EventKind.DROPPED: (
        "a notice for {about} could not be delivered and was dropped",
        "pemberitahuan untuk {about} tidak dapat diantarkan dan dibuang",
    ),
    EventKind.OBEYED: ("obeyed by {about}", "dijalankan oleh {about}"),
    EventKind.ENDED: (
        "ended at {about}, and nobody was told",
        "berakhir di {about}, tanpa pemberitahuan",
    ),
    EventKind.REFUSED: ("refused for {about}", "ditolak untuk {about}"),
}
_MADE_HERE: Final = (
    "made here, to tell of another message",
    "dibuat di sini, untuk memberitahukan surat lain",
)
_HANDED_IN: Final = (
    "handed in on this machine by {account}; its sender is {about}",
    "diserahkan di mesin ini oleh {account}; pengirimnya {about}",
)
_REPLIED: Final = (  # no script of one's own: what the settings wrote
    "the automatic reply of {about}: {what}",
    "balasan otomatis {about}: {what}",
)
SHOWN: Final = (
    "said", "fault", "tls", "security", "protocol", "address", "size", "status", "try", "notice",
)  # fmt: skip
_SUPPRESSED: Final = SUPPRESSED.partition("{")[0]
_TROUBLE: Final = frozenset({EventKind.DEFERRED, EventKind.FAILED, EventKind.REFUSED})


class _Known(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"


def sentence(event: Event, language: str = "en") -> str:
    """What happened in this step."""
    detail = _Known(event.detail, about=event.about or "<>")
    detail["what"] = "; ".join([*detail.get("did", []), *detail.get("problems", [])])
    if "why" in detail:
        detail["why"] = say(str(detail["why"]), language)
    pair = SENTENCES[event.kind]
    if event.kind is EventKind.RECEIVED and "peer" not in detail:
        pair = _HANDED_IN if "account" in detail else _MADE_HERE
    elif event.kind is EventKind.FILTERED and "script" not in detail:
        pair = _REPLIED
    return pair[language == "id"].format_map(detail)


def advice(event: Event, language: str = "en") -> str:
    """What a failure means and what can be done; empty for a step that went well."""
    if event.kind not in _TROUBLE:
        return ""
    words = str(event.detail.get("said", "") or event.detail.get("fault", ""))
    kind = dsn_advice.classify_status(str(event.detail.get("status", "")), words)
    return " ".join(dsn_advice.sentences(kind, language))


def was_suppressed(event: Event) -> bool:
    """Whether it was not tried, for the other server has said before that there is nobody."""
    return str(event.detail.get("said", "")).startswith(_SUPPRESSED)


def facts(event: Event) -> dict[str, str]:
    """What else is known of a step."""
    return {name: str(event.detail[name]) for name in SHOWN if event.detail.get(name)}
