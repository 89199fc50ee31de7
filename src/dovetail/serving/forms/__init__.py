"""What a compiled form is made of: plain data that opens into quick functions.

A form is `steps` that turn a request into a matrix of features, a `core` that turns it into
scores, and a `head` that turns scores into outputs. Each is a value that can be written to disk
and has `open()`, which returns the function. `converters` makes them, `compiled` runs them.
"""

from dovetail.serving.forms.blocks import Blocks, Categories, Encoded, Plain
from dovetail.serving.forms.cores import Core, Linear, Trees
from dovetail.serving.forms.heads import Classes, Head, Labels, Values
from dovetail.serving.forms.inputs import Input, MatrixInput, TableInput
from dovetail.serving.forms.numbers import Numbers
from dovetail.serving.forms.steps import (
    Absent,
    Arithmetic,
    Clip,
    Fill,
    Finite,
    Pick,
    Product,
    SimpleStep,
    Single,
    Step,
    Whole,
)

__all__ = [
    "Absent",
    "Arithmetic",
    "Blocks",
    "Categories",
    "Classes",
    "Clip",
    "Core",
    "Encoded",
    "Fill",
    "Finite",
    "Head",
    "Input",
    "Labels",
    "Linear",
    "MatrixInput",
    "Numbers",
    "Pick",
    "Plain",
    "Product",
    "SimpleStep",
    "Single",
    "Step",
    "TableInput",
    "Trees",
    "Values",
    "Whole",
]
