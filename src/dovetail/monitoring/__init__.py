"""Is the model still right: drift, estimated and realised performance, alarms that hold a budget.

The piece takes in what serving logs and what came true later, both as CloudEvents, and answers
how each version of a model does. Use it as a server (`dovetail monitoring run`) or without one:
`Reference` and `Monitor` watch columns in memory, `Performance` joins labels that come late,
`compare` looks once at two tables.
"""

from dovetail.monitoring.monitor import Findings, Monitor
from dovetail.monitoring.profile_merge import merge_profiles
from dovetail.monitoring.profile_registry import fetch_profile, log_profile
from dovetail.monitoring.quality.performance import Performance, PerformanceFindings
from dovetail.monitoring.reference import Reference
from dovetail.monitoring.report import Comparison, Report, compare

__all__ = [
    "Comparison",
    "Findings",
    "Monitor",
    "Performance",
    "PerformanceFindings",
    "Reference",
    "Report",
    "compare",
    "fetch_profile",
    "log_profile",
    "merge_profiles",
]
