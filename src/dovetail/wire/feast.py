"""Feast's feature-server HTTP: online features by column, and writing them.

The answer is columnar: ``results[i]`` holds one feature over all entities, in the order of
``metadata.feature_names``. Our servers also take ``as_of``: the values as they were known then,
by the same rule that training sets are made with; Feast's own server ignores that key.

Source: ``feast/feature_server.py`` of Feast 0.67.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar

import msgspec

from dovetail.wire import lenient
from dovetail.wire.http import JSON, HttpClient

Status = Literal["INVALID", "PRESENT", "NULL_VALUE", "NOT_FOUND", "OUTSIDE_MAX_AGE"]
PushTo = Literal["online", "offline", "online_and_offline"]
Columns = dict[str, list[Any]]

__all__ = [
    "Client",
    "Columns",
    "FeatureVector",
    "FeatureViewMetadata",
    "GetOnlineFeatures",
    "InvalidRequest",
    "Materialize",
    "MaterializeIncremental",
    "Metadata",
    "OnlineFeatures",
    "Push",
    "PushTo",
    "Status",
    "WriteToOnlineStore",
    "decode",
]


class InvalidRequest(ValueError):
    """A body that is not the request that the path takes."""


class Message(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The base of the requests: immutable, unset fields stay off the wire."""


class GetOnlineFeatures(Message, frozen=True, kw_only=True):
    """Ask for features of some entities.

    Attributes:
        entities: Per join key its values, all of one length.
        features: Names such as "weather:wind_speed"; or else
        feature_service: The name of a set of features.
        full_feature_names: Whether to answer with "weather__wind_speed" for "wind_speed".
        include_feature_view_version_metadata: Whether to name the views in the answer.
        as_of: Our extension: as known at that time; None means now.
    """

    entities: Columns
    features: tuple[str, ...] = ()
    feature_service: str | None = None
    full_feature_names: bool = False
    include_feature_view_version_metadata: bool = False
    as_of: datetime | None = None


class FeatureVector(msgspec.Struct, frozen=True):
    """One feature over all entities; a value that is not PRESENT is null."""

    values: tuple[Any, ...] = ()
    statuses: tuple[Status, ...] = ()
    event_timestamps: tuple[str, ...] = ()


class FeatureViewMetadata(msgspec.Struct, frozen=True, omit_defaults=True):
    """A view that took part."""

    name: str
    version: int = 0


class Metadata(msgspec.Struct, frozen=True, omit_defaults=True):
    """The names of the columns."""

    feature_names: tuple[str, ...]
    feature_view_metadata: tuple[FeatureViewMetadata, ...] = ()


class OnlineFeatures(msgspec.Struct, frozen=True):
    """The features asked for, join keys included."""

    results: tuple[FeatureVector, ...]
    metadata: Metadata

    def columns(self) -> Columns:
        """The values by name."""
        pairs = zip(self.metadata.feature_names, self.results, strict=True)
        return {name: list(vector.values) for name, vector in pairs}

    def statuses(self) -> dict[str, list[Status]]:
        """The statuses by name."""
        pairs = zip(self.metadata.feature_names, self.results, strict=True)
        return {name: list(vector.statuses) for name, vector in pairs}


class Push(Message, frozen=True, kw_only=True):
    """Push rows to every view that a push source feeds; ``df`` holds columns."""

    push_source_name: str
    df: Columns
    to: PushTo = "online"
    allow_registry_cache: bool = True
    transform_on_write: bool = True


class WriteToOnlineStore(Message, frozen=True, kw_only=True):
    """Write rows to one view; ``df`` holds columns."""

    feature_view_name: str
    df: Columns
    allow_registry_cache: bool = True
    transform_on_write: bool = True


class Materialize(Message, frozen=True, kw_only=True):
    """Bring a span of the offline rows online; no views means all."""

    start_ts: str | None = None
    end_ts: str | None = None
    feature_views: tuple[str, ...] | None = None
    disable_event_timestamp: bool = False
    full_feature_names: bool = False
    version: str | None = None


