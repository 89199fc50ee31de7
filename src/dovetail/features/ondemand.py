"""Features computed when they are asked for, from request data and other features.

The same expressions, or the same function, run over the questions of a training set and over a
question online, so the value is the same on both sides.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dovetail.features.errors import DefinitionError, RowsError
from dovetail.features.expressions import Expression, expression
from dovetail.features.frozen import Frozen
from dovetail.features.measures import known
from dovetail.features.moments import column_us, moment_text, moment_us
from dovetail.features.views import FeatureGroup, LatestView, Selection, View

if TYPE_CHECKING:
    import polars as pl

ASKED = "asked_at"
_KINDS = {float: "a number", int: "a whole number", str: "text", bool: "true or false"}
Function = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class OnDemandView(FeatureGroup):
    """Features of a question itself, of other features, or of both.

    Attributes:
        name: Name of the view.
        features: Expressions by the name of the feature; or names of features, with `compute`.
        inputs: Views, or `view[["a", "b"]]`, whose features are used: by their names, or by
            `view__feature` where two are called the same.
        request: Columns that questions bring, with their types: float, int, str, bool or
            datetime. `asked_at` of type datetime is the time of asking where none is sent.
        compute: Function of a row (a mapping of inputs and request, times as RFC 3339 text)
            that returns a mapping of the features.
        description: What the features are, for people.
        owner: Who answers for them.
        tags: Words to find them by.

    Examples:
        >>> trip = OnDemandView(
        ...     "trip", request={"miles": float, "hours": float},
        ...     features={"speed": "miles / hours", "is_long": "miles > 1000"},
        ... )
        >>> trip.row({"miles": 500, "hours": 2})
        {'speed': 250.0, 'is_long': False}
    """

    name: str = field(kw_only=False)
    features: Mapping[str, str] | Sequence[str]
    inputs: Sequence[View | Selection] = ()
    request: Mapping[str, type] = field(default_factory=dict)
    compute: Function | None = None
    description: str = ""
    owner: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", tuple(self.inputs))
        for name in ("request", "tags"):
            object.__setattr__(self, name, Frozen(getattr(self, name)))
        is_written = isinstance(self.features, Mapping)
        if is_written == (self.compute is not None) or not self.features:
            raise DefinitionError(
                f"On-demand view {self.name!r} needs expressions by name, or names and compute="
            )
        kept = Frozen(self.features) if isinstance(self.features, Mapping) else None
        object.__setattr__(self, "features", kept or tuple(self.features))
        if odd := [n for n, kind in self.request.items() if kind not in (*_KINDS, datetime)]:
            raise DefinitionError(
                f"On-demand view {self.name!r} requests {odd[0]!r} of a type that is not known",
                fix="Use float, int, str, bool or datetime",
            )
        self._check_names()

    def _check_names(self) -> None:
        if not self.name or ":" in self.name:
            raise DefinitionError(f"{self.name!r} is not a name for a view")
        for feature, read in self.expressions.items():
            if missing := [c for c in read.columns if c not in self.request | self.taken.keys()]:
                raise DefinitionError(
                    f"Feature {feature!r} of {self.name!r} uses {missing[0]!r}, which is neither "
                    f"requested nor a feature of its inputs",
                    why="Of two inputs of one name each is called view__feature",
                    fix=f"There are: {', '.join([*self.request, *self.taken]) or 'none'}",
                )
        if clash := self.request.keys() & self.taken.keys():
            raise DefinitionError(f"{self.name!r} requests {min(clash)!r}, which is a feature too")

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        return tuple(self.features)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The join keys of the inputs."""
        return tuple(dict.fromkeys(k for part in self.selections for k in part.view.keys))

    @cached_property
    def selections(self) -> tuple[Selection, ...]:
        """What is taken of the inputs."""
        return tuple(
            part if isinstance(part, Selection) else part[part.feature_names]
            for part in self.inputs
        )

    @cached_property
    def taken(self) -> Mapping[str, tuple[str, str]]:
        """View and feature of each name that an expression can use."""
        pairs = [(part.view.name, f) for part in self.selections for f in part.features]
        names = [feature for _, feature in pairs]
        short = {f: (view, f) for view, f in pairs if names.count(f) == 1}
        return {**short, **{f"{view}__{f}": (view, f) for view, f in pairs}}

    @cached_property
    def expressions(self) -> Mapping[str, Expression]:
        """The expressions by feature; none where a function computes."""
        if not isinstance(self.features, Mapping):
            return {}
        return {name: expression(text) for name, text in self.features.items()}

    @cached_property
    def used(self) -> tuple[str, ...]:
        """The names of inputs that are needed."""
        if self.compute is not None:
            return tuple(self.taken)
        read = dict.fromkeys(c for e in self.expressions.values() for c in e.columns)
        return tuple(c for c in read if c in self.taken)

    @cached_property
    def times(self) -> tuple[str, ...]:
        """The names of inputs that are times of their source."""
        views = {part.view.name: part.view for part in self.selections}
        return tuple(
            name
            for name, (of, feature) in self.taken.items()
            if isinstance(view := views[of], LatestView) and view.source.is_time(feature)
        )

    def row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Compute the features of one question.

        Args:
            row: Inputs and request data as JSON values.

        Raises:
            RowsError: A value does not fit, or the function fails.
        """
        if self.compute is None:
            return {name: _written(e, e.of(row)) for name, e in self.expressions.items()}
        times = {n: moment_text(moment_us(row[n], what=n)) for n in self.times if row.get(n)}
        try:
            found = self.compute({**row, **times})
            return {name: known(found[name]) for name in self.feature_names}
        except Exception as error:
            raise RowsError(
                f"The function of on-demand view {self.name!r} fails",
                why=f"{type(error).__name__}: {error}",
            ) from error

    def requested(self, row: Mapping[str, Any], as_of: int | None) -> dict[str, Any]:
        """Return the request data of a question, checked; `asked_at` may be left to `as_of`.

        Raises:
            RowsError: A value is missing or of another type.
        """
        found: dict[str, Any] = {}
        for name, kind in self.request.items():
            if name in row:
                found[name] = _converted(name, kind, row[name])
            elif name == ASKED and kind is datetime and as_of is not None:
                found[name] = moment_text(as_of)
            else:
                raise RowsError(
                    f"The question lacks {name!r}, which {self.name!r} needs",
                    fix=f"Send a list for each of {sorted(self.request)} among the entities",
                )
        return found

    def frame(self, rows: "pl.DataFrame") -> "list[pl.Series]":
        """Compute the features of many questions.

        Args:
            rows: Inputs that are `used`, and the request data.

        Raises:
            RowsError: A column is of another type, or the function fails.
        """
        import polars as pl

        if self.compute is None:
            found = rows.with_columns(
                (
                    e.over(rows.schema).cast(pl.Datetime("us", "UTC"))
                    if e.kind == "time"
                    else e.over(rows.schema)
                ).alias(f"__{name}")
                for name, e in self.expressions.items()
            )
            return [found[f"__{name}"].alias(name) for name in self.feature_names]
        texts = rows.with_columns(
            column_us(rows.schema, name) for name, kind in rows.schema.items() if kind.is_temporal()
        )
        times = [n for n, kind in rows.schema.items() if kind.is_temporal()]
        computed = [self._row_of_frame(row, times) for row in texts.iter_rows(named=True)]
        return [
            pl.Series(name, [row[name] for row in computed], strict=False)
            for name in self.feature_names
        ]

    def _row_of_frame(self, row: dict[str, Any], times: Sequence[str]) -> dict[str, Any]:
        for name in times:
            row[name] = None if row[name] is None else moment_text(row[name])
        request = self.requested(row, None)
        return self.row({**{name: known(value) for name, value in row.items()}, **request})


def _written(read: Expression, value: Any) -> Any:
    return moment_text(value) if read.kind == "time" and value is not None else value


def _converted(name: str, kind: type, value: Any) -> Any:
    """Return request data in its type, or refuse it."""
    if value is None or value != value:
        return None
    if kind is datetime:
        return moment_text(moment_us(value, what=name))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is float and is_number:
        return float(value)
    if kind is int and is_number and value == int(value):
        return int(value)
    if isinstance(value, kind):
        return value
    raise RowsError(f"{name!r} holds {value!r}, which is not {_KINDS[kind]}")
