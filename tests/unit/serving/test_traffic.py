"""Shares of traffic are honest, stable and monotone."""

import pytest

from dovetail.base.errors import InvalidInputError
from dovetail.serving.errors import UnknownModelError
from dovetail.serving.traffic import check_weights, choose_version, newest

IDS = [f"request-{i}" for i in range(4000)]


def test_shares_are_what_the_weights_say():
    weights = check_weights("m", {"3": 90, "4": 10}, {"3", "4"})
    share = sum(choose_version("m", i, weights) == "4" for i in IDS) / len(IDS)
    assert share == pytest.approx(0.1, abs=0.015)


def test_a_growing_canary_keeps_the_requests_it_has():
    small = check_weights("m", {"3": 90, "4": 10}, {"3", "4"})
    large = check_weights("m", {"3": 50, "4": 50}, {"3", "4"})
    first = {i for i in IDS if choose_version("m", i, small) == "4"}
    assert first < {i for i in IDS if choose_version("m", i, large) == "4"}


def test_the_choice_is_the_same_for_ever():
    weights = {"1": 1.0, "2": 1.0}
    assert [choose_version("flights", f"{i}", weights) for i in range(8)] == GOLDEN


GOLDEN = ["2", "2", "1", "2", "1", "1", "1", "2"]


def test_weights_that_make_no_sense_are_refused():
    with pytest.raises(UnknownModelError, match=r"no version '9'. loaded: 3"):
        check_weights("m", {"9": 1}, {"3"})
    with pytest.raises(InvalidInputError, match="weight of version '3' is -1"):
        check_weights("m", {"3": -1}, {"3"})
    with pytest.raises(InvalidInputError, match="no version of 'm' would get any traffic"):
        check_weights("m", {"3": 0}, {"3"})


def test_ten_comes_after_nine():
    assert newest({"9", "10", "rc"}) == "10"
    assert newest({"v9", "v10", "v2"}) == "v10"
