"""What a feature means, for people in a phrase and for comparing apart from its name.

Serves `entry`, which lists features, and `twins`, which finds two definitions of one thing.
"""

from collections.abc import Hashable, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any

from dovetail.features.aggregations import Aggregation
from dovetail.features.moments import span_text
from dovetail.features.ondemand import OnDemandView
from dovetail.features.views import FeatureGroup, LatestView, View, WindowView

__all__ = ["Meaning", "meaning_of"]


@dataclass(frozen=True)
class Meaning:
    """What a feature means.

    Attributes:
        text: A phrase for people.
        identity: Equal for two features that are the same but for their names.
    """

    text: str
    identity: Hashable


def meaning_of(view: FeatureGroup, feature: str) -> Meaning:
    """Return what a feature of a view means."""
    if isinstance(view, WindowView):
        return _windowed(view, feature)
    if isinstance(view, LatestView):
        return _latest(view, feature)
    assert isinstance(view, OnDemandView)
    return _computed(view, feature)


def _windowed(view: WindowView, feature: str) -> Meaning:
    at = view.feature_names.index(feature)
    figure, window = view.aggregations[at // len(view.spans)], view.spans[at % len(view.spans)]
    derived = {c: view.source.derive[c] for c in _read(figure) if c in view.source.derive}
    over = f"the last {window.events} events" if window.events else window.name
    return Meaning(
        f"{_spelled(figure)} over {over} of {_where(view)}",
        (
            _rows(view),
            _nameless(figure),
            tuple(sorted(derived.items())),
            view.tile_us,
            replace(window, name=""),
        ),
    )


def _latest(view: LatestView, feature: str) -> Meaning:
    written = view.source.derive.get(feature, feature)
    shown = feature if written == feature else f"{feature} = {written}"
    age = f", at most {span_text(view.ttl_us)} old" if view.ttl_us else ""
    return Meaning(f"last {shown} of {_where(view)}{age}", (_rows(view), written, view.ttl_us))


def _computed(view: OnDemandView, feature: str) -> Meaning:
    if (read := view.expressions.get(feature)) is None:
        named = getattr(view.compute, "__name__", "a function")
        return Meaning(f"computed by {named}", (view.compute, feature, view.selections))
    assert isinstance(view.features, Mapping)
    text = view.features[feature]
    groups = {part.view.name: part.view for part in view.selections}
    inputs = []
    for name in read.columns:
        if name in view.taken:
            of, taken = view.taken[name]
            inputs.append((name, meaning_of(groups[of], taken).identity))
        else:
            inputs.append((name, view.request.get(name)))
    return Meaning(f"{text} when asked", (text, tuple(inputs)))


def _rows(view: View) -> Hashable:
    """The rows that a view sees, apart from what it and its source are called."""
    source = view.source
    url = getattr(source, "url", "")
    place = (type(source).__name__, url, source.path) if source.path else (source.name,)
    return (
        place,
        source.event_time,
        source.known_at,
        source.id_columns,
        source.where,
        view.where,
        frozenset(view.keys),
    )


def _where(view: View) -> str:
    kept = " and ".join(text for text in (view.source.where, view.where) if text)
    by = f" by {', '.join(view.keys)}" if view.keys else ""
    return f"{view.source.name}{by}{f', where {kept}' if kept else ''}"


def _read(figure: Aggregation) -> tuple[str, ...]:
    return tuple(dict.fromkeys(c for m in figure.measures for c in m.columns))


def _nameless(figure: Aggregation) -> Aggregation:
    has_name = any(f.name == "name" for f in fields(figure))
    return replace(figure, **{"name": ""}) if has_name else figure


def _spelled(figure: Aggregation) -> str:
    """Write a figure as in the definitions, without its name and what is as by default."""
    said: list[str] = []
    for field in fields(figure):
        value: Any = getattr(figure, field.name)
        if field.name == "name" or (field.default is not MISSING and value == field.default):
            continue
        if isinstance(value, Aggregation):
            shown = _spelled(value)
        else:
            shown = value if field.default is MISSING else f"{field.name}={value!r}"
        said.append(str(shown))
    return f"{type(figure).__name__}({', '.join(said)})"
