"""Statements of what people earned."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from dovetail.base.errors import InvalidInputError
from dovetail.labels.people.payments import Done, Rate, period, plain, statement, written

START, END = period("2026-11-01", "2026-11-30")
NOW = datetime(2026, 12, 2, 9, 30, tzinfo=UTC)
DONE = [
    Done(1, "bob", 0, 30.0, "accepted"),
    Done(2, "ann", 0, 90.0, ""),
    Done(3, "ann", 0, 9_000.0, "rejected"),
    Done(4, "ann", 0, None, "accepted"),
    Done(5, "=cmd|' /C calc'!A0", 0, 1.0, "fixed"),
]


def test_a_statement_sums_answers_time_and_money() -> None:
    rates = {"bob": Rate.of("18", "hour", "eur"), "ann": Rate.of("0.125", "accepted", "EUR")}
    made = statement(7, START, END, NOW, DONE, rates, Rate.of("0.05", "answer", "EUR"))
    lines = {line.person: line for line in made.lines}
    assert list(lines) == sorted(lines)
    ann = lines["ann"]
    assert (ann.answers, ann.accepted, ann.rejected, ann.unreviewed) == (3, 1, 1, 1)
    assert ann.hours == Decimal(690) / 3600  # the long one is cut at ten minutes
    assert (ann.amount, lines["bob"].amount) == (Decimal("0.12"), Decimal("0.15"))


def test_a_statement_is_the_same_file_whenever_it_is_made_and_runs_nowhere() -> None:
    usual = Rate.of("0.05", "answer", "EUR")
    first = statement(7, START, END, NOW, DONE, {}, usual)
    again = statement(7, START, END, NOW, list(reversed(DONE)), {}, usual)
    assert written(first) == written(again)
    assert first.digest == again.digest
    assert written(first).splitlines()[1] == (
        "7,2026-11-01T00:00:00Z,2026-12-01T00:00:00Z,2026-12-02T09:30:00.000Z,'=cmd|' /C calc'!A0,"
        "1,0,1,0,0,0.0003,0.05,answer,0.05,EUR"
    )


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1"])
def test_text_that_starts_like_a_formula_is_made_plain(text: str) -> None:
    assert plain(text) == "'" + text


@pytest.mark.parametrize(
    ("start", "end", "why"),
    [
        ("2026-11-31", "2026-12-01", "no date"),
        ("2026-11-02", "2026-11-01", "is empty"),
        ("yesterday", "2026-11-01", "no date"),
    ],
)
def test_a_period_that_is_none_is_refused(start: str, end: str, why: str) -> None:
    with pytest.raises(InvalidInputError, match=why):
        period(start, end)


def test_a_period_of_moments_excludes_its_end() -> None:
    start, end = period("2026-11-01T10:00:00+02:00", "2026-11-01T12:00:00Z")
    assert (start.hour, end.hour) == (8, 12)


@pytest.mark.parametrize(
    ("amount", "per", "currency"),
    [
        ("NaN", "answer", ""),
        ("-1", "answer", ""),
        ("x", "answer", ""),
        ("1", "day", ""),
        ("1", "hour", "=1"),
    ],
)
def test_a_rate_that_is_no_money_is_refused(amount: str, per: str, currency: str) -> None:
    with pytest.raises(InvalidInputError):
        Rate.of(amount, per, currency)
