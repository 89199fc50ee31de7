"""Entities, views and services: what a feature is, told once for training and serving.

The vocabulary is Feast's where Feast has the word. A view turns the rows of one source
into features of an entity; a service names the features that one model takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from dovetail.features.aggregations import Aggregation, Measure
from dovetail.features.errors import DefinitionError, FeatureNotFoundError
from dovetail.features.moments import span_text, span_us
from dovetail.features.sources import Source


@dataclass(frozen=True)
class Entity:
    """A thing that has features, found by its join keys.

    Attributes:
        name: Name of the entity.
        join_keys: Columns that identify it in sources and in questions; the name itself
            when empty.

    Examples:
        >>> Entity("origin").join_keys
        ('origin',)
    """

    name: str
    join_keys: Sequence[str] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "join_keys", tuple(self.join_keys) or (self.name,))


@dataclass(frozen=True, kw_only=True)
class View:
    """Features of entities from one source; base of LatestView and WindowView.

    Attributes:
        name: Name of the view.
        entities: What has the features; with none the view holds for the whole source.
        source: Where the rows come from.
    """

    name: str = field(kw_only=False)
    entities: Sequence[Entity]
    source: Source

    def __post_init__(self) -> None:
        object.__setattr__(self, "entities", tuple(self.entities))
        if not self.name or ":" in self.name:
            raise DefinitionError(f"{self.name!r} is not a name for a view")
        names = self.feature_names
        if len(set(names)) < len(names):
            raise DefinitionError(f"View {self.name!r} has two features of one name: {names}")

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The join keys of all entities, in order."""
        return tuple(dict.fromkeys(key for e in self.entities for key in e.join_keys))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        raise NotImplementedError

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the source that the view reads, beside its times."""
        raise NotImplementedError

    def __getitem__(self, features: str | Sequence[str]) -> "Selection":
        """Choose some features of the view for a service."""
        return Selection(self, (features,) if isinstance(features, str) else tuple(features))


@dataclass(frozen=True, kw_only=True)
class LatestView(View):
    """The last known row of an entity.

    Asked at t, the answer is the row with the greatest event time among those that had
    happened and were known at t (both inclusive). Where event times are equal the row
    that became known later stands, then the greater id, then the later row. A row older
    than `ttl` (an age equal to it still counts) answers null, in training and online.

    Attributes:
        features: Columns of the source.
        ttl: Greatest age, as `"3h"` or a timedelta; None for no limit.

    Examples:
        >>> weather = Source("weather", event_time="hour")
        >>> LatestView(
        ...     "sky", entities=[Entity("origin")], source=weather, features=["temp"], ttl="3h"
        ... ).ttl_us
        10800000000
    """

    features: Sequence[str]
    ttl: str | timedelta | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", tuple(self.features))
        super().__post_init__()
        _ = self.ttl_us

    @cached_property
    def ttl_us(self) -> int:
        """Greatest age in microseconds; 0 for no limit."""
        return span_us(self.ttl) if self.ttl else 0

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        return tuple(self.features)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the source that the view reads, beside its times."""
        return (*self.keys, *self.features)


@dataclass(frozen=True, kw_only=True)
class StaticView(LatestView):
    """What does not age: a LatestView without a time limit."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ttl:
            raise DefinitionError(
                f"Static view {self.name!r} has a ttl", fix="Make it a LatestView"
            )


@dataclass(frozen=True, kw_only=True)
class WindowView(View):
    """Figures over the events of an entity in sliding windows.

    Events are put into tiles of equal length by the time they became known. Asked at t, a
    window of length W covers the whole tiles in [floor(t, tile) - W, floor(t, tile)): the
    tile that t itself lies in is not finished and never counts. A window without events
    counts 0, sums to 0, and has no mean and no share (null).

    Attributes:
        tile: Length of a tile, `"1h"`.
        windows: Lengths of the windows, each a multiple of the tile.
        aggregations: Count, Sum, Mean, Share. Each is computed for each window; the
            feature is called `{stem}_{window}`, for example `dep_delay_mean_3h`.

    Examples:
        >>> from dovetail.features import Count, Mean
        >>> departures = Source("departures", event_time="left", id="flight")
        >>> WindowView(
        ...     "traffic", entities=[Entity("origin")], source=departures, tile="1h",
        ...     windows=["1h", "24h"], aggregations=[Count(), Mean("delay")],
        ... ).feature_names
        ('count_1h', 'count_24h', 'delay_mean_1h', 'delay_mean_24h')
    """

    tile: str | timedelta = "1h"
    windows: Sequence[str | timedelta]
    aggregations: Sequence[Aggregation]

    def __post_init__(self) -> None:
        object.__setattr__(self, "windows", tuple(self.windows))
        object.__setattr__(self, "aggregations", tuple(self.aggregations))
        super().__post_init__()
        if not self.windows or not self.aggregations:
            raise DefinitionError(f"View {self.name!r} needs windows and aggregations")
        if not self.source.id_columns:
            raise DefinitionError(
                f"View {self.name!r} counts events of {self.source.name!r}, which has no id",
                why="An event that is sent twice would be counted twice",
                fix="Give the source id=..., the column or columns that identify an event",
            )
        for length in self.window_us:
            if length % self.tile_us:
                raise DefinitionError(
                    f"View {self.name!r}: the window {span_text(length)} is not a multiple "
                    f"of the tile {span_text(self.tile_us)}"
                )

    @cached_property
    def tile_us(self) -> int:
        """Length of a tile in microseconds."""
        return span_us(self.tile)

    @cached_property
    def window_us(self) -> tuple[int, ...]:
        """Lengths of the windows in microseconds."""
        return tuple(span_us(w) for w in self.windows)

    @cached_property
    def window_tiles(self) -> tuple[int, ...]:
        """Lengths of the windows in tiles."""
        return tuple(length // self.tile_us for length in self.window_us)

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        """The distinct measures of all aggregations, in order."""
        return tuple(dict.fromkeys(m for a in self.aggregations for m in a.measures))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features: each aggregation over each window, in order."""
        return tuple(f"{a.stem}_{w}" for a in self.aggregations for w in self._window_names)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the source that the view reads, beside its times."""
        return tuple(dict.fromkeys((*self.keys, *(m.column for m in self.measures if m.column))))

    @cached_property
    def _window_names(self) -> tuple[str, ...]:
        """The windows as they were written, or in the shortest form."""
        return tuple(w if isinstance(w, str) else span_text(span_us(w)) for w in self.windows)


@dataclass(frozen=True)
class Selection:
    """Some features of a view, in the order asked for."""

    view: View
    features: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in self.features:
            if name not in self.view.feature_names:
                raise FeatureNotFoundError(
                    f"View {self.view.name!r} has no feature {name!r}",
                    fix=f"It has: {', '.join(self.view.feature_names)}",
                )


@dataclass(frozen=True)
class FeatureService:
    """The features that one model takes, in order.

    Attributes:
        name: Name of the service.
        features: Views (all their features) or `view[["a", "b"]]` (some of them).
    """

    name: str
    features: Sequence[View | Selection]

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", tuple(self.features))
        if not self.features:
            raise DefinitionError(f"Service {self.name!r} has no features")

    @property
    def selections(self) -> tuple[Selection, ...]:
        """What is taken of each view, in order."""
        return tuple(
            part if isinstance(part, Selection) else part[part.feature_names]
            for part in self.features
        )
