"""Is a data set labelled well enough to train on? Any table, without any project."""

from dovetail.labels.audit.auditor import Audit, audit

__all__ = ["Audit", "audit"]
