"""Who can be asked, where an item stands, and how good a source is: the values of the router."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dovetail.labels.votes import Floats

__all__ = ["PEOPLE", "Offer", "SourceQuality", "State"]

PEOPLE = "person:"  # how names of people begin; an offer of people is as good as they are


@dataclass(frozen=True)
class Offer:
    """A source that can be asked.

    Attributes:
        name: The source's name, as in its answers.
        cost: Of one answer, in the currency of the budget.
        seconds: Until it comes, median.
        kind: people, or what machine it is.
    """

    name: str
    cost: float = 1.0
    seconds: float = 0.0
    kind: str = "people"


@dataclass(frozen=True)
class State:
    """Where one item stands.

    Attributes:
        posterior: float[classes].
        answers: How many there are.
        gain: Nats that one more would bring.
        done: Whether none is needed.
    """

    posterior: "Floats"
    answers: int
    gain: float
    done: bool


@dataclass(frozen=True)
class SourceQuality:
    """How good one source is, by what the others and known labels say.

    Attributes:
        source: Its name.
        answers: How many it gave.
        accuracy: Share that is right, expected.
        lower: Lower end of a 95 % interval of that.
        upper: Its upper end.
        confusion: float[label, truth], P(answer | truth), shrunk to that of all sources.
    """

    source: str
    answers: int
    accuracy: float
    lower: float
    upper: float
    confusion: "Floats"
