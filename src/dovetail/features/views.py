"""Entities, views and services: what a feature is, told once for training and serving.

The vocabulary is Feast's where Feast has the word. A view turns the rows of one source
into features of an entity; a service names the features that one model takes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from dovetail.features.aggregations import Aggregation
from dovetail.features.errors import DefinitionError, FeatureNotFoundError
from dovetail.features.expressions import Expression, expression
from dovetail.features.frozen import Frozen
from dovetail.features.measures import Measure
from dovetail.features.moments import span_us
from dovetail.features.sources import Source
from dovetail.features.windows import Style, Window, window_of


@dataclass(frozen=True)
class Entity:
    """A thing that has features, found by its join keys.

    Attributes:
        name: Name of the entity.
        join_keys: Columns that identify it in sources and in questions; the name itself
            when empty.
        description: What it is, for people.
        owner: Who answers for it.
        tags: Words to find it by, `{"team": "ops"}`.

    Examples:
        >>> Entity("origin").join_keys
        ('origin',)
    """

    name: str
    join_keys: Sequence[str] = ()
    description: str = field(default="", kw_only=True)
    owner: str = field(default="", kw_only=True)
    tags: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "join_keys", tuple(self.join_keys) or (self.name,))
        object.__setattr__(self, "tags", Frozen(self.tags))


class FeatureGroup:
    """What has features by name: views of sources, and on-demand views."""

    name: str
    description: str
    owner: str
    tags: Mapping[str, str]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        raise NotImplementedError

    @property
    def keys(self) -> tuple[str, ...]:
        """The join keys of all entities, in order."""
        raise NotImplementedError

    def __getitem__(self, features: str | Sequence[str]) -> "Selection":
        """Choose some features for a service."""
        return Selection(self, (features,) if isinstance(features, str) else tuple(features))


@dataclass(frozen=True, kw_only=True)
class View(FeatureGroup):
    """Features of entities from one source; base of LatestView and WindowView.

    Attributes:
        name: Name of the view.
        entities: What has the features; with none the view holds for the whole source.
        source: Where the rows come from.
        derive: Columns computed from those of the source, by name: SQL text of one row. They
            belong to the source: no other view can mean another column by the name.
        where: Condition, SQL text; rows of which it is not true do not exist for the view.
        description: What the features are, for people.
        owner: Who answers for them.
        tags: Words to find them by, `{"team": "ops"}`.
    """

    name: str = field(kw_only=False)
    entities: Sequence[Entity]
    source: Source
    derive: Mapping[str, str] = field(default_factory=dict)
    where: str = ""
    description: str = ""
    owner: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "entities", tuple(self.entities))
        object.__setattr__(self, "derive", Frozen(self.derive))
        object.__setattr__(self, "tags", Frozen(self.tags))
        if self.derive:
            object.__setattr__(self, "source", self.source.deriving(self.derive))
        _ = self.condition
        if not self.name or ":" in self.name:
            raise DefinitionError(f"{self.name!r} is not a name for a view")
        names = self.feature_names
        if len(set(names)) < len(names):
            raise DefinitionError(f"View {self.name!r} has two features of one name: {names}")

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The join keys of all entities, in order."""
        return tuple(dict.fromkeys(key for e in self.entities for key in e.join_keys))

    @cached_property
    def condition(self) -> Expression | None:
        """The condition of rows that exist for the view; None for all."""
        return expression(self.where, "boolean") if self.where else None

    @property
    def _condition_columns(self) -> tuple[str, ...]:
        return self.condition.columns if self.condition else ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the source that the view reads, beside its times."""
        raise NotImplementedError


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
        if self.ttl_us and not self.source.event_time:
            raise DefinitionError(
                f"View {self.name!r} has a ttl, but its source {self.source.name!r} has no times"
            )

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
        return tuple(dict.fromkeys((*self.keys, *self.features, *self._condition_columns)))


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
    """Figures over the events of an entity in windows.

    Events are put into tiles of equal length by the time they became known. Asked at t, a
    sliding window of length W covers the whole tiles in [floor(t, tile) - W, floor(t, tile)): the
    tile that t itself lies in is not finished and never counts. A tumbling window is the last
    finished one of those that follow each other from 1970 on (weeks from a Monday). A window
    `"last 5"` covers the five last events that had happened and were known at t, to the
    microsecond. A window without events counts 0, sums to 0, and has no mean, no share, no
    least and no last value (null).

    Attributes:
        tile: Length of a tile, `"1h"`.
        windows: Lengths of the windows, each a multiple of the tile, or `"last 5"`.
        aggregations: Count, Sum, Mean, Share, Ratio, Std, Min, Max, First, Last, CountDistinct.
            Each is computed for each window; the feature is called `{stem}_{window}`, for
            example `dep_delay_mean_3h`.
        kind: `sliding` or `tumbling`.

    Examples:
        >>> from dovetail.features import Count, Mean
        >>> departures = Source("departures", event_time="left", id="flight")
        >>> WindowView(
        ...     "traffic", entities=[Entity("origin")], source=departures, tile="1h",
        ...     windows=["1h", "last 5"], aggregations=[Count(where="delay > 15"), Mean("delay")],
        ... ).feature_names
        ('count_1h', 'count_last_5', 'delay_mean_1h', 'delay_mean_last_5')
    """

    tile: str | timedelta = "1h"
    windows: Sequence[str | timedelta]
    aggregations: Sequence[Aggregation]
    kind: Style = "sliding"

    def __post_init__(self) -> None:
        object.__setattr__(self, "windows", tuple(self.windows))
        object.__setattr__(self, "aggregations", tuple(self.aggregations))
        if not self.windows or not self.aggregations:
            raise DefinitionError(f"View {self.name!r} needs windows and aggregations")
        super().__post_init__()
        if not self.source.id_columns:
            raise DefinitionError(
                f"View {self.name!r} counts events of {self.source.name!r}, which has no id",
                why="An event that is sent twice would be counted twice",
                fix="Give the source id=..., the column or columns that identify an event",
            )
        if not self.source.event_time:
            raise DefinitionError(
                f"View {self.name!r} has windows, but its source {self.source.name!r} has no times"
            )
        if self.kind not in ("sliding", "tumbling"):
            raise DefinitionError(
                f"View {self.name!r} is of kind {self.kind!r}", fix="Use sliding or tumbling"
            )

    @cached_property
    def tile_us(self) -> int:
        """Length of a tile in microseconds."""
        return span_us(self.tile)

    @cached_property
    def spans(self) -> tuple[Window, ...]:
        """The windows, read."""
        try:
            return tuple(window_of(w, self.tile_us, self.kind) for w in self.windows)
        except DefinitionError as error:
            said = f"View {self.name!r}: {error.what}"
            raise DefinitionError(said, why=error.why, fix=error.fix) from None

    @property
    def reach_us(self) -> int:
        """How long before a question the events may lie that its windows of time need."""
        return (max((w.reach for w in self.spans), default=0) + 1) * self.tile_us

    @property
    def most_events(self) -> int:
        """How many of the last events the windows need that are counted in events."""
        return max((w.events for w in self.spans), default=0)

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        """The distinct measures of all aggregations, in order."""
        return tuple(dict.fromkeys(m for a in self.aggregations for m in a.measures))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features: each aggregation over each window, in order."""
        return tuple(f"{a.stem}_{w.name}" for a in self.aggregations for w in self.spans)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the source that the view reads, beside its times."""
        read = (c for m in self.measures for c in m.columns)
        return tuple(dict.fromkeys((*self.keys, *read, *self._condition_columns)))


@dataclass(frozen=True)
class Selection:
    """Some features of a view, in the order asked for."""

    view: FeatureGroup
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
        description: What the model is for, for people.
        owner: Who answers for it.
        tags: Words to find it by, `{"team": "ops"}`.
    """

    name: str
    features: Sequence[FeatureGroup | Selection]
    description: str = field(default="", kw_only=True)
    owner: str = field(default="", kw_only=True)
    tags: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", tuple(self.features))
        object.__setattr__(self, "tags", Frozen(self.tags))
        if not self.features:
            raise DefinitionError(f"Service {self.name!r} has no features")

    @property
    def selections(self) -> tuple[Selection, ...]:
        """What is taken of each view, in order."""
        return tuple(
            part if isinstance(part, Selection) else part[part.feature_names]
            for part in self.features
        )
