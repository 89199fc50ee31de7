"""Row-level expressions: SQL text that means the same in frames, rows and databases.

Sources and views take them as `derive` and `where`, aggregations as `where`, on-demand views
as features. `reading` parses the text once into a `tree`; `columns` makes polars of it, `rows`
a Python function, `sql` text for a database.
"""

from dovetail.features.expressions.expression import Expression, expression

__all__ = ["Expression", "expression"]
