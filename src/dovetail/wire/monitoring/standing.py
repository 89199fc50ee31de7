"""How models stand, one line each: what a page or a pager asks about ten thousand of them."""

from datetime import date
from typing import Literal

from msgspec import Struct

Need = Literal["alarm", "warn", "seen", "none"]


class Standing(Struct, frozen=True, kw_only=True):
    """One model on one line; its figures are of the four weeks up to the last closed day.

    Attributes:
        model: Its name.
        need: "alarm" or "warn" while an alert of that severity is open, "seen" while all active
            ones are acknowledged, "none" while there is none.
        alerts: How many alerts are active.
        kinds: Their kinds: "drift", "performance", "feed".
        first: The first day that holds predictions.
        last: The last one.
        day: The last day closed, to which the figures belong; None before the first.
        predictions: Rows predicted.
        outcomes: Rows whose outcome was known when the day was closed.
        auc: Realised.
        estimated_auc: To expect of all rows.
        log_loss: Realised.
        evidence: The strongest evidence of a change, as a part of what an alarm needs: 1 is an
            alarm.
    """

    model: str
    need: Need = "none"
    alerts: int = 0
    kinds: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    day: date | None = None
    predictions: int = 0
    outcomes: int = 0
    auc: float | None = None
    estimated_auc: float | None = None
    log_loss: float | None = None
    evidence: float | None = None


class Standings(Struct, frozen=True, kw_only=True):
    """Some models of all that fit.

    Attributes:
        total: How many fit.
        needs: How many of them need what.
        unjudged: How many of those that need nobody have no closed day that says so.
        models: Some of them, in the order asked for.
    """

    total: int
    needs: dict[Need, int]
    unjudged: int = 0
    models: list[Standing]
