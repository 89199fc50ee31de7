"""Conditions of a graph's steps as GJSON paths, which is what KServe's router knows.

There a condition is a path that has to exist in the body. A comparison of one field with one value
becomes a query over a list of that field alone: `parameters.tier == "gold"` is
`[parameters.tier]|#(=="gold")`. What is more than that has to be written as a path by hand.
"""

import re

from dovetail.base.errors import InvalidInputError

__all__ = ["EVERYTHING", "to_gjson"]

EVERYTHING = "@this"
"""The path of the whole body, which always exists."""
_BY_HAND = "gjson:"
_CONDITION = re.compile(
    r"\s*(?P<root>parameters|inputs|outputs)\.(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"(?P<index>\[\d+\])?"
    r"(?:\s*(?P<sign>==|<=|>=|<|>)\s*"
    r"(?P<value>-?\d+(?:\.\d+)?|\"[^\"\\]*\"|'[^'\\\"]*'|true|false))?\s*"
)


def to_gjson(condition: str, *, sees_response: bool) -> str:
    """Return the path that exists where a condition holds.

    Args:
        condition: in the language of the server's graphs, or `gjson:PATH`.
        sees_response: whether the body is the answer of the step before, and not the request.

    Raises:
        InvalidInputError: KServe's router cannot decide it.

    Example:
        >>> to_gjson('parameters.tier == "gold"', sees_response=False)
        '[parameters.tier]|#(=="gold")'
        >>> to_gjson("inputs.age[0] >= 18", sees_response=False)
        '[inputs.#(name=="age").data.0]|#(>=18)'
    """
    if condition.startswith(_BY_HAND):
        return condition.removeprefix(_BY_HAND).strip()
    found = _CONDITION.fullmatch(condition)
    if found is None:
        raise _refused(condition, "only one field compared with one value is one")
    if (found["root"] == "outputs") is not sees_response:
        body = "the answer of the step before" if sees_response else "the request"
        raise _refused(condition, f"the body here is {body}")
    place = f"{found['root']}.{found['name']}"
    if found["root"] != "parameters":
        index = (found["index"] or "[0]")[1:-1]
        place = f'{found["root"]}.#(name=="{found["name"]}").data.{index}'
    elif found["index"]:
        raise _refused(condition, "a parameter has no elements")
    if found["sign"] is None:
        return f"[{place}]|#(==~true)"
    value = found["value"].replace("'", '"') if found["value"][0] == "'" else found["value"]
    return f"[{place}]|#({found['sign']}{value})"


def _refused(condition: str, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"KServe's router cannot decide {condition!r}",
        why=f"it knows paths that have to exist in the body, and {why}",
        fix="write a GJSON path as gjson:PATH",
    )
