"""Conditions decide what they say, and a text that is none is refused with the place."""

import numpy as np
import pytest

from dovetail.base.errors import InvalidInputError
from dovetail.serving.graphs.expression import Facts, parse_condition

FACTS = Facts(
    inputs={"age": np.array([21, 17]), "name": np.array([b"ada"], object), "x": np.array([[0.5]])},
    outputs={"score": np.array([0.2, 0.9])},
    parameters={"tier": "gold", "beta": True, "limit": 3, "odd name": 1},
    headers={b"x-country": b"SE"},
)
HOLD = {
    'parameters.tier == "gold"': True,
    "parameters.tier != 'gold'": False,
    "inputs.age[0] >= 18 and inputs.age[1] < 18": True,
    "inputs.age[7] > 0": False,  # not there
    "inputs.age[-1] == 17": True,
    "max(outputs.score) > 0.85": True,
    "mean(outputs.score) > 0.85": False,
    "size(inputs.age) == 2": True,
    "size(inputs.nothing) == 0": True,
    "inputs.name == 'ada'": True,
    "inputs.x > -1e3": True,
    "headers['X-Country'] in ['SE', 'NO']": True,
    "not headers.nothing": True,
    "not not parameters.beta": True,
    "parameters.beta and not (parameters.limit == 4 or parameters.limit > 5)": True,
    'parameters["odd name"] == 1': True,
    "parameters.nothing == null": True,
    "parameters.tier > 3": False,  # text is not greater than a number
    "parameters.limit in [1, 2, 3]": True,
    "true or parameters.nothing.": None,
    "inputs.age > 1": "a condition needs one value, the tensor has 2",
    "parameters.tier == ": "makes no sense at character 20. a field or a value is due",
    "__import__('os')": "makes no sense at character 1. a field begins with parameters",
    "parameters.tier.upper": "makes no sense at character 16. and, or, or the end is due",
    "inputs.age['a']": "a whole number is due",
    "max(3)": "a field begins with",
    "parameters.a = 1": "makes no sense at character 13",
    "(" * 60 + "true" + ")" * 60: "nested too deeply",
    "true or " * 300 + "true": "over 2000 characters",
    "": "a field or a value is due",
}


@pytest.mark.parametrize(("text", "outcome"), HOLD.items(), ids=range(len(HOLD)))
def test_a_condition_decides_or_is_refused(text, outcome):
    if isinstance(outcome, bool):
        assert parse_condition(text)(FACTS) is outcome
        return
    with pytest.raises(InvalidInputError) as caught:
        parse_condition(text)(FACTS)
    assert (outcome or "").lower() in str(caught.value).lower()
