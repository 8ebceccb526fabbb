from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from merpati.base import settings
from merpati.base.faults import Fault, Kind
from merpati.base.secrets import Secret
from merpati.base.settings import REQUIRED, explain, load, needs_restart, reference, sample, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """How mail that cannot be delivered
    is tried again.

    More for developers.
    """

    first_retry: int = setting(900, "Wait this long.", unit="s", minimum=60, maximum=86_400)
    growth: float = setting(1.5, "Then so much longer each time.", minimum=1)
    limit: int = setting(50 << 20, "Largest message.", unit="bytes", reload=False)
    relay: str = setting(REQUIRED, "Host to send through.", example="relay.example.org")
    mode: str = setting("fair", "Order | of service.", choices=("fair", "fast"))
    spool: Path = setting(Path("spool"), "Where.")
    password: Secret = setting(Secret(""), "For the relay.")
    ports: tuple[int, ...] = setting((25,), "To try.", maximum=65_535)
    log: Path | None = setting(None, "Where to write.", example="queue.log")
    paused: bool = setting(False, "Whether it stands still.")
    workers: int = setting(4, "At once.", unit="workers", maximum=9)

    def __post_init__(self) -> None:
        if self.paused and self.mode == "fast":
            raise ValueError('paused and mode = "fast" exclude each other: remove one.')


def fault(**given: object) -> str:
    with pytest.raises(Fault) as caught:
        load(QueueSettings, {"relay": "a"} | given, source="m.toml", table="[queue]")
    assert caught.value.kind is Kind.CONFIG
    return caught.value.text


def test_what_is_not_given_has_its_default(tmp_path: Path) -> None:
    found = load(QueueSettings, {"relay": "a"}, folder=tmp_path)
    assert found == QueueSettings(relay="a", spool=tmp_path / "spool")
    assert (found.first_retry, found.ports, found.log) == (900, (25,), None)


def test_what_is_given_is_converted(tmp_path: Path) -> None:
    found = load(
        QueueSettings,
        {
            "relay": "a",
            "first_retry": "5m",
            "limit": "1MB",
            "growth": 2,
            "log": "q",
            "ports": [1, 2],
            "password": "t0p",
            "spool": "/srv",
        },
        folder=tmp_path,
    )
    assert (found.first_retry, found.limit, found.growth) == (300, 1 << 20, 2.0)
    assert (found.log, found.spool, found.ports) == (tmp_path / "q", Path("/srv"), (1, 2))
    assert found.password.reveal() == "t0p"


def test_errors_name_file_setting_reason_and_next_step() -> None:
    assert fault(first_retry="soon") == (
        'm.toml: [queue] first_retry = "soon" is not a duration:'
        ' write seconds, or a text such as "15m" or "5d".'
    )
    assert fault(first_retry=5) == (
        "m.toml: [queue] first_retry = 5 is too small: write 1m or more."
    )
    assert fault(first_retry="2d") == (
        'm.toml: [queue] first_retry = "2d" is too large: write 1d or less.'
    )
    assert fault(growth=0.5).endswith("growth = 0.5 is too small: write 1 or more.")
    assert fault(ports=[25, 70_000]).endswith(
        "ports = [25, 70000] is too large: write 65535 or less."
    )
    assert fault(mode="fats").endswith('mode = "fats" is not known: did you mean "fast"?')
    assert fault(mode="x").endswith('mode = "x" is not known: write one of "fair", "fast".')
    assert fault(frist_retry=5).endswith(
        '[queue] has no setting "frist_retry": did you mean "first_retry"?'
    )
    assert fault(paused=True, mode="fast") == (
        'm.toml: [queue] paused and mode = "fast" exclude each other: remove one.'
    )
    with pytest.raises(Fault) as caught:
        load(QueueSettings, {}, source="m.toml", table="[queue]")
    assert caught.value.text == (
        'm.toml: [queue] relay is missing: add a line such as relay = "relay.example.org"'
    )


def test_errors_show_no_secret_and_nothing_long() -> None:
    assert "t0p" not in fault(password=["t0p"])
    assert len(fault(relay=["a" * 1000])) < 200
    assert "{...}" in fault(relay={"a": 1})


def test_a_group_with_an_impossible_type_is_a_defect() -> None:
    @dataclass(frozen=True)
    class Odd:
        """Odd."""

        z: complex = setting(0j, "Odd.")

    with pytest.raises(TypeError, match=r"Odd\.z"):
        settings.declared(Odd)


def test_the_sample_reads_back_as_the_defaults() -> None:
    text = sample({"queue": QueueSettings}, {"queue": {"limit": 1 << 30}})
    assert tomllib.loads(text) == {"queue": {"relay": "relay.example.org", "limit": "1GB"}}
    assert text.startswith("# How mail that cannot be delivered is tried again.\n[queue]\n")
    assert '\n# Wait this long. From 1m to 1d.\n#first_retry = "15m"\n' in text
    assert '\n# Order | of service. One of "fair", "fast".\n#mode = "fair"\n' in text
    assert '\n#password = ""\n' in text
    bare = text.replace("\n#", "\n").replace("\n ", "\n# ")
    offered = tomllib.loads(bare)["queue"]
    assert set(offered) == set(settings.declared(QueueSettings))
    loaded = load(QueueSettings, offered)
    assert loaded.first_retry == 900


def test_the_reference_is_a_markdown_table() -> None:
    lines = reference({"queue": QueueSettings}).splitlines()
    assert lines[:3] == ["## `[queue]`", "", "How mail that cannot be delivered is tried again."]
    assert '| `first_retry` | `"15m"` | Wait this long. From 1m to 1d. |' in lines
    assert '| `limit` | `"50MB"` | Largest message. Takes a restart. |' in lines
    assert "| `relay` | required | Host to send through. |" in lines
    assert '| `mode` | `"fair"` | Order \\| of service. One of "fair", "fast". |' in lines
    assert "| `log` |  | Where to write. |" in lines
    assert "| `workers` | `4` | At once. At most 9. In workers. |" in lines


def test_explain_answers_for_one_setting() -> None:
    groups = {"queue": QueueSettings}
    assert explain(groups, "queue.limit") == (
        'queue.limit: Largest message.\nDefault: "50MB"; a change takes a restart.\n'
    )
    assert "Default: must be set; SIGHUP" in explain(groups, "queue.relay")
    assert "Default: not set" in explain(groups, "queue.log")
    with pytest.raises(Fault, match=r'did you mean "queue\.limit"') as caught:
        explain(groups, "queue.limits")
    assert caught.value.kind is Kind.NOT_FOUND


def test_only_changes_that_sighup_does_not_apply_need_a_restart() -> None:
    old = QueueSettings(relay="a")
    assert needs_restart(old, QueueSettings(relay="b", paused=True)) == []
    assert needs_restart(old, QueueSettings(relay="a", limit=1)) == ["limit"]
