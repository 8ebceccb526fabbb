from __future__ import annotations

import contextlib
import imaplib
import os
import poplib
import re
import signal
import smtplib
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from merpati.base.clock import SystemClock
from merpati.net.tls import make_self_signed
from tests.support.instance import PASSWORD, Installation, run

pytestmark = pytest.mark.scenario

ANI = "ani@a.id"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation.make(tmp_path_factory.mktemp("serve") / "a", "a.id", ANI)
    yield made
    made.kill()


@pytest.fixture
def served(installation: Installation) -> Iterator[Installation]:
    """It runs with two workers; a test may stop or kill it."""
    if installation.process is None:
        installation.start(workers=2)
    yield installation
    if installation.process is not None and installation.process.poll() is not None:
        installation.kill()


def until(true: Callable[[], object], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


def get(one: Installation, path: str, service: str = "metrics") -> tuple[int, str]:
    url = f"http://127.0.0.1:{one.port(service)}{path}"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def send(one: Installation, text: str = "Subject: hello\r\n\r\nworld\r\n") -> None:
    with smtplib.SMTP("127.0.0.1", one.port("smtp"), timeout=10) as client:
        client.sendmail("you@elsewhere.test", [ANI], text)


def offered_size(one: Installation) -> str:
    """Empty from a worker that is leaving: it says 421, or nothing any more."""
    try:
        with smtplib.SMTP("127.0.0.1", one.port("smtp"), timeout=10) as client:
            client.ehlo()
            return client.esmtp_features.get("size", "")
    except OSError:
        return ""


def shown_certificate(one: Installation) -> str:
    return ssl.get_server_certificate(("127.0.0.1", one.port("imaps")), timeout=10)


def counted(text: str, metric: str) -> float:
    found = re.search(rf"^{re.escape(metric)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_one_letter_goes_from_smtp_to_imap_and_pop3(served: Installation) -> None:
    send(served, "Subject: one\r\n\r\nletter\r\n")
    trust = ssl.create_default_context(cafile=served.certificate)
    with imaplib.IMAP4_SSL("localhost", served.port("imaps"), ssl_context=trust) as imap:
        imap.login(ANI, PASSWORD)
        assert imap.select()[0] == "OK"
        assert imap.search(None, "SUBJECT", "one")[1] == [b"1"]
    pop = poplib.POP3_SSL("localhost", served.port("pop3s"), context=trust, timeout=10)
    pop.user(ANI)
    pop.pass_(PASSWORD)
    assert pop.retr(1)[1][-1] == b"letter"
    pop.quit()


def test_a_start_takes_less_than_three_seconds(served: Installation) -> None:
    assert served.stop() == 0
    assert served.start(workers=2) < 3 * (1 + os.getloadavg()[0])


def test_a_worker_that_is_killed_is_replaced_and_serves(served: Installation) -> None:
    before = served.workers()
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(set(served.workers()) | set(before)) == 3 and len(served.workers()) == 2)
    for _ in range(8):  # some of them to the new one
        send(served)
    assert '"event":"worker.died"' in served.log.read_text()


def test_a_worker_that_is_told_to_reload_before_it_can_listen_lives_on(
    served: Installation,
) -> None:
    assert served.process is not None
    supervisor = served.process.pid
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children")
    before = set(children.read_text().split())
    died = served.log.read_text().count('"event":"worker.died"')
    os.kill(served.workers()[0], signal.SIGKILL)
    end = time.monotonic() + 30
    while not (born := set(children.read_text().split()) - before):
        assert time.monotonic() < end
    for pid in born:
        os.kill(int(pid), signal.SIGHUP)
    until(lambda: all(offered_size(served) for _ in range(8)))
    assert born < set(children.read_text().split())
    assert served.log.read_text().count('"event":"worker.died"') == died + 1


def test_health_and_readiness_are_answered(served: Installation) -> None:
    assert get(served, "/healthz") == (200, "ok\n")
    assert get(served, "/readyz") == (200, "ok\n")
    assert get(served, "/nothing")[0] == 404


def test_the_web_port_answers_load_balancers_and_keeps_the_metrics_in(served: Installation) -> None:
    assert get(served, "/healthz", "http") == (200, "ok\n")
    assert get(served, "/readyz", "http") == (200, "ok\n")
    assert get(served, "/metrics", "http")[0] == 404


def test_the_metrics_of_both_workers_are_summed_and_survive_a_crash(served: Installation) -> None:
    name = 'merpati_messages_accepted_total{from="peer"}'
    served.stop()
    served.start(workers=2)  # which counts from nothing
    for _ in range(20):  # the kernel spreads them: the chance that one worker has all is 2e-6
        send(served)

    def total() -> float:
        return counted(get(served, "/metrics")[1], name)

    until(lambda: all(total() == 20 for _ in range(10)), 15)
    text = get(served, "/metrics")[1]
    assert 'merpati_build_info{version="' in text
    assert counted(text, 'merpati_certificate_not_after_seconds{name="mail.a.id"}') > time.time()
    assert counted(text, 'merpati_connections_total{service="smtp",outcome="accepted"}') >= 20
    for worker in served.workers():
        os.kill(worker, signal.SIGKILL)
    until(lambda: b"ok" in _healthz(served))
    assert total() == 20


def _healthz(one: Installation) -> bytes:
    with contextlib.suppress(OSError, urllib.error.URLError):
        return get(one, "/healthz")[1].encode()
    return b""


def test_a_new_certificate_is_shown_after_sighup_also_by_later_workers(
    served: Installation,
) -> None:
    old = shown_certificate(served)
    certificate, key = make_self_signed(["mail.a.id", "new.a.id"], SystemClock().now())
    served.certificate.write_bytes(certificate)
    (served.folder / "tls/key.pem").write_bytes(key)
    assert shown_certificate(served) == old
    served.reload()
    until(lambda: all(shown_certificate(served).encode() == certificate for _ in range(6)))
    before = served.workers()
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(set(served.workers()) | set(before)) == 3 and len(served.workers()) == 2)
    time.sleep(1)
    assert all(shown_certificate(served).encode() == certificate for _ in range(10))


