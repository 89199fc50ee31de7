"""What the rows of a table must be like: declared by hand, or inferred from rows that are good.

A schema is a small JSON document that people can read and edit. `checks` compares rows with it,
`infer` makes one, `lake` keeps one beside each table.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Kind = Literal["number", "integer", "text", "boolean", "time", "date", "other"]
Rule = Literal[
    "columns", "type", "null", "range", "domain", "length", "constant", "unique", "repeat", "drift"
]
LENIENT: tuple[Rule, ...] = ("range", "domain", "length", "drift", "constant", "repeat")


class Column(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One column."""

    name: str
    kind: Kind
    null_share: Annotated[float, Meta(description="Greatest share of nulls, beyond chance.")] = 1.0
    minimum: Annotated[Any, Meta(description="Least value; times as RFC 3339.")] = None
    maximum: Annotated[Any, Meta(description="Greatest value; times as RFC 3339.")] = None
    values: Annotated[tuple[str, ...] | None, Meta(description="All values that may occur.")] = None
    shortest: Annotated[int | None, Meta(description="Least length of a text.")] = None
    longest: Annotated[int | None, Meta(description="Greatest length of a text.")] = None
    unseen: Annotated[
        float | None, Meta(description="Greatest share of values that the sample did not have.")
    ] = None
    differs: Annotated[bool, Meta(description="Whether no value may occur twice.")] = False
    varies: Annotated[bool, Meta(description="Whether two values at least must occur.")] = False
    deciles: Annotated[
        tuple[float, ...] | None, Meta(description="Deciles 0.1 to 0.9 of the numbers.")
    ] = None
    shares: Annotated[
        dict[str, float] | None, Meta(description="Share of each value in the sample.")
    ] = None


class Schema(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the rows of a table must be like."""

    columns: tuple[Column, ...]
    keys: Annotated[
        tuple[tuple[str, ...], ...], Meta(description="Sets of columns that identify a row.")
    ] = ()
    extra_columns: Annotated[bool, Meta(description="Whether other columns may occur.")] = False
    warn_only: Annotated[
        tuple[Rule, ...], Meta(description="Rules whose breach is told but refuses nothing.")
    ] = ()
    sample_rows: Annotated[int, Meta(description="Rows that it was inferred from.")] = 0

    def column(self, name: str) -> Column | None:
        """Return the column of this name."""
        return next((c for c in self.columns if c.name == name), None)


def to_json(schema: Schema) -> bytes:
    """Write a schema as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(schema), indent=2)


def from_json(text: bytes) -> Schema:
    """Read a schema; raises msgspec.ValidationError where it is none."""
    return msgspec.json.decode(text, type=Schema)
