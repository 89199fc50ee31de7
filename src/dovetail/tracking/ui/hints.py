"""What helps a person whose filter finds nothing: keys that nobody logged, and which were meant."""

import difflib
from collections.abc import Sequence

from dovetail.tracking.filters import Condition
from dovetail.tracking.store.run_columns import Keys

__all__ = ["unknown_keys"]

_KINDS = {"metric": ("metric", "metrics"), "parameter": ("parameter", "params")}


def unknown_keys(conditions: Sequence[Condition], keys: Keys) -> list[str]:
    """Return a sentence for each metric or parameter of a filter that no run is known to have.

    Args:
        conditions: the filter.
        keys: what the runs of the experiment have.

    Example:
        >>> keys = Keys(metrics=("auc",), params=(), tags=())
        >>> unknown_keys([Condition("metric", "acu", ">", 0.5)], keys)
        ["No recent run logged the metric 'acu'. Did you mean 'auc'?"]
    """
    found = []
    for condition in conditions:
        if condition.entity not in _KINDS:
            continue
        word, group = _KINDS[condition.entity]
        known: tuple[str, ...] = getattr(keys, group)
        if condition.key in known:
            continue
        near = difflib.get_close_matches(condition.key, known, n=1)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        found.append(f"No recent run logged the {word} {condition.key!r}.{meant}")
    return found
