"""The classical drift tests, for those who must report them.

A calibrated test every day alarms in a quiet year almost surely, so alarms come from the evidence
of `drift.py`. A single comparison of two tables may use these: `ClassicalTests` is fitted to a
reference and runs them on any rows.
"""

from dovetail.monitoring.classical.catalogue import TESTS
from dovetail.monitoring.classical.corrections import CORRECTIONS
from dovetail.monitoring.classical.fitted import ClassicalTests, TestResult, TestResults

__all__ = ["CORRECTIONS", "TESTS", "ClassicalTests", "TestResult", "TestResults"]