class MaterializeIncremental(Message, frozen=True, kw_only=True):
    """Bring online what came since the last time, up to an end."""

    end_ts: str
    feature_views: tuple[str, ...] | None = None
    full_feature_names: bool = False
    version: str | None = None


Request = TypeVar("Request", bound=Message)


def decode(body: bytes, type: type[Request]) -> Request:
    """Read a request; Feast's own client sends bare NaN in columns, which is taken.

    Raises:
        InvalidRequest: The body is not that request.
    """
    try:
        return lenient.decode(body, type, strict=True)
    except msgspec.DecodeError as error:
        raise InvalidRequest(str(error)) from error


class Client(HttpClient):
    """A client of a Feast feature server, ours or the original.

    Examples:
        >>> with Client("http://localhost:8080") as features:  # doctest: +SKIP
        ...     answer = features.get_online_features(
        ...         {"origin": ["EWR", "JFK"]}, features=["weather:wind_speed"]
        ...     )
        ...     print(answer.columns()["wind_speed"])
        [11.5, 13.8]
    """

    def get_online_features(
        self,
        entities: Mapping[str, Sequence[Any]],
        *,
        features: Sequence[str] = (),
        feature_service: str | None = None,
        full_feature_names: bool = False,
        as_of: datetime | None = None,
    ) -> OnlineFeatures:
        """Look features up.

        Args:
            entities: Per join key its values, all of one length.
            features: Names such as "weather:wind_speed", or
            feature_service: the name of a set of features.
            full_feature_names: Whether to put the view before each name.
            as_of: As known at that time; None means now. Only our servers know it.

        Raises:
            NotFound: A view, a feature or the service is unknown.
            WireError: No answer, or another error answer.
        """
        request = GetOnlineFeatures(
            entities={key: list(column) for key, column in entities.items()},
            features=tuple(features),
            feature_service=feature_service,
            full_feature_names=full_feature_names,
            as_of=as_of,
        )
        return self.post("/get-online-features", request, OnlineFeatures, repeatable=True)

    def push(
        self, push_source: str, columns: Mapping[str, Sequence[Any]], *, to: PushTo = "online"
    ) -> None:
        """Push rows to every view that a push source feeds."""
        self._order("/push", Push(push_source_name=push_source, df=_lists(columns), to=to))

    def write_to_online_store(
        self, feature_view: str, columns: Mapping[str, Sequence[Any]]
    ) -> None:
        """Write rows to one view."""
        request = WriteToOnlineStore(feature_view_name=feature_view, df=_lists(columns))
        self._order("/write-to-online-store", request)

    def materialize(
        self, start: datetime, end: datetime, feature_views: Sequence[str] | None = None
    ) -> None:
        """Bring a span of the offline rows online; it is done when this returns."""
        views = None if feature_views is None else tuple(feature_views)
        request = Materialize(
            start_ts=start.isoformat(), end_ts=end.isoformat(), feature_views=views
        )
        self._order("/materialize", request)

    def materialize_incremental(
        self, end: datetime, feature_views: Sequence[str] | None = None
    ) -> None:
        """Bring online what came since the last time."""
        views = None if feature_views is None else tuple(feature_views)
        request = MaterializeIncremental(end_ts=end.isoformat(), feature_views=views)
        self._order("/materialize-incremental", request)

    def is_healthy(self) -> bool:
        """Whether the server answers its health path; Unreachable when nobody is there."""
        return self.send("GET", "/health").is_success

    def _order(self, path: str, body: Message) -> None:
        self.send("POST", path, content=msgspec.json.encode(body), headers=JSON)


def _lists(columns: Mapping[str, Sequence[Any]]) -> Columns:
    return {name: list(column) for name, column in columns.items()}
