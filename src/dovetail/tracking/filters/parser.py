"""Read MLflow's filter strings and `order_by` clauses into typed conditions.

The grammar is a conjunction: `clause AND clause ...`, where a clause is an identifier, a comparator
and a value. Values never reach SQL as text: `store/compile.py` binds them as parameters. Messages
are MLflow's, because its clients and tests read them.
"""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.filters.grammar import Entity, Grammar
from dovetail.tracking.filters.lexer import Kind, Token, tokenize

__all__ = ["Condition", "Order", "parse_filter", "parse_order"]

GREATEST = (1 << 63) - 1
Value = str | int | float | tuple[str, ...] | None
_LIST_WORDS = "While parsing a list in the query, expected"


@dataclass(frozen=True)
class Condition:
    """One clause of a filter.

    Attributes:
        entity: what is compared.
        key: the attribute's canonical name, or the key of the metric, parameter or tag.
        op: the comparator, upper case.
        value: what it is compared with; None for IS NULL and IS NOT NULL.
    """

    entity: Entity
    key: str
    op: str
    value: Value


@dataclass(frozen=True)
class Order:
    """One `order_by` clause."""

    entity: Entity
    key: str
    ascending: bool


def parse_filter(text: str | None, grammar: Grammar) -> list[Condition]:
    """Read a filter string.

    Args:
        text: the filter; empty or None matches everything.
        grammar: what the search accepts.

    Raises:
        InvalidParameterError: in MLflow's words.

    Example:
        >>> from dovetail.tracking.filters.grammar import RUNS
        >>> parse_filter("metrics.auc > 0.8", RUNS)
        [Condition(entity='metric', key='auc', op='>', value=0.8)]
    """
    if not text or not text.strip():
        return []
    tokens = tokenize(text)
    if "span" in grammar.comparators and any(token.is_keyword("RLIKE") for token in tokens):
        raise InvalidParameterError("RLIKE is not supported by this server. Use LIKE or ILIKE.")
    if any(token.text == ";" for token in tokens[:-1]):
        raise InvalidParameterError(
            f"Search filter contained multiple expression {text!r}. Provide AND-ed expression list."
        )
    conditions: list[Condition] = []
    invalid: list[str] = []
    at = 0
    while at < len(tokens):
        if tokens[at].is_keyword("AND"):  # MLflow does not mind one too many
            at += 1
            continue
        clause, width = _clause(tokens[at:])
        if clause is None:
            invalid.append(tokens[at].text)
        else:
            conditions.append(_condition(clause, grammar))
        at += width
    if invalid:
        quoted = "'" in grammar.invalid_clause
        listed = ("', '" if quoted else ", ").join(invalid)
        raise InvalidParameterError(grammar.invalid_clause.format(listed, text))
    return conditions


def _clause(tokens: Sequence[Token]) -> tuple[tuple[Token, str, Token | None] | None, int]:
    """Return the clause at the start of `tokens` and how many tokens it takes."""
    if tokens[0].kind is not Kind.NAME or len(tokens) < 3:
        return None, 1
    name, second, third = tokens[:3]
    if second.kind is Kind.OPERATOR and third.kind in _VALUES:
        return (name, second.text, third), 3
    if (second.is_keyword("LIKE") or second.is_keyword("ILIKE")) and third.kind in _VALUES:
        return (name, second.text.upper(), third), 3
    if second.is_keyword("IN") and third.kind is Kind.LIST:
        return (name, "IN", third), 3
    if second.is_keyword("IS") and third.is_keyword("NULL"):
        return (name, "IS NULL", None), 3
    if len(tokens) > 3 and second.is_keyword("NOT") and third.is_keyword("IN"):
        return ((name, "NOT IN", tokens[3]), 4) if tokens[3].kind is Kind.LIST else (None, 1)
    if len(tokens) > 3 and second.is_keyword("IS") and third.is_keyword("NOT"):
        return ((name, "IS NOT NULL", None), 4) if tokens[3].is_keyword("NULL") else (None, 1)
    return None, 1


