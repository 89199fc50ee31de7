"""Times that decide which form serves are those of the model, not of a busy machine."""

import time

import numpy as np

from dovetail.serving.timing import call_us, measure


class Slow:
    """Takes its time by waiting, as a model does that other programs keep from running."""

    def __init__(self, seconds):
        self.seconds, self.calls = seconds, 0

    def run(self, inputs, wanted=()):
        self.calls += 1
        time.sleep(self.seconds)
        return inputs


def test_waiting_for_the_machine_does_not_count():
    assert call_us(Slow(0.005), {}) < 2500


def test_a_slow_model_is_asked_few_times():
    slow = Slow(0.06)
    call_us(slow, {})
    assert slow.calls == 1


def test_both_forms_are_timed_on_the_same_sizes():
    timings = measure(Slow(0), Slow(0), {"input": np.ones((5, 2))})
    assert [timing.rows for timing in timings] == [1, 32, 1024]
