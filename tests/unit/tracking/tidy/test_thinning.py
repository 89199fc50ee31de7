"""The law of thinning, on any history."""

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dovetail.tracking.tidy.thinning import keepers

values = st.floats(-1e9, 1e9)
histories = st.lists(st.tuples(values, st.booleans()), min_size=1, max_size=400)


@given(histories, st.integers(10, 60))
def test_what_stays_is_bounded_and_has_the_ends_and_extremes(history, most) -> None:
    points = [(i, i, 0.0 if nan else value, nan) for i, (value, nan) in enumerate(history)]
    has_nan = any(nan for _, nan in history)
    kept = keepers(iter(points), len(points), most, has_nan=has_nan)
    assert len(kept) <= most
    assert kept == sorted(set(kept))
    assert set(kept) <= set(points)
    assert {points[0], points[-1]} <= set(kept)
    finite = [point[2] for point in points if not point[3]]
    if finite:
        assert {min(finite), max(finite)} <= {point[2] for point in kept if not point[3]}
    if len(finite) < len(points):
        assert any(point[3] for point in kept)


def test_every_part_keeps_its_own_extremes() -> None:
    wave = [math.sin(i / 50) for i in range(10_000)]
    points = ((i, i, value, False) for i, value in enumerate(wave))
    kept = keepers(points, len(wave), 302, has_nan=False)
    steps = [point[0] for point in kept]
    assert 150 < len(kept) <= 302
    assert max(after - before for before, after in pairwise(steps)) < 200
