"""The demo's last screen: what the run just made has shown, in the terminal and as JSON."""

from collections.abc import Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dovetail.loop.store import Event
from dovetail.wire import monitoring

__all__ = ["MonthFigures", "Results", "gather", "show"]


class MonthFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One month, over all flights with a known outcome.

    Attributes:
        month: YYYY-MM.
        flights: flights scored.
        outcomes: flights whose outcome is known; the figures are over these.
        versions: predictions by version with the loop.
        auc: area under the ROC curve with the loop.
        log_loss: mean log-loss with the loop.
        first_auc: the same of the first model left alone.
        first_log_loss: the same of the first model left alone.
    """

    month: str
    flights: int
    outcomes: int
    versions: dict[str, int]
    auc: float | None
    log_loss: float | None
    first_auc: float | None
    first_log_loss: float | None


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """What the demo has shown.

    Attributes:
        model: the registered model.
        champion: the version in force at the end.
        first_day: first day of the replay.
        last_day: last day of the replay.
        flights: flights scored.
        months: month by month.
        mean_auc: mean of the months with the loop.
        mean_log_loss: mean of the months with the loop.
        first_mean_auc: mean of the months of the first model left alone.
        first_mean_log_loss: the same for log-loss.
        retrainings: models trained after the first.
        promotions: how many of them became champion.
        alarms: alarms that were raised.
        features_compared: feature values compared between online and offline.
        features_different: how many differed.
        record_entries: entries in the governance record, all verified; None where it is off.
        seconds: how long each part of this run took.
        events: what the loop did.
    """

    model: str
    champion: str | None
    first_day: str
    last_day: str | None
    flights: int
    months: list[MonthFigures]
    mean_auc: float | None
    mean_log_loss: float | None
    first_mean_auc: float | None
    first_mean_log_loss: float | None
    retrainings: int
    promotions: int
    alarms: list[dict[str, Any]]
    features_compared: int
    features_different: int
    record_entries: int | None
    seconds: dict[str, float]
    events: list[dict[str, Any]]


def gather(
    client: monitoring.Client,
    model: str,
    history: Sequence[Event],
    *,
    champion: str | None,
    last_day: str | None,
    first_day: str,
    parity: tuple[int, int],
    record_entries: int | None,
    seconds: dict[str, float],
) -> Results:
    """Collect the results over the monitoring joint and the loop's history."""
    live = client.months(model)
    first = {month.month: month for month in client.months(model, role="shadow")}
    months = [_figures(month, first.get(month.month)) for month in live]
    trained = [event for event in history if event.kind == "trained"]
    promoted = [event for event in history if event.kind == "promoted"]
    return Results(
        model=model,
        champion=champion,
        first_day=first_day,
        last_day=last_day,
        flights=sum(month.flights for month in months),
        months=months,
        mean_auc=_mean([m.auc for m in months]),
        mean_log_loss=_mean([m.log_loss for m in months]),
        first_mean_auc=_mean([m.first_auc for m in months]),
        first_mean_log_loss=_mean([m.first_log_loss for m in months]),
        retrainings=max(0, len(trained) - 1),
        promotions=max(0, len(promoted) - 1),
        alarms=[
            {"day": str(a.day), "kind": a.kind, "message": a.message, "status": a.status}
            for a in sorted(
                client.alerts(model=model), key=lambda a: (str(a.day), a.kind, a.message)
            )
        ],  # two of one millisecond have no order of their own, and runs are compared
        features_compared=parity[0],
        features_different=parity[1],
        record_entries=record_entries,
        seconds={name: round(value, 1) for name, value in seconds.items()},
        events=[msgspec.to_builtins(e) for e in history if e.kind != "looked"],
    )


def _figures(live: monitoring.Month, first: monitoring.Month | None) -> MonthFigures:
    return MonthFigures(
        month=live.month,
        flights=live.predictions,
        outcomes=live.outcomes,
        versions=live.versions,
        auc=live.auc,
        log_loss=live.log_loss,
        first_auc=first.auc if first else None,
        first_log_loss=first.log_loss if first else None,
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def show(results: Results, console: Console) -> None:
    """Print the results on one screen."""
    console.print()
    console.print(f"{results.model}: will it arrive more than 15 minutes late?", style="bold")
    console.print("With the loop, and the first model left alone, over every flight of the replay:")
    console.print(_table(results))
    console.print(_happened(results))
    parity = f"{results.features_compared:,} feature values served online"
    equal = "all equal to training's" if not results.features_different else ""
    wrong = f"[red]{results.features_different:,} differ from training's[/red]"
    console.print(f"{parity}, {equal or wrong}.")
    if results.record_entries is not None:
        console.print(f"{results.record_entries} entries in the governance record, all intact.")
    spent = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in results.seconds.items())
    if spent:
        console.print(f"[dim]{spent}[/dim]")


def _table(results: Results) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("month")
    heads = ("flights", "AUC", "alone", "gain", "log-loss", "alone", "saved")
    for name in heads:
        table.add_column(name, justify="right")
    table.add_column("versions")
    for m in results.months:
        table.add_row(m.month, f"{m.flights:,}", *_pairs(m), " ".join(sorted(m.versions, key=int)))
    mean = MonthFigures(
        month="mean",
        flights=0,
        outcomes=0,
        versions={},
        auc=results.mean_auc,
        log_loss=results.mean_log_loss,
        first_auc=results.first_mean_auc,
        first_log_loss=results.first_mean_log_loss,
    )
    table.add_row("mean", f"{results.flights:,}", *_pairs(mean), "", style="bold")
    return table


def _pairs(month: MonthFigures) -> list[str]:
    return [
        *_pair(month.auc, month.first_auc, 1),
        *_pair(month.log_loss, month.first_log_loss, -1),
    ]


def _pair(loop: float | None, first: float | None, better: int) -> tuple[str, str, str]:
    if loop is None or first is None:
        return (_shown(loop), _shown(first), "-")
    return (_shown(loop), _shown(first), f"{round(better * (loop - first), 4) + 0.0:+.4f}")


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _happened(results: Results) -> Text:
    text = Text()
    for event in results.events:
        if event["kind"] in ("promoted", "rejected", "rolled_back", "refused"):
            text.append(f"{event['day']}  {event['kind'].replace('_', ' '):<12} {event['text']}\n")
    text.append(
        f"{results.retrainings} retrainings, {results.promotions} promotions, "
        f"{len(results.alarms)} alarms."
    )
    return text
