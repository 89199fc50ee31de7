"""Features defined once, computed for training and served online by one rule.

Neighbours: the data piece's Delta tables are read as sources; the protocol is Feast's
feature server. See `docs/how-to/features.md`.
"""

from dovetail.features.aggregations import Count, Mean, Ratio, Share, Sum
from dovetail.features.catalog import Definitions, collect, load
from dovetail.features.extremes import CountDistinct, First, Last, Max, Min, Std
from dovetail.features.ondemand import OnDemandView
from dovetail.features.sources import CsvSource, DeltaSource, ParquetSource, PushSource, SqlSource
from dovetail.features.streaming import write_training_set
from dovetail.features.training import training_set
from dovetail.features.views import Entity, FeatureService, LatestView, StaticView, WindowView

__all__ = [
    "Count",
    "CountDistinct",
    "CsvSource",
    "Definitions",
    "DeltaSource",
    "Entity",
    "FeatureService",
    "First",
    "Last",
    "LatestView",
    "Max",
    "Mean",
    "Min",
    "OnDemandView",
    "ParquetSource",
    "PushSource",
    "Ratio",
    "Share",
    "SqlSource",
    "StaticView",
    "Std",
    "Sum",
    "WindowView",
    "collect",
    "load",
    "training_set",
    "write_training_set",
]
