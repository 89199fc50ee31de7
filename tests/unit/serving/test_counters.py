"""Counters are exact under threads, summed over workers, and go when nobody holds them."""

import subprocess
import sys
import threading

import pytest

from dovetail.serving.counters import Board
from dovetail.serving.statistics import BOUNDS, Counts, Statistics, describe


@pytest.fixture(params=["one process", "workers"])
def board(request, tmp_path):
    made = Board()
    if request.param == "workers":
        made.share(tmp_path, 0)
    return made


def test_a_series_is_counted_and_read(board):
    block = board.take("requests", ("late", "1"), 2)
    block.cells[0] += 3
    block.cells[1] += 1 << 40
    board.take("rows", ("late", "1"), 1)
    assert board.totals("requests") == {("late", "1"): [3, 1 << 40]}
    assert board.totals("none") == {}


def test_who_takes_a_series_again_counts_on_and_the_last_to_leave_ends_it(board):
    board.take("requests", ("late",), 1).cells[0] += 1
    board.take("requests", ("late",), 1).cells[0] += 1
    board.leave("requests", ("late",))
    assert board.totals("requests") == {("late",): [2]}
    board.leave("requests", ("late",))
    assert board.totals("requests") == {}
    assert board.take("requests", ("late",), 1).cells[0] == 0


def test_a_place_that_became_free_is_used_again_and_is_empty(tmp_path):
    board = Board()
    board.share(tmp_path, 0)
    for number in range(50):
        block = board.take("requests", (f"model-{number % 10}",), 3)
        assert list(block.cells) == [0, 0, 0]
        block.cells[0] += 1
        board.leave("requests", (f"model-{number % 10}",))
        assert board.totals("requests") == {}
    assert (board.take("requests", ("model-0",), 3).place or 0) < 100


def test_workers_see_each_other_at_once(tmp_path):
    workers = [Board(), Board(), Board()]
    blocks = []
    for number, worker in enumerate(workers):
        worker.share(tmp_path, number)
        blocks.append(worker.take("requests", ("é", "1"), 2))
    workers[2].take("requests", ("only here",), 2).cells[0] = 7
    for round_ in range(1, 4):
        for block in blocks:
            block.cells[0] += 1
            block.cells[1] = round_
        for worker in workers:
            assert worker.totals("requests", (1,)) == {
                ("é", "1"): [3 * round_, round_],
                ("only here",): [7, 0],
            }


def test_a_worker_that_died_counts_on_but_nothing_of_it_is_in_flight(tmp_path):
    script = f"""
import os, pathlib
from dovetail.serving.counters import Board
board = Board()
board.share(pathlib.Path({str(tmp_path)!r}), 1)
block = board.take("requests", ("late",), 2, (1,))
block.cells[0] += 5
block.cells[1] += 1
os.kill(os.getpid(), 9)
"""
    other = Board()
    other.share(tmp_path, 0)
    for due in (5, 10):
        subprocess.run([sys.executable, "-c", script], check=False)
        assert other.totals("requests") == {("late",): [due, 1]}
    again = Board()
    again.share(tmp_path, 1)
    assert list(again.take("requests", ("late",), 2, (1,)).cells) == [10, 0]
    assert other.totals("requests") == {("late",): [10, 0]}


def test_sharing_too_late_is_refused(tmp_path):
    board = Board()
    board.take("requests", (), 1)
    with pytest.raises(RuntimeError, match="before the first"):
        board.share(tmp_path, 0)


def test_threads_lose_nothing():
    statistics = Statistics("threads", "1", ("a", "a", False))

    def ask():
        for _ in range(2000):
            statistics.begin()
            statistics.count_execution(1, 1, 1, 1)
            statistics.count_success(2, 1000, queue_ns=10)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = statistics.counts()
    assert (counts.succeeded, counts.rows, counts.executions) == (16_000, 32_000, 16_000)
    assert (counts.in_flight, counts.queued, counts.queue_ns) == (0, 16_000, 160_000)


def test_quantiles_are_within_a_bucket():
    statistics = Statistics("quantiles", "1", ("a", "a", False))
    assert statistics.counts().quantile_ms(0.5) is None
    for ns in range(1_000_000, 101_000_000, 1_000_000):
        statistics.begin()
        statistics.count_success(1, ns)
    counts = statistics.counts()
    for share, due in ((0.5, 50), (0.9, 90), (0.99, 99)):
        assert counts.quantile_ms(share) == pytest.approx(due, rel=0.12)
    before = counts
    statistics.begin()
    statistics.count_success(1, BOUNDS[-1] * 10)
    after = statistics.counts().since(before)
    assert after.succeeded == 1
    assert after.quantile_ms(0.5) == pytest.approx(BOUNDS[-1] / 1e6)


def test_a_version_that_begins_anew_is_not_compared_with_what_it_was():
    statistics = Statistics("anew", "1", ("a", "a", False))
    old = Statistics("old", "1", ("a", "a", False))
    for one, times in ((old, 5), (statistics, 2)):
        for _ in range(times):
            one.begin()
            one.count_success(1, 1000)
    assert statistics.counts().since(old.counts()).succeeded == 2


def test_batch_sizes_are_bounded():
    statistics = Statistics("sizes", "1", ("a", "a", False))
    for rows in range(1, 2000):
        statistics.count_execution(rows, 1, 2, 3)
    (found,) = (one.batch_stats for one in describe([statistics]))
    assert len(found) < 90
    assert sum(batch.compute_infer.count for batch in found) == 1999
    assert found[0].batch_size == 1
    assert found[0].compute_infer.ns == 2


def test_an_empty_version_has_zeros():
    assert Counts([]).succeeded == 0
    assert Counts([]).mean_ms is None
