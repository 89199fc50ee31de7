"""Which names, values and comparators a search accepts, one grammar for each kind of thing.

The parser in `parser.py` is the same for all searches; what differs between runs, experiments,
registered models, model versions and logged models is in these tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "EXPERIMENTS",
    "LOGGED_MODELS",
    "MODEL_VERSIONS",
    "REGISTERED_MODELS",
    "RUNS",
    "TRACES",
    "Entity",
    "Grammar",
]

Entity = Literal["attribute", "metric", "parameter", "tag", "dataset", "metadata", "span"]

NUMERIC = frozenset({">", ">=", "!=", "=", "<", "<="})
STRING = frozenset({"!=", "=", "LIKE", "ILIKE"})
LISTED = STRING | {"IN", "NOT IN"}
NULLS = frozenset({"IS NULL", "IS NOT NULL"})
_RUN_ATTRIBUTES = frozenset(
    {
        *("artifact_uri", "end_time", "run_id", "run_name", "start_time", "status", "user_id"),
        *("created", "Created", "run name", "Run name", "Run Name"),
    }
)


@dataclass(frozen=True)
class Grammar:
    """What one search accepts.

    Attributes:
        entities: what the part before the first dot may be, and what it means.
        attributes: the attributes that may be filtered on.
        orderable: the attributes that may be ordered by.
        numeric: the attributes that compare with numbers.
        listed: the attributes that compare with a list; None means all of them.
        comparators: the comparators of each kind of entity.
        numeric_comparators: the comparators of numeric attributes.
        orders: the kinds of entity that may be ordered by.
        quoted_numbers: the numeric attributes whose number may be quoted.
        aliases: other spellings of attributes.
        invalid_entity: the words for an entity that is not in `entities`.
        invalid_clause: the words for text that is no clause, with the text and the whole filter.
    """

    entities: Mapping[str, Entity]
    attributes: frozenset[str]
    orderable: frozenset[str]
    numeric: frozenset[str]
    comparators: Mapping[Entity, frozenset[str]]
    invalid_entity: str
    invalid_clause: str = "Invalid clause(s) in filter string: {0}"
    listed: frozenset[str] | None = frozenset()
    numeric_comparators: frozenset[str] = NUMERIC
    orders: frozenset[Entity] = frozenset({"attribute"})
    quoted_numbers: frozenset[str] = frozenset()
    aliases: Mapping[str, str] = field(default_factory=dict)


_RUN_ENTITIES: dict[str, Entity] = {
    **dict.fromkeys(("metric", "metrics"), "metric"),
    **dict.fromkeys(("parameter", "parameters", "param", "params"), "parameter"),
    **dict.fromkeys(("tag", "tags"), "tag"),
    **dict.fromkeys(("attribute", "attributes", "attr", "run"), "attribute"),
    **dict.fromkeys(("dataset", "datasets"), "dataset"),
}
_PLAIN_ENTITIES: dict[str, Entity] = {"attribute": "attribute", "tag": "tag", "tags": "tag"}
_PLAIN_INVALID = "Valid entity types are ('attribute', 'tag', 'tags')"
_TIMES = frozenset({"creation_timestamp", "last_updated_timestamp"})

RUNS = Grammar(
    entities=_RUN_ENTITIES,
    attributes=_RUN_ATTRIBUTES,
    orderable=_RUN_ATTRIBUTES,
    numeric=frozenset({"start_time", "end_time", "created", "Created"}),
    listed=frozenset({"run_id"}),
    comparators={
        "attribute": LISTED,
        "metric": NUMERIC,
        "parameter": STRING | NULLS,
        "tag": STRING | NULLS,
        "dataset": LISTED,
    },
    aliases={
        **dict.fromkeys(("created", "Created"), "start_time"),
        **dict.fromkeys(("run name", "Run name", "Run Name"), "run_name"),
    },
    orders=frozenset({"attribute", "metric", "parameter", "tag"}),
    invalid_clause="Invalid clause(s) in filter string: '{0}'",
    invalid_entity="Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']",
)

EXPERIMENTS = Grammar(
    entities=_PLAIN_ENTITIES,
    attributes=frozenset({"name", "experiment_id", "creation_time", "last_update_time"}),
    orderable=frozenset({"name", "experiment_id", "creation_time", "last_update_time"}),
    numeric=frozenset({"creation_time", "last_update_time"}),
    listed=frozenset({"experiment_id"}),
    comparators={"attribute": LISTED, "tag": STRING | NULLS},
    invalid_entity=_PLAIN_INVALID,
)

REGISTERED_MODELS = Grammar(
    entities=_PLAIN_ENTITIES,
    attributes=frozenset({"name"}),
    orderable=frozenset({"name", "timestamp", "last_updated_timestamp"}),
    numeric=_TIMES,
    listed=frozenset({"name"}),
    comparators={"attribute": LISTED, "tag": STRING},
    invalid_entity=_PLAIN_INVALID,
)

MODEL_VERSIONS = Grammar(
    entities=_PLAIN_ENTITIES,
    attributes=frozenset({"name", "version_number", "run_id", "source_path"}),
    orderable=frozenset({"name", "version_number"}) | _TIMES,
    numeric=frozenset({"version_number"}) | _TIMES,
    quoted_numbers=frozenset({"version_number"}),
    listed=frozenset({"name", "run_id"}),
    comparators={"attribute": LISTED, "tag": STRING},
    invalid_entity=_PLAIN_INVALID,
)

_MODEL_TIMES = _TIMES | {"creation_time", "last_updated_time"}
_MODEL_TIMES = _MODEL_TIMES | {"creation_timestamp_ms", "last_updated_timestamp_ms"}
LOGGED_MODELS = Grammar(
    entities={name: kind for name, kind in _RUN_ENTITIES.items() if kind != "dataset"},
    attributes=frozenset({"name", "model_id", "model_type", "status", "source_run_id"})
    | _MODEL_TIMES,
    orderable=frozenset({"name", "model_id", "model_type", "status", "source_run_id"})
    | _MODEL_TIMES,
    numeric=_MODEL_TIMES,
    listed=None,
    comparators={"attribute": LISTED, "metric": NUMERIC, "parameter": LISTED, "tag": LISTED},
    aliases={
        **dict.fromkeys(("creation_time", "creation_timestamp_ms"), "creation_timestamp"),
        **dict.fromkeys(
            ("last_updated_time", "last_updated_timestamp_ms"), "last_updated_timestamp"
        ),
    },
    invalid_clause=(
        "Invalid filter string: {1!r}. Expected a list of comparisons separated by 'AND' (e.g. "
        "'metrics.loss > 0.1 AND params.lr = 0.01')."
    ),
    invalid_entity="Expected one of ['attributes', 'metrics', 'params', 'tags']",
)

_TRACE_NUMBERS = frozenset({"timestamp_ms", "execution_time_ms", "end_time_ms"})
_TRACE_SHORT = {
    "timestamp": "timestamp_ms",
    "execution_time": "execution_time_ms",
    "end_time": "end_time_ms",
    "trace_id": "request_id",
}
_TRACE_TEXTS = frozenset({"request_id", "status", "client_request_id", "name", "run_id"})
_TRACE_ATTRIBUTES = _TRACE_NUMBERS | _TRACE_TEXTS | frozenset(_TRACE_SHORT)
TRACES = Grammar(
    entities={
        **dict.fromkeys(("tag", "tags"), "tag"),
        **dict.fromkeys(("attribute", "attributes", "trace"), "attribute"),
        **dict.fromkeys(("request_metadata", "metadata"), "metadata"),
        "span": "span",
    },
    attributes=_TRACE_ATTRIBUTES | {"text"},
    orderable=(_TRACE_ATTRIBUTES | {"experiment_id"}) - {"client_request_id"},
    numeric=_TRACE_NUMBERS | frozenset(_TRACE_SHORT) - {"trace_id"},
    listed=_TRACE_TEXTS | {"trace_id"},
    comparators={
        "attribute": LISTED | NULLS,
        "tag": STRING | NULLS,
        "metadata": STRING | NULLS,
        "span": LISTED,
    },
    orders=frozenset({"attribute", "tag", "metadata"}),
    aliases=_TRACE_SHORT,
    invalid_clause="Invalid clause(s) in filter string: '{0}'",
    invalid_entity=(
        "Valid values are ['attribute', 'tag', 'request_metadata', 'span'] and their aliases; "
        "assessments are not kept by this server"
    ),
)