def test_a_setting_that_reloads_takes_effect_without_a_refused_client(
    served: Installation,
) -> None:
    before = served.workers()
    served.configure("smtp", message_size='"1MB"')
    served.reload()
    until(lambda: all(offered_size(served) == "1048576" for _ in range(8)))
    until(lambda: not set(served.workers()) & set(before) and len(served.workers()) == 2)
    assert '"event":"worker.renewed"' in served.log.read_text()


def test_a_setting_that_takes_a_restart_is_named_after_sighup(served: Installation) -> None:
    served.configure("server", workers="3")
    served.reload()
    until(lambda: '"setting":"server.workers"' in served.log.read_text())
    assert len(served.workers()) == 2


def test_a_wrong_file_after_sighup_changes_nothing(served: Installation) -> None:
    right = served.config.read_text()
    try:
        served.config.write_text(right + "\n[weather]\n")
        served.reload()
        until(lambda: '"event":"config.refused"' in served.log.read_text())
        send(served)
    finally:
        served.config.write_text(right)


def test_a_second_server_on_the_same_store_is_refused_in_one_line(served: Installation) -> None:
    assert served.process is not None
    done = served.run("serve")
    assert done.returncode == 1
    assert done.stderr == (
        f"merpati serve: process {served.process.pid} serves {served.folder}/data already;"
        " stop it first\n"
    )
    send(served)


def test_sigterm_lets_a_session_end_and_stops_within_ten_seconds(served: Installation) -> None:
    with socket.create_connection(("127.0.0.1", served.port("imap")), 10) as idle:
        assert idle.recv(1000).startswith(b"* OK")
        began = time.monotonic()
        assert served.stop() == 0
        assert time.monotonic() - began < 10
        rest = b""
        while data := idle.recv(1000):
            rest += data
        assert b"BYE" in rest
    assert '"event":"server.stopped"' in served.log.read_text()


def test_workers_end_when_their_supervisor_is_killed(served: Installation) -> None:
    assert served.process is not None
    workers = served.workers()
    os.kill(served.process.pid, signal.SIGKILL)
    until(lambda: not any(_lives(pid) for pid in workers))
    served.kill()
    served.start(workers=2)
    send(served)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_wrong_configuration_is_one_line_and_status_one(tmp_path: Path) -> None:
    file = tmp_path / "merpati.toml"
    file.write_text('[server]\nhostnme = "a.test"\n')
    done = run("serve", "-c", file)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f'merpati serve: {file}: [server] has no setting "hostnme": did you mean "hostname"?\n'
    )


def test_a_port_in_use_is_named_with_what_to_do(tmp_path: Path) -> None:
    one = Installation.make(tmp_path / "b", "b.id")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", one.port("smtp")))
        taken.listen()
        done = one.run("serve")
    assert done.returncode == 1
    assert done.stderr == (
        f"merpati serve: port {one.port('smtp')} of 127.0.0.1: another program listens there;"
        " stop it or choose another port (smtp)\n"
    )
