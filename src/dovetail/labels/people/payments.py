"""What people earned in a period, as a file that comes out the same whenever it is made.

It is summed from the ledger of saved answers, which is only ever added to, and from reviews up to a
moment that the statement names: a review that comes later changes the statement of that later
moment, never an old one.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from dovetail.base.errors import InvalidInputError

__all__ = ["BASES", "Done", "Line", "Rate", "Statement", "period", "plain", "statement", "written"]

BASES = ("answer", "accepted", "hour")
COLUMNS = (
    "project", "from", "to", "as_of", "person", "answers", "accepted", "fixed", "rejected",
    "unreviewed", "hours", "rate", "per", "amount", "currency",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Rate:
    """What is paid.

    Attributes:
        amount: Money for one unit; not negative.
        per: `answer`, `accepted` (an answer that no reviewer rejected or had to fix, once
            reviewed) or `hour`.
        currency: Such as EUR; shown, never converted.
        most_seconds: More seconds on one answer than this are not counted as time.

    Raises:
        InvalidInputError: the amount is no money, or the unit is unknown.
    """

    amount: Decimal
    per: str = "answer"
    currency: str = ""
    most_seconds: float = 600.0

    def __post_init__(self) -> None:
        if self.per not in BASES:
            raise InvalidInputError(
                f"pay per {self.per!r} is unknown", fix=f"use one of: {', '.join(BASES)}"
            )
        if not self.amount.is_finite() or not 0 <= self.amount <= 1_000_000:
            raise InvalidInputError(f"the rate {self.amount} is no amount of money")
        if not 0 < self.most_seconds <= 86_400:
            raise InvalidInputError("most_seconds is above 0 and at most a day")

    @classmethod
    def of(cls, amount: str, per: str, currency: str = "", most_seconds: float = 600.0) -> "Rate":
        """Read a rate; the amount is text, because money is no binary fraction."""
        try:
            money = Decimal(amount)
        except InvalidOperation:
            raise InvalidInputError(
                f"the rate {amount[:40]!r} is no number", fix="give it like 0.05"
            ) from None
        if len(currency) > 8 or not (currency == "" or currency.isalpha()):
            raise InvalidInputError(f"the currency {currency[:20]!r} is no code like EUR")
        return cls(money, per, currency.upper(), most_seconds)


@dataclass(frozen=True)
class Done:
    """A saved answer, for the ledger.

    Attributes:
        annotation: Its number.
        person: Who.
        at_ms: When it was first saved.
        seconds: Time on it; None where it is not known.
        state: `accepted`, `fixed`, `rejected` or `` as of the statement's moment.
    """

    annotation: int
    person: str
    at_ms: int
    seconds: float | None
    state: str


@dataclass(frozen=True)
class Line:
    """What one person did and earned.

    Attributes:
        person: Who.
        answers: Answers saved in the period.
        accepted: Of these, accepted by a reviewer.
        fixed: Of these, corrected by a reviewer.
        rejected: Of these, rejected.
        unreviewed: Of these, not reviewed.
        hours: Time on them, each answer's cut at the rate's `most_seconds`.
        rate: What was paid.
        amount: Money, rounded half to even to cents.
    """

    person: str
    answers: int
    accepted: int
    fixed: int
    rejected: int
    unreviewed: int
    hours: Decimal
    rate: Rate
    amount: Decimal


@dataclass(frozen=True)
class Statement:
    """What everybody earned in a period.

    Attributes:
        project: The project's number.
        start: First moment of the period.
        end: The moment after it.
        as_of: Reviews up to here count.
        lines: Each person's, in the order of names.
        digest: SHA-256 of the CSV: equal statements have equal ones.
    """

    project: int
    start: datetime
    end: datetime
    as_of: datetime
    lines: Sequence[Line]
    digest: str


def period(start: str, end: str) -> tuple[datetime, datetime]:
    """Read the two ends of a period: days, both included, or moments, the last excluded.

    Raises:
        InvalidInputError: one is no date, or the end comes before the start.

    Example:
        >>> [moment.isoformat() for moment in period("2026-11-01", "2026-11-30")]
        ['2026-11-01T00:00:00+00:00', '2026-12-01T00:00:00+00:00']
    """
    first, last = _moment(start, "from"), _moment(end, "to")
    if len(end) == 10:
        last += timedelta(days=1)
    if last <= first:
        raise InvalidInputError(f"the period from {start} to {end} is empty")
    return first, last


def statement(
    project: int,
    start: datetime,
    end: datetime,
    as_of: datetime,
    done: Iterable[Done],
    rates: Mapping[str, Rate],
    usual: Rate,
) -> Statement:
    """Sum up what everybody earned.

    Args:
        project: The project's number.
        start: First moment of the period.
        end: The moment after it.
        as_of: Reviews up to here were counted.
        done: The ledger's answers of the period.
        rates: Rates of people who have one of their own.
        usual: The rate of everybody else.
    """
    people: dict[str, list[Done]] = {}
    for one in done:
        people.setdefault(one.person, []).append(one)
    lines = [_line(name, people[name], rates.get(name, usual)) for name in sorted(people)]
    made = Statement(project, start, end, as_of, lines, "")
    digest = hashlib.sha256(written(made).encode()).hexdigest()
    return Statement(project, start, end, as_of, lines, digest)


def written(made: Statement) -> str:
    """Return a statement as CSV that no spreadsheet takes for formulas."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(COLUMNS)
    exact = made.as_of.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    moments = [_text(made.start), _text(made.end), exact]
    for line in made.lines:
        counts = [line.answers, line.accepted, line.fixed, line.rejected, line.unreviewed]
        rate = line.rate
        rows.writerow(
            [
                made.project, *moments, plain(line.person), *counts, f"{line.hours:.4f}",
                f"{rate.amount:f}", rate.per, f"{line.amount:.2f}", plain(rate.currency),
            ]
        )  # fmt: skip
    return out.getvalue()


def plain(text: str) -> str:
    """Return text that a spreadsheet takes for text, whatever it begins with.

    Example:
        >>> plain('=HYPERLINK("http://x","y")')
        '\\'=HYPERLINK("http://x","y")'
    """
    return "'" + text if text.lstrip(" \n").startswith(_FORMULA) else text


def _line(name: str, done: Sequence[Done], rate: Rate) -> Line:
    states = [one.state for one in done]
    seconds = sum(
        (
            Decimal(str(round(min(max(one.seconds or 0.0, 0.0), rate.most_seconds), 3)))
            for one in done
        ),
        Decimal(0),
    )
    hours = seconds / 3600
    units = {
        "answer": Decimal(len(done)),
        "accepted": Decimal(states.count("accepted")),
        "hour": hours,
    }
    amount = (units[rate.per] * rate.amount).quantize(_CENT, ROUND_HALF_EVEN)
    return Line(
        person=name,
        answers=len(done),
        accepted=states.count("accepted"),
        fixed=states.count("fixed"),
        rejected=states.count("rejected"),
        unreviewed=states.count(""),
        hours=hours,
        rate=rate,
        amount=amount,
    )


def _moment(text: str, what: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(
            f"{what}={text[:40]!r} is no date", fix="give it like 2026-11-01"
        ) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
