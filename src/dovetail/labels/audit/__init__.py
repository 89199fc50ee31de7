"""Is a data set labelled well enough to train on? Any table, without any project."""

from dovetail.labels.audit.auditor import audit, audit_columns
from dovetail.labels.audit.findings import (
    Action,
    Annotator,
    Audit,
    Class,
    Confusion,
    Likeness,
    Suspect,
)
from dovetail.labels.audit.reading import Columns

__all__ = [
    "Action",
    "Annotator",
    "Audit",
    "Class",
    "Columns",
    "Confusion",
    "Likeness",
    "Suspect",
    "audit",
    "audit_columns",
]
