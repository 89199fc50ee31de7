"""The form in which a person tries a model: a field for each column or tensor, filled in.

The values are examples that every model takes: zeros, the first known category, or true. What is
sent is an ordinary request with the role `test`, so that no log or monitor takes it for traffic.
"""

from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from dovetail.serving.model import Model
from dovetail.serving.signature import MatrixSignature
from dovetail.serving.table import Column, TableSignature
from dovetail.serving.tensors import TensorSpec

__all__ = ["Field", "Group", "curl", "groups"]

_MOST_FIELDS = 64
_MOST_ELEMENTS = 4096


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One value that a person gives.

    Attributes:
        label: what it is called.
        value: the example.
        choices: the values that the model knows; empty where any will do.
        whole: whether it is all elements of its tensor, as a JSON list.
    """

    label: str
    value: str
    choices: list[str] = []
    whole: bool = False


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One tensor of the request and the fields that make it.

    Attributes:
        name: of the tensor.
        datatype: of the tensor.
        shape: of the tensor, for one row.
        fields: its elements in order, or the one field that has them all.
    """

    name: str
    datatype: str
    shape: list[int]
    fields: list[Field]


def groups(model: Model) -> list[Group]:
    """Return the form of a model."""
    signature = model.predictor.signature
    if isinstance(signature, TableSignature) and len(signature.columns) <= _MOST_FIELDS:
        return [_column(column) for column in signature.columns]
    if isinstance(signature, MatrixSignature) and len(signature.columns) <= _MOST_FIELDS:
        if signature.columns:
            return [
                Group(
                    name=name,
                    datatype=signature.datatype,
                    shape=[1],
                    fields=[Field(label=name, value="0")],
                )
                for name in signature.columns
            ]
        if signature.width <= _MOST_FIELDS:
            labels = [f"feature {number}" for number in range(signature.width)]
            fields = [Field(label=label, value="0") for label in labels]
            return [
                Group(
                    name=signature.name,
                    datatype=signature.datatype,
                    shape=[1, signature.width],
                    fields=fields,
                )
            ]
    return [_tensor(spec) for spec in signature.inputs]


def curl(model: Model, form: Sequence[Group], address: str) -> str:
    """Return the command that sends what the form has at first.

    Args:
        model: which one.
        form: from `groups`.
        address: of the server.
    """
    inputs = [
        {
            "name": group.name,
            "shape": group.shape,
            "datatype": group.datatype,
            "data": _values(group),
        }
        for group in form
    ]
    text = msgspec.json.encode({"inputs": inputs}).decode().replace("'", "'\\''")
    return f"curl -s {address}/v2/models/{quote(model.name, safe='@')}/infer -d '{text}'"


def _column(column: Column) -> Group:
    choices = [str(value) for value in column.categories]
    example = choices[0] if choices else _example(column.datatype)
    if column.content == "datetime":
        example = "2024-01-01T00:00:00"
    field = Field(label=column.name, value=example, choices=choices)
    return Group(name=column.name, datatype=column.datatype, shape=[1], fields=[field])


def _tensor(spec: TensorSpec) -> Group:
    shape = [1 if size < 0 else size for size in spec.shape]
    elements = 1
    for size in shape:
        elements *= size
    example = _example(spec.datatype)
    if elements == 1:
        fields = [Field(label=spec.name, value=example)]
    else:
        one = example if spec.datatype != "BYTES" else f'"{example}"'
        value = f"[{', '.join([one] * min(elements, _MOST_ELEMENTS))}]"
        fields = [Field(label=spec.name, value=value, whole=True)]
    return Group(name=spec.name, datatype=spec.datatype, shape=shape, fields=fields)


def _example(datatype: str) -> str:
    return {"BYTES": "text", "BOOL": "true"}.get(datatype, "0")


def _values(group: Group) -> list[object]:
    """Return what a group sends; as `try-it.js` makes it of the fields."""
    if group.fields[0].whole:
        return list(msgspec.json.decode(group.fields[0].value, type=list[object]))
    if group.datatype == "BYTES":
        return [field.value for field in group.fields]
    return [msgspec.json.decode(field.value) for field in group.fields]
