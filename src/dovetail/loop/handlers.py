"""What people ask of the loop: where it stands, and what happened."""

from typing import Any

import msgspec

from dovetail.loop.store import Cycle, Event, LoopStore

__all__ = ["State", "state_of"]


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Where the loop of a model stands.

    Attributes:
        model: the registered model.
        state: watching, or the state of the cycle under way.
        champion: the version in force.
        weights: how live traffic is split, in percent.
        last_day: the last day that was done.
        trained_until: first day that the champion was not trained on.
        cycle: the cycle under way.
        refused: why the gate keeps a promotion or a return waiting.
    """

    model: str
    state: str
    champion: str | None
    weights: dict[str, float]
    last_day: str | None
    trained_until: str | None
    cycle: Cycle | None
    refused: str | None


def state_of(store: LoopStore) -> State:
    """Return where the loop stands."""
    cycle = store.open_cycle()
    facts: dict[str, Any] = cycle.facts if cycle else {}
    return State(
        model=store.model,
        state=cycle.state if cycle else "watching",
        champion=store.get("champion"),
        weights=store.get("weights", {}),
        last_day=store.get("last_day"),
        trained_until=store.get("trained_until"),
        cycle=cycle,
        refused=facts.get("refusal") or store.get("return_refused"),
    )


def newest_first(events: list[Event]) -> list[Event]:
    """Return events with the newest first, as pages show them."""
    return events[::-1]
