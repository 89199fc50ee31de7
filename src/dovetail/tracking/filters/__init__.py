"""MLflow's search grammar: text in, typed conditions out."""

from dovetail.tracking.filters.grammar import (
    EXPERIMENTS,
    LOGGED_MODELS,
    MODEL_VERSIONS,
    REGISTERED_MODELS,
    RUNS,
    TRACES,
    Entity,
    Grammar,
)
from dovetail.tracking.filters.parser import Condition, Order, parse_filter, parse_order

__all__ = [
    "EXPERIMENTS",
    "LOGGED_MODELS",
    "MODEL_VERSIONS",
    "REGISTERED_MODELS",
    "RUNS",
    "TRACES",
    "Condition",
    "Entity",
    "Grammar",
    "Order",
    "parse_filter",
    "parse_order",
]