_LABELS = ("parameter", "tag", "metadata")
_VALUES = frozenset({Kind.STRING, Kind.NUMBER, Kind.NAME, Kind.LIST})


def _condition(clause: tuple[Token, str, Token | None], grammar: Grammar) -> Condition:
    name, op, token = clause
    entity, key = _identifier(name.text, grammar, grammar.attributes)
    if token is None:
        if op not in grammar.comparators[entity]:
            raise InvalidParameterError(_no_nulls(entity, key, grammar))
        return Condition(entity, key, op, None)
    if token.kind is Kind.LIST and op not in ("IN", "NOT IN"):
        raise InvalidParameterError(
            f"Invalid comparator '{op}' for a list of values. Use IN or NOT IN."
        )
    value = _value(entity, key, token, grammar)
    is_numeric = entity == "attribute" and key in grammar.numeric
    allowed = grammar.numeric_comparators if is_numeric else grammar.comparators[entity]
    if op not in allowed:
        raise InvalidParameterError(
            f"Invalid comparator '{op}' not one of '{{{', '.join(sorted(map(repr, allowed)))}}}'"
        )
    return Condition(entity, key, op, value)


def _no_nulls(entity: Entity, key: str, grammar: Grammar) -> str:
    if "parameter" in grammar.comparators:
        return (
            "IS NULL / IS NOT NULL is only supported for tags and params, "
            f"not for '{entity}' '{key}'"
        )
    return f"IS NULL / IS NOT NULL is only supported for tags, not for {entity} '{key}'"


def _identifier(text: str, grammar: Grammar, attributes: frozenset[str]) -> tuple[Entity, str]:
    entity: Entity = "attribute"
    dotted = _DOTTED.fullmatch(text)
    if dotted is None:
        key = _unquote(text)
    else:
        prefix = _unquote(dotted[1])
        if prefix not in grammar.entities:
            raise InvalidParameterError(f"Invalid entity type '{prefix}'. {grammar.invalid_entity}")
        entity, key = grammar.entities[prefix], _unquote(dotted[2])
    if entity == "attribute" and key not in attributes:
        raise InvalidParameterError(
            f"Invalid attribute key '{key}' specified. Valid keys are '{_set(attributes)}'"
        )
    if entity == "span" and key not in _SPAN_KEYS and not key.startswith(SPAN_ATTRIBUTE):
        raise InvalidParameterError(
            f"Invalid span attribute '{key}'. Supported attributes: name, status, type, "
            "attributes.<attribute_name>."
        )
    if entity == "dataset" and key not in _DATASET_KEYS:
        raise InvalidParameterError(
            f"Invalid dataset key '{key}' specified. Valid keys are '{_set(_DATASET_KEYS)}'"
        )
    return entity, grammar.aliases.get(key, key) if entity == "attribute" else key


_DOTTED = re.compile(r"(`[^`]*`|\"[^\"]*\"|[^.`\"]+)\.(.+)", re.DOTALL)
SPAN_ATTRIBUTE = "attributes."
_SPAN_KEYS = frozenset({"name", "type", "status", "content"})
_DATASET_KEYS = frozenset({"name", "digest", "context"})


def _set(names: frozenset[str]) -> str:
    return "{" + ", ".join(repr(name) for name in sorted(names)) + "}"


