"""Where the loop stands, and every decision with its figures."""

from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute

from dovetail.loop.handlers import newest_first, state_of
from dovetail.loop.store import Event, LoopStore
from dovetail.web.pages import page_route

__all__ = ["page_routes"]

LEVELS = {
    "adopted": "ok",
    "promoted": "ok",
    "kept": "ok",
    "canary": "info",
    "compared": "info",
    "trained": "info",
    "training": "info",
    "rejected": "warn",
    "refused": "warn",
    "rolled_back": "alarm",
}


def page_routes(store: LoopStore) -> list[BaseRoute]:
    """Return the page and its JSON twin."""

    def overview(_: Request) -> dict[str, Any]:
        """Where the loop stands, and everything that it did."""
        history = store.history()
        return {
            "state": state_of(store),
            "cycles": store.cycles()[::-1],
            "events": [_row(e) for e in newest_first(history) if e.kind != "looked"],
            "looks": [_look(e) for e in newest_first(history) if "expected" in e.facts],
        }

    return [*page_route("/loop", overview, template="loop/overview.html", title="Loop")]


def _row(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "day": event.day,
        "kind": event.kind.replace("_", " "),
        "level": LEVELS.get(event.kind, "idle"),
        "version": event.version,
        "text": event.text,
        "facts": {name: _shown(value) for name, value in event.facts.items()},
    }


def _look(event: Event) -> dict[str, Any]:
    return {
        "day": event.day,
        "answer": "retrain" if event.facts["retrain"] else "wait",
        "level": "info" if event.facts["retrain"] else "idle",
        **{name: event.facts[name] for name in ("age", "recalibration", "ageing")},
        **{name: event.facts[name] for name in ("expected", "cost")},
    }


def _shown(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
