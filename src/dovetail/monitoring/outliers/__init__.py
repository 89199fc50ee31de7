"""Single rows that are unlike the reference, at a rate of alarms that was asked for."""

from dovetail.monitoring.outliers.detector import Outliers, Scored

__all__ = ["Outliers", "Scored"]
