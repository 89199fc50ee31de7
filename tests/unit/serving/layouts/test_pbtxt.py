"""Triton's configuration files are read as protobuf reads them."""

import pytest

from dovetail.serving.layouts.pbtxt import PbtxtError, parse, texts

FULL = r"""
# a comment
name: "lr" ; platform: 'onnx' "runtime_onnx"
max_batch_size: 0x10
input [ { name: "x\"y\n" data_type: TYPE_FP32 dims: [ 3, -1 ] }, { name: "z" dims: 3 dims: 4 } ]
output < name: "p" >
parameters { key: "threshold" value: { string_value: "0.7" } }
rate: -1.5e3f octal: 010 yes: true [my.ext]: 1
"""


def test_a_whole_file():
    text = FULL.replace("[my.ext]: 1", "")
    found = parse(text)
    assert found.text("name") == "lr"
    assert found.text("platform") == "onnxruntime_onnx"
    assert (found.number("max_batch_size"), found.number("octal")) == (16, 8)
    first, second = found.messages("input")
    assert first.text("name") == 'x"y\n'
    assert (first.numbers("dims"), second.numbers("dims")) == ((3, -1), (3, 4))
    assert found.messages("output") == [{"name": ["p"]}]
    assert texts(found.messages("parameters")) == {"threshold": "0.7"}
    assert (found.one("rate"), found.one("yes")) == (-1500.0, True)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name: ", "ends where a value"),
        ("input { name: 1", "ends where '}' is missing"),
        ('name: "open', "is not text format"),
        ("\n\n}", "line 3: '}' is not expected there"),
        ("input [ { } ", "ends where a value"),
        ("a {" * 40 + "}" * 40, "over 32 deep"),
        ("#" * (1 << 20) + "#", "over 1 MiB"),
        ("x: \0", "is not text format"),
    ],
    ids=["value", "brace", "quote", "stray", "bracket", "deep", "large", "nul"],
)
def test_what_is_no_text_format_says_where(text, why):
    with pytest.raises(PbtxtError, match=why):
        parse(text)


@pytest.mark.parametrize("text", ['n: "a"', "n: true", "n { }", "n: 1.5"])
def test_a_field_of_another_type_is_refused(text):
    with pytest.raises(PbtxtError, match="n is not a whole number"):
        parse(text).number("n")
