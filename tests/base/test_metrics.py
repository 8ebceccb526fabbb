from __future__ import annotations

import pytest

from merpati.base.metrics import MAX_SERIES, Metrics, exposition


def test_rendering_is_prometheus_text() -> None:
    metrics = Metrics()
    sent = metrics.counter("sent_total", "Messages\nsent.", ("result", "host"))
    sent.inc("ok", 'a"b\\c\nd')
    sent.inc("ok", 'a"b\\c\nd', by=2)
    metrics.gauge("open", "Open sessions.").set(1.5)
    seconds = metrics.histogram("wait_seconds", "Waits.", ("why",), buckets=(0.1, 1))
    for value in (0.05, 0.1, 0.5, 7):
        seconds.observe(value, "dns")
    assert metrics.render() == (
        "# HELP open Open sessions.\n"
        "# TYPE open gauge\n"
        "open 1.5\n"
        "# HELP sent_total Messages\\nsent.\n"
        "# TYPE sent_total counter\n"
        'sent_total{result="ok",host="a\\"b\\\\c\\nd"} 3\n'
        "# HELP wait_seconds Waits.\n"
        "# TYPE wait_seconds histogram\n"
        'wait_seconds_bucket{why="dns",le="0.1"} 2\n'
        'wait_seconds_bucket{why="dns",le="1"} 3\n'
        'wait_seconds_bucket{why="dns",le="+Inf"} 4\n'
        'wait_seconds_sum{why="dns"} 7.65\n'
        'wait_seconds_count{why="dns"} 4\n'
    )


def test_a_metric_without_labels_is_there_before_it_is_used() -> None:
    metrics = Metrics()
    metrics.counter("a_total", "A.")
    metrics.histogram("b_seconds", "B.", buckets=(1,))
    assert "a_total 0\n" in metrics.render()
    assert 'b_seconds_bucket{le="+Inf"} 0\n' in metrics.render()


def test_label_values_from_strangers_do_not_take_memory_without_end() -> None:
    metrics = Metrics()
    counter = metrics.counter("a_total", "A.", ("name",))
    gauge = metrics.gauge("b", "B.", ("name",))
    histogram = metrics.histogram("c_seconds", "C.", ("name",), buckets=(1,))
    for number in range(MAX_SERIES + 50):
        counter.inc(str(number))
        gauge.inc(str(number))
        histogram.observe(1, str(number))
    for family in metrics.snapshot():
        assert len(family.series) == MAX_SERIES + 1
        assert family.series["other",][0] == 50


def test_a_gauge_goes_up_and_down() -> None:
    gauge = Metrics().gauge("open", "Open.", ("service",))
    gauge.inc("imap")
    gauge.inc("imap")
    gauge.dec("imap")
    assert gauge.value("imap") == 1
    gauge.set(9, "imap")
    assert gauge.value("imap") == 9
    assert gauge.value("smtp") == 0


def test_a_wrong_number_of_label_values_is_a_defect() -> None:
    with pytest.raises(ValueError, match="takes the labels"):
        Metrics().counter("a_total", "A.", ("name",)).inc()


def test_asking_again_gives_the_same_metric_and_never_another() -> None:
    metrics = Metrics()
    assert metrics.counter("a_total", "A.") is metrics.counter("a_total", "A.")
    with pytest.raises(ValueError, match="already another"):
        metrics.gauge("a_total", "A.")
    with pytest.raises(ValueError, match="already another"):
        metrics.counter("a_total", "A.", ("x",))


def test_names_that_prometheus_refuses_are_refused_here() -> None:
    with pytest.raises(ValueError, match="no metric"):
        Metrics().counter("a b", "A.")


def test_the_workers_metrics_add_up() -> None:
    one, other = Metrics(), Metrics()
    for metrics, labels in ((one, ("x", "y")), (other, ("y", "z"))):
        for label in labels:
            metrics.counter("a_total", "A.", ("k",)).inc(label)
        metrics.histogram("b_seconds", "B.", buckets=(1,)).observe(0.5)
    text = exposition([one.snapshot(), other.snapshot()])
    assert 'a_total{k="x"} 1\na_total{k="y"} 2\na_total{k="z"} 1\n' in text
    assert 'b_seconds_bucket{le="1"} 2\n' in text
    assert "b_seconds_sum 1\n" in text
    assert 'a_total{k="y"} 1\n' in one.render()
