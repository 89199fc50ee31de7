"""Shares with intervals: how often a person is right, and whether two can be told apart.

Nothing here needs numpy, because the server asks for it after single answers.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from dovetail.base.errors import InvalidInputError

__all__ = [
    "Estimate",
    "anytime",
    "apart",
    "at_least",
    "beta_interval",
    "discoveries",
    "mid_p",
    "shrunk",
    "tail",
]

_STEPS = 60
_STRENGTHS = (2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0)
_AS_WELL = 1.0  # nats: of strengths that explain people about as well, the weakest is taken


@dataclass(frozen=True)
class Estimate:
    """How often one person is right.

    Attributes:
        person: Their name.
        right: Right answers; expected ones where the truth is only likely.
        answers: How many could be judged.
        share: `right / answers`; None without answers.
        estimate: The share, drawn towards that of all people as far as answers are few.
        low: Lower end of its 95 % interval.
        high: Its upper end.
        differs: `better` or `worse` than the others, or `` where they cannot be told apart.
        p: Probability of a difference as large by chance.
    """

    person: str
    right: float
    answers: int
    share: float | None
    estimate: float
    low: float
    high: float
    differs: str
    p: float


def beta_interval(a: float, b: float, level: float = 0.95) -> tuple[float, float]:
    """Return the equal-tailed interval of a Beta(a, b) distribution.

    Args:
        a: Right answers and prior, above 0.
        b: Wrong answers and prior, above 0.
        level: What it holds, between 0 and 1.

    Example:
        >>> low, high = beta_interval(9.5, 1.5)
        >>> round(low, 2), round(high, 2)
        (0.62, 0.99)
    """
    tail = (1 - level) / 2
    return _quantile(a, b, tail), _quantile(a, b, 1 - tail)


def anytime(right: int, answers: int, level: float = 0.95) -> tuple[float, float]:
    """Return an interval of a share that holds however often one looks at it.

    A person is judged after every answer, and an interval that is right for one look is wrong
    for many. This one is the mixture martingale with a uniform prior (Robbins 1970): it holds
    the true share at all times at once, with the probability `level`.

    Args:
        right: Right answers.
        answers: All answers.
        level: What it holds.

    Raises:
        InvalidInputError: there are fewer answers than right ones.

    Example:
        >>> low, high = anytime(30, 30)
        >>> round(low, 2), high
        (0.81, 1.0)
    """
    if not 0 <= right <= answers:
        raise InvalidInputError(f"{right} right answers of {answers} cannot be")
    if not answers:
        return 0.0, 1.0
    wrong = answers - right
    mixed = _log_beta(right + 1, wrong + 1)
    bound = -math.log(1 - level)

    def is_inside(share: float) -> bool:
        told = right * math.log(share) if right else 0.0
        told += wrong * math.log1p(-share) if wrong else 0.0
        return mixed - told < bound

    middle = min(max(right / answers, 1e-9), 1 - 1e-9)
    low = 0.0 if not right else _edge(is_inside, middle, 0.0)
    high = 1.0 if not wrong else _edge(is_inside, middle, 1.0)
    return low, high


def shrunk(counts: Mapping[str, tuple[float, int]], false_alarms: float = 0.05) -> list[Estimate]:
    """Estimate everybody's share of right answers, each drawn towards the others'.

    The prior is a Beta distribution at the pooled share whose strength is fitted to how much people
    really differ (empirical Bayes), so ten answers of a newcomer neither praise nor damn them.
    Whether a person differs from the others is a binomial test, with the share of false
    alarms among all that are called different held down (Benjamini and Hochberg 1995).

    Args:
        counts: Right answers and judged answers of each person.
        false_alarms: Share of wrong calls among those called different.

    Returns:
        In the order of the names, which is no rank.

    Example:
        >>> ann, bob, eve = shrunk({"ann": (41, 50), "bob": (40, 50), "eve": (20, 50)})
        >>> eve.differs, round(eve.estimate, 2)
        ('worse', 0.44)
    """
    right = sum(r for r, _ in counts.values())
    answers = sum(n for _, n in counts.values())
    mean = (right + 0.5) / (answers + 1)
    strength = _strength([pair for pair in counts.values() if pair[1]], mean)
    chances = {}
    for name, (mine, n) in counts.items():
        others = answers - n
        centre = (right - mine + 0.5) / (others + 1)
        chances[name] = mid_p(mine, n, centre) if n and others else 1.0
    called = discoveries(chances, false_alarms)
    found = []
    for name in sorted(counts):
        mine, n = counts[name]
        a, b = mine + mean * strength, n - mine + (1 - mean) * strength
        low, high = beta_interval(a, b)
        centre = (right - mine + 0.5) / (answers - n + 1)
        word = ("better" if mine > n * centre else "worse") if name in called else ""
        share = mine / n if n else None
        found.append(Estimate(name, mine, n, share, a / (a + b), low, high, word, chances[name]))
    return found


def discoveries(chances: Mapping[str, float], false_alarms: float) -> set[str]:
    """Return the names whose chance is small enough, among as many as were looked at.

    Args:
        chances: Probability of what was seen, had nothing been the matter; by name.
        false_alarms: Share of wrong ones among those returned (Benjamini and Hochberg 1995).
    """
    order = sorted(chances, key=lambda name: (chances[name], name))
    kept = 0
    for place, name in enumerate(order, 1):
        if chances[name] <= false_alarms * place / len(order):
            kept = place
    return set(order[:kept])


def apart(
    counts: Mapping[str, tuple[float, int]], false_alarms: float = 0.05
) -> list[tuple[str, str]]:
    """Return the pairs of people that can be told apart, the better one first.

    Two shares are compared as Agresti and Caffo (2000) do, which is right for few answers too;
    among all pairs the share of false calls is held down.

    Args:
        counts: Right answers and judged answers of each person.
        false_alarms: Share of wrong calls among the pairs returned.

    Example:
        >>> apart({"ann": (45, 50), "bob": (43, 50), "eve": (20, 50)})
        [('ann', 'eve'), ('bob', 'eve')]
    """
    chances, better = {}, {}
    judged = sorted(name for name, (_, n) in counts.items() if n)
    for first, second in combinations(judged, 2):
        (r1, n1), (r2, n2) = counts[first], counts[second]
        p1, p2 = (r1 + 1) / (n1 + 2), (r2 + 1) / (n2 + 2)
        spread = math.sqrt(p1 * (1 - p1) / (n1 + 2) + p2 * (1 - p2) / (n2 + 2))
        key = f"{first}\n{second}"
        chances[key] = math.erfc(abs(p1 - p2) / spread / math.sqrt(2))
        better[key] = (first, second) if p1 > p2 else (second, first)
    return [better[key] for key in sorted(discoveries(chances, false_alarms))]


def mid_p(right: float, answers: int, share: float) -> float:
    """Return the two-sided probability of so many right answers (binomial, mid-p).

    Args:
        right: Right answers; rounded.
        answers: All answers.
        share: Probability of a right one.
    """
    seen = round(right)
    here = _binomial(seen, answers, share)
    above = tail(seen + 1, answers, share) + here / 2
    return min(1.0, 2 * min(above, 1 - above))


def at_least(seen: int, chances: Sequence[float]) -> float:
    """Return the probability that at least so many of several things happen (Poisson binomial).

    Args:
        seen: How many.
        chances: Probability of each.
    """
    exactly = [1.0]
    for chance in chances:
        longer = [p * (1 - chance) for p in exactly] + [0.0]
        for place, p in enumerate(exactly):
            longer[place + 1] += p * chance
        exactly = longer
    return min(1.0, math.fsum(exactly[max(seen, 0) :]))


def tail(seen: int, answers: int, share: float) -> float:
    """Return the probability of at least `seen` successes in `answers` (binomial)."""
    if seen <= 0:
        return 1.0
    return 0.0 if seen > answers else _incomplete(seen, answers - seen + 1, share)


def _binomial(seen: int, answers: int, share: float) -> float:
    if not 0 < share < 1:
        return float(seen == (answers if share >= 1 else 0))
    ways = math.lgamma(answers + 1) - math.lgamma(seen + 1) - math.lgamma(answers - seen + 1)
    return math.exp(ways + seen * math.log(share) + (answers - seen) * math.log1p(-share))


def _strength(pairs: Sequence[tuple[float, int]], mean: float) -> float:
    """Answers that the prior is worth, by the likelihood of what everybody did."""

    def likelihood(strength: float) -> float:
        a, b = mean * strength, (1 - mean) * strength
        return math.fsum(_log_beta(a + r, b + n - r) - _log_beta(a, b) for r, n in pairs)

    if len(pairs) < 3:  # too few people to see how much people differ
        return 8.0
    likely = {strength: likelihood(strength) for strength in _STRENGTHS}
    enough = max(likely.values()) - _AS_WELL
    return next(strength for strength in _STRENGTHS if likely[strength] >= enough)


def _edge(is_inside: Callable[[float], bool], middle: float, end: float) -> float:
    inside, outside = middle, end
    for _ in range(_STEPS):
        between = (inside + outside) / 2
        if is_inside(between):
            inside = between
        else:
            outside = between
    return outside


def _quantile(a: float, b: float, share: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _incomplete(a, b, middle) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _incomplete(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, by Lentz's continued fraction."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - _log_beta(a, b))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1 - front * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d or tiny)
    value = d
    for m in range(1, 500):
        up = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        down = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (up, down):
            d = 1 / ((1 + step * d) or tiny)
            c = (1 + step / c) or tiny
            value *= d * c
        if abs(d * c - 1) < 1e-13:
            break
    return value
