"""Is a data set labelled well enough to train on? Any table, without any project."""

import typing

from dovetail.base.lazy import lazy as _lazy

if typing.TYPE_CHECKING:
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

_HOMES = {
    "Action": "findings",
    "Annotator": "findings",
    "Audit": "findings",
    "Class": "findings",
    "Columns": "reading",
    "Confusion": "findings",
    "Likeness": "findings",
    "Suspect": "findings",
    "audit": "auditor",
    "audit_columns": "auditor",
}

__getattr__ = _lazy(__name__, _HOMES)
