"""The use cases of the feature server, free of HTTP.

`routes` decodes Feast's messages and calls these; `cli` and `ui` call them too. Questions
are answered from memory; what is taken in is durable before the future is done.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from dovetail.features.catalog import Definitions
from dovetail.features.catalogue.uses import drained
from dovetail.features.errors import RowsError
from dovetail.features.intake import Intake
from dovetail.features.lookups import Lookup, lookup_of
from dovetail.features.materialize import Materializer
from dovetail.features.moments import moment_us
from dovetail.features.online.answers import Answer, write_json
from dovetail.features.online.events import events_of
from dovetail.features.online.online import Online
from dovetail.features.online.rows import hashable
from dovetail.features.pushing import Pusher
from dovetail.features.registry import registry_of
from dovetail.features.skew.log import ServedLog
from dovetail.features.views import LatestView
from dovetail.wire import feast_registry
from dovetail.wire.feast import (
    GetOnlineFeatures,
    Materialize,
    MaterializeIncremental,
    Push,
    WriteToOnlineStore,
    decode,
)

if TYPE_CHECKING:
    from concurrent.futures import Future

PLANS = 256
_QUESTION = msgspec.json.Decoder(GetOnlineFeatures)


class Handlers:
    """What clients can ask of the feature server.

    Args:
        definitions: What is defined.
        engine: The online store.
        served: Keeps a sample of what is served; None for none.
    """

    def __init__(
        self, definitions: Definitions, engine: Online, served: ServedLog | None = None
    ) -> None:
        self.definitions, self.engine, self._served = definitions, engine, served
        self._materializer = Materializer(definitions, engine)
        self.pusher = Pusher(definitions, engine)
        self.intake = Intake(definitions, self.pusher)
        self._plans: dict[Any, Lookup] = {}
        self._asked: dict[str, int] = {}

    def get_online_features(self, question: GetOnlineFeatures) -> Answer:
        """Look features up.

        Raises:
            ViewNotFoundError: A view is unknown.
            ServiceNotFoundError: The service is unknown.
            FeatureNotFoundError: A feature is unknown.
            RowsError: A join key is missing, or the columns do not fit.
        """
        plan = self._plan(question)
        length = _length(question.entities)
        as_of = moment_us(question.as_of or self.engine.clock.now(), what="as_of")
        asked = [(view, _keys(keys, question.entities, length)) for view, keys in plan.parts]
        found = self.engine.look_up(asked, as_of)
        answer = Answer(
            question.entities,
            length,
            plan.names,
            plan.answered(found, question.entities, length, as_of),
            plan.views if question.include_feature_view_version_metadata else None,
        )
        plan.asked[0] += 1
        if self._served is not None:
            self._served.tell(question, answer, as_of)
        return answer

    def look_up(self, body: bytes) -> bytes:
        """Answer the body of Feast's `/get-online-features` with the body of the answer.

        Raises:
            InvalidRequest: The body is no question.
            DovetailError: See `get_online_features`.
        """
        try:
            question = _QUESTION.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            question = decode(body, GetOnlineFeatures)
        return write_json(self.get_online_features(question))

    def take_asked(self) -> dict[str, int]:
        """Return how often each service and feature was asked for since this was last called."""
        taken, self._asked = self._asked, {}
        drained(self._plans, taken)
        return taken

    def registry(self, project: str) -> bytes:
        """Return the definitions as Feast's registry file.

        Args:
            project: The project's name in Feast's client.
        """
        found = registry_of(self.definitions, project, self.engine)
        return feast_registry.encode(found, at_us=moment_us(self.engine.clock.now()))

    def _plan(self, question: GetOnlineFeatures) -> Lookup:
        kind = (question.feature_service, question.features, question.full_feature_names)
        if (plan := self._plans.get(kind)) is None:
            plan = self._worked_out(question)
            if len(self._plans) >= PLANS:
                drained(self._plans, self._asked)
                self._plans.clear()
            self._plans[kind] = plan
        if not plan.keys <= question.entities.keys():
            missing = sorted(plan.keys - question.entities.keys())
            raise RowsError(
                f"The entities lack the join keys {missing}",
                fix=f"Send a list for each of {sorted(plan.keys)}",
            )
        return plan

    def _worked_out(self, question: GetOnlineFeatures) -> Lookup:
        if question.feature_service:
            selections = self.definitions.service(question.feature_service).selections
        elif question.features:
            selections = self.definitions.select(question.features)
        else:
            raise RowsError(
                "The question names no feature", fix="Send feature_service, or features"
            )
        return lookup_of(selections, question.full_feature_names)

    def push(self, request: Push) -> "Future[int]":
        """Take rows of a source in, for every view of it, and its table where asked.

        Raises:
            SourceNotFoundError: The source is unknown.
            RowsError: The rows do not fit; nothing is taken in, here or there.
        """
        return self.pusher.push(request.push_source_name, request.df, request.to)

    def write_to_online_store(self, request: WriteToOnlineStore) -> "Future[int]":
        """Write rows to one view; rows of a WindowView are events of its source.

        Raises:
            ViewNotFoundError: The view is unknown.
            RowsError: The rows do not fit.
        """
        view = self.definitions.view(request.feature_view_name)
        if not isinstance(view, LatestView):
            return self.engine.push(view.source.name, request.df)
        source, columns = view.source, dict(request.df)
        happened = columns.get("event_timestamp", [])
        for time in source.time_columns:
            columns[time] = _filled(columns.get(time), happened)
        if not all(c in columns for c in source.id_columns):
            source = replace(source, id=())
        return self.engine.write(view, events_of(source, columns, view.columns))

    def materialize(self, request: Materialize) -> dict[str, int]:
        """Bring rows of the tables online; returns how many of each view.

        Raises:
            ViewNotFoundError: A view is unknown.
            RowsError: A time is missing or cannot be read.
        """
        if request.start_ts is None or request.end_ts is None:
            raise RowsError("start_ts or end_ts is missing", fix="Send both, as RFC 3339 text")
        start = moment_us(request.start_ts, what="start_ts")
        end = moment_us(request.end_ts, what="end_ts")
        return self._materializer.run(request.feature_views, start, end)

    def materialize_incremental(self, request: MaterializeIncremental) -> dict[str, int]:
        """Bring what came since the last time online; returns how many rows of each view."""
        end = moment_us(request.end_ts, what="end_ts")
        return self._materializer.run(request.feature_views, None, end)


def _length(entities: Mapping[str, Sequence[Any]]) -> int:
    if len(entities) == 1:
        (values,) = entities.values()
        return len(values)
    lengths = {name: len(values) for name, values in entities.items()}
    if len(set(lengths.values())) > 1:
        raise RowsError(f"The entity columns differ in length: {lengths}")
    return next(iter(lengths.values()), 1)


def _filled(times: list[Any] | None, happened: list[Any]) -> list[Any]:
    """Return times, with the event time where there is none: Feast's SDK sends null for created."""
    if times is None or len(times) != len(happened):
        return happened if times is None else times
    return [event if time is None else time for time, event in zip(times, happened, strict=True)]


def _keys(
    names: Sequence[str], entities: Mapping[str, Sequence[Any]], length: int
) -> Sequence[Hashable]:
    """Return the key of each entity for a view: a scalar, a tuple of several, or None."""
    for name in names:
        for value in entities[name]:
            if value.__class__ is not str and value.__class__ is not int:
                hashable(value, name)
    if len(names) == 1:
        return entities[names[0]]
    if not names:
        return [()] * length
    return [
        None if None in key else key
        for key in zip(*(entities[name] for name in names), strict=True)
    ]