def _unquote(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "`\"'":
        return text[1:-1]
    return text


def _value(entity: Entity, key: str, token: Token, grammar: Grammar) -> Value:
    if entity == "metric":
        if token.kind is not Kind.NUMBER:
            raise InvalidParameterError(
                f"Expected numeric value type for metric. Found {token.text}"
            )
        return float(token.text)
    if entity == "attribute" and key in grammar.numeric:
        return _number(key, token, grammar)
    if token.kind is Kind.LIST:
        return _list(entity, key, token, grammar)
    if token.kind is Kind.STRING:
        return token.text[1:-1].replace("''", "'")
    if token.kind is Kind.NAME:
        if token.text[0] == '"' == token.text[-1]:
            return token.text[1:-1]
        raise InvalidParameterError(
            "Parameter value is either not quoted or unidentified quote types used for string "
            f"value {token.text}. Use either single or double quotes."
        )
    if entity in _LABELS:
        raise InvalidParameterError(
            f"Expected a quoted string value for {entity} (e.g. 'my-value'). Got value {token.text}"
        )
    what = "attributes" if entity == "attribute" else "dataset attributes"
    raise InvalidParameterError(
        f"Expected a quoted string value for {what}. Got value {token.text}"
    )


def _number(key: str, token: Token, grammar: Grammar) -> int | float:
    text = token.text
    if token.kind is Kind.STRING and key in grammar.quoted_numbers and text[1:-1].isdecimal():
        text = text[1:-1]
    elif token.kind is not Kind.NUMBER:
        raise InvalidParameterError(
            f"Expected numeric value type for numeric attribute: {key}. Found {text}"
        )
    if not text.lstrip("+-").isdigit():
        return float(text)
    if abs(int(text)) > GREATEST:
        raise InvalidParameterError(f"The number {text} is out of range for attribute '{key}'.")
    return int(text)


def _list(entity: Entity, key: str, token: Token, grammar: Grammar) -> tuple[str, ...]:
    if entity == "attribute" and grammar.listed is not None and key not in grammar.listed:
        raise InvalidParameterError(
            f"Only {sorted(grammar.listed)} attributes support comparison with a list of quoted "
            "string values."
        )
    if entity in _LABELS and grammar.listed is not None:
        raise InvalidParameterError(
            f"Expected a quoted string value for {entity} (e.g. 'my-value'). Got value {token.text}"
        )
    try:
        parsed = ast.literal_eval(token.text)
    except (SyntaxError, ValueError) as error:
        raise InvalidParameterError(
            f"{_LIST_WORDS} a non-empty list of string values, but got ill-formed list."
        ) from error
    values = parsed if isinstance(parsed, tuple) else (parsed,)
    if not values:
        raise InvalidParameterError(
            f"{_LIST_WORDS} a non-empty list of string values, but got empty list"
        )
    if not all(isinstance(value, str) for value in values):
        raise InvalidParameterError(
            f"{_LIST_WORDS} string value, punctuation, or whitespace, but got different type in "
            f"list: {values}"
        )
    return values


def parse_order(clauses: Sequence[str], grammar: Grammar) -> list[Order]:
    """Read `order_by` clauses such as `metrics.auc DESC`.

    Raises:
        InvalidParameterError: in MLflow's words; also for a field that is named twice.
    """
    orders = [_order(clause, grammar) for clause in clauses]
    fields = [(order.entity, order.key) for order in orders]
    if len(set(fields)) < len(fields):
        raise InvalidParameterError(f"`order_by` contains duplicate fields: {list(clauses)}")
    return orders


def _order(clause: str, grammar: Grammar) -> Order:
    tokens = tokenize(clause)
    if not tokens or tokens[0].kind is not Kind.NAME or len(tokens) > 2:
        raise InvalidParameterError(f"Invalid order_by clause '{clause}'. Could not be parsed.")
    direction = tokens[1].text.lower() if len(tokens) == 2 else "asc"
    if direction not in ("asc", "desc"):
        raise InvalidParameterError(f"Invalid ordering key in order_by clause '{clause}'.")
    name = tokens[0].text
    if name[0] == "`" == name[-1]:  # MLflow drops these quotes before it looks for a dot
        name = name[1:-1].replace("`", "")
    entity, key = _identifier(name, grammar, grammar.orderable)
    if entity not in grammar.orders:
        raise InvalidParameterError(f"Invalid order_by entity: {entity}")
    return Order(entity, key, direction == "asc")
