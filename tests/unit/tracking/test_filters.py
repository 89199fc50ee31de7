"""Filter strings and order_by clauses, word for word as MLflow reads and refuses them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.filters import (
    EXPERIMENTS,
    LOGGED_MODELS,
    MODEL_VERSIONS,
    REGISTERED_MODELS,
    RUNS,
    Condition,
    Grammar,
    Order,
    parse_filter,
    parse_order,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("metrics.auc > 0.8", Condition("metric", "auc", ">", 0.8)),
        ("metric.auc>=-1e-3", Condition("metric", "auc", ">=", -0.001)),
        ("metrics.`val/auc` < 1", Condition("metric", "val/auc", "<", 1.0)),
        ('params."a b" = "x\'y"', Condition("parameter", "a b", "=", "x'y")),
        ("parameters.lr != '0.1'", Condition("parameter", "lr", "!=", "0.1")),
        ("tags.mlflow.user LIKE 'a%'", Condition("tag", "mlflow.user", "LIKE", "a%")),
        ("tag.t ilike '%A'", Condition("tag", "t", "ILIKE", "%A")),
        ("tags.t = 'it''s'", Condition("tag", "t", "=", "it's")),
        ("tags.t IS NOT NULL", Condition("tag", "t", "IS NOT NULL", None)),
        ("params.p is null", Condition("parameter", "p", "IS NULL", None)),
        ("attributes.status = 'FINISHED'", Condition("attribute", "status", "=", "FINISHED")),
        ("status = 'FAILED'", Condition("attribute", "status", "=", "FAILED")),
        ("attr.created > 12", Condition("attribute", "start_time", ">", 12)),
        ("run.`run name` = 'x'", Condition("attribute", "run_name", "=", "x")),
        ("run_id IN ('a', 'b')", Condition("attribute", "run_id", "IN", ("a", "b"))),
        ("run_id NOT IN ('a')", Condition("attribute", "run_id", "NOT IN", ("a",))),
        ("dataset.name LIKE 'fl%'", Condition("dataset", "name", "LIKE", "fl%")),
        ("metrics.'val/auc' < 1", Condition("metric", "val/auc", "<", 1.0)),
        ("`metrics`.auc > 1", Condition("metric", "auc", ">", 1.0)),
        ("metrics.`a.b` > 1", Condition("metric", "a.b", ">", 1.0)),
        ('params.p = ""', Condition("parameter", "p", "=", "")),
        ("AND metrics.auc > 1 AND", Condition("metric", "auc", ">", 1.0)),
    ],
)
def test_a_clause_on_runs_is_read(text: str, found: Condition) -> None:
    assert parse_filter(text, RUNS) == [found]


def test_clauses_are_joined_by_and() -> None:
    text = "metrics.a > 1 AND params.b = 'AND' and tags.c != 'x'"
    assert [(c.key, c.value) for c in parse_filter(text, RUNS)] == [
        ("a", 1.0),
        ("b", "AND"),
        ("c", "x"),
    ]


@pytest.mark.parametrize("text", ["", "  ", None])
def test_an_empty_filter_matches_everything(text: str | None) -> None:
    assert parse_filter(text, RUNS) == []


@pytest.mark.parametrize(
    ("grammar", "text", "message"),
    [
        (RUNS, "metrics.a > 1 OR metrics.b > 1", "Invalid clause(s) in filter string: 'OR'"),
        (RUNS, "metrics.acc", "Invalid clause(s) in filter string: 'metrics.acc'"),
        (
            RUNS,
            "m.acc > 1",
            "Invalid entity type 'm'. Valid values are "
            "['metric', 'parameter', 'tag', 'attribute', 'dataset']",
        ),
        (
            RUNS,
            "metrics.acc = 'x'",
            "Expected numeric value type for metric. Found 'x'",
        ),
        (
            RUNS,
            "params.lr = 0.1",
            "Expected a quoted string value for parameter (e.g. 'my-value'). Got value 0.1",
        ),
        (
            RUNS,
            "tags.t = x",
            "Parameter value is either not quoted or unidentified quote types used for string "
            "value x. Use either single or double quotes.",
        ),
        (
            RUNS,
            "start_time = 'x'",
            "Expected numeric value type for numeric attribute: start_time. Found 'x'",
        ),
        (
            RUNS,
            "status IN ('x')",
            "Only ['run_id'] attributes support comparison with a list of quoted string values.",
        ),
        (
            RUNS,
            "run_id IN ()",
            "While parsing a list in the query, expected a non-empty list of string values, but "
            "got empty list",
        ),
        (
            RUNS,
            "run_id IN ('a'; DROP TABLE runs)",
            "While parsing a list in the query, expected a non-empty list of string values, but "
            "got ill-formed list.",
        ),
        (
            RUNS,
            "metrics.a IS NULL",
            "IS NULL / IS NOT NULL is only supported for tags and params, not for 'metric' 'a'",
        ),
        (
            EXPERIMENTS,
            "params.a = 'x'",
            "Invalid entity type 'params'. Valid entity types are ('attribute', 'tag', 'tags')",
        ),
        (
            EXPERIMENTS,
            "name IS NULL",
            "IS NULL / IS NOT NULL is only supported for tags, not for attribute 'name'",
        ),
        (
            REGISTERED_MODELS,
            "run_id = 'x'",
            "Invalid attribute key 'run_id' specified. Valid keys are '{'name'}'",
        ),
    ],
)
def test_a_filter_is_refused_in_mlflows_words(grammar: Grammar, text: str, message: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        parse_filter(text, grammar)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tags.a > 'x'", "Invalid comparator '>' not one of '{'!=', '=', 'ILIKE', 'IS NOT NULL'"),
        ("metrics.a LIKE 'x'", "Expected numeric value type for metric. Found 'x'"),
        ("unknown = 'x'", "Invalid attribute key 'unknown' specified. Valid keys are '{'Created'"),
        ("metrics.a > 1;DROP TABLE runs", "Search filter contained multiple expression"),
        ("metrics.a == 1", "Invalid comparator '==' not one of '{'!=', '<', '<=', '=', '>', '>='}"),
        ("run_id = ('a')", "Invalid comparator '=' for a list of values. Use IN or NOT IN."),
        ("start_time > 9223372036854775808", "The number 9223372036854775808 is out of range for"),
    ],
)
def test_the_beginning_of_other_refusals(text: str, message: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        parse_filter(text, RUNS)
    assert str(caught.value).startswith(message)


def test_versions_and_logged_models_have_attributes_of_their_own() -> None:
    assert parse_filter("version_number >= 3", MODEL_VERSIONS) == [
        Condition("attribute", "version_number", ">=", 3)
    ]
    assert parse_filter("version_number = '3'", MODEL_VERSIONS) == [
        Condition("attribute", "version_number", "=", 3)
    ]
    assert parse_filter("creation_time > 5 AND params.p IN ('a')", LOGGED_MODELS) == [
        Condition("attribute", "creation_timestamp", ">", 5),
        Condition("parameter", "p", "IN", ("a",)),
    ]


@given(
    st.text(st.characters(blacklist_characters="`", blacklist_categories=("Cs", "Cc")), min_size=1),
    st.text(st.characters(blacklist_characters="\\", blacklist_categories=("Cs",))),
)
def test_any_key_and_any_value_can_be_asked_for(key: str, value: str) -> None:
    quoted = value.replace("'", "''")
    assert parse_filter(f"tags.`{key}` = '{quoted}'", RUNS) == [Condition("tag", key, "=", value)]


@given(st.text(max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    with contextlib.suppress(InvalidParameterError):
        assert isinstance(parse_filter(text, RUNS), list)


def test_order_by_is_read() -> None:
    assert parse_order(["metrics.`a b` DESC", "start_time", "tags.t ASC"], RUNS) == [
        Order("metric", "a b", False),
        Order("attribute", "start_time", True),
        Order("tag", "t", True),
    ]


@pytest.mark.parametrize(
    ("clauses", "message"),
    [
        (["metrics.a up"], "Invalid ordering key in order_by clause 'metrics.a up'."),
        (["metrics.a desc nulls"], "Invalid order_by clause 'metrics.a desc nulls'. Could not be "),
        ([""], "Invalid order_by clause ''. Could not be parsed."),
        (["status", "status DESC"], "`order_by` contains duplicate fields: ['status', 'status DE"),
        (["dataset.name"], "Invalid order_by entity: dataset"),
    ],
)
def test_order_by_is_refused_in_mlflows_words(clauses: list[str], message: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        parse_order(clauses, RUNS)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("grammar", [EXPERIMENTS, REGISTERED_MODELS, MODEL_VERSIONS])
def test_only_runs_are_ordered_by_tags(grammar: Grammar) -> None:
    with pytest.raises(InvalidParameterError, match=r"^Invalid order_by entity: tag$"):
        parse_order(["tags.k DESC"], grammar)
    assert parse_order(["tags.k DESC"], RUNS) == [Order("tag", "k", False)]


def test_backticks_may_go_around_a_whole_order_by_field() -> None:
    assert parse_order(["`metrics.auc` DESC"], RUNS) == [Order("metric", "auc", False)]
    assert parse_order(["metrics.`val auc`"], RUNS) == [Order("metric", "val auc", True)]
