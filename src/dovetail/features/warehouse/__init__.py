"""Point-in-time-correct SQL of the same definitions, for a warehouse or for DuckDB.

One query a service: the rows of each source once, then one common table expression a view. What
was known when is found by sorting, not by comparing all rows with all questions: the rows of a
key and the questions about it stand in one line by time, and a running maximum or sum along it is
what each question saw.
"""

from dovetail.features.warehouse.query import Tables, query, steps

__all__ = ["Tables", "query", "steps"]
