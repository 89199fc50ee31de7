"""Is a data set labelled well enough to train on? Any table, without any project."""

import typing

from dovetail.base.lazy import lazy as _lazy

if typing.TYPE_CHECKING:
    from dovetail.labels.audit.auditor import audit, audit_columns
    from dovetail.labels.audit.findings import (
        Action,
        Annotator,
        Asked,
        Audit,
        Class,
        Confusion,
        Doubt,
        Likeness,
        SeveralAudit,
        Suspect,
    )
    from dovetail.labels.audit.reading import Columns
    from dovetail.labels.audit.several import audit_lists

__all__ = [
    "Action",
    "Annotator",
    "Asked",
    "Audit",
    "Class",
    "Columns",
    "Confusion",
    "Doubt",
    "Likeness",
    "SeveralAudit",
    "Suspect",
    "audit",
    "audit_columns",
    "audit_lists",
]

_HOMES = {
    "Action": "findings",
    "Annotator": "findings",
    "Asked": "findings",
    "Audit": "findings",
    "Class": "findings",
    "Columns": "reading",
    "Confusion": "findings",
    "Doubt": "findings",
    "Likeness": "findings",
    "SeveralAudit": "findings",
    "Suspect": "findings",
    "audit": "auditor",
    "audit_columns": "auditor",
    "audit_lists": "several",
}

__getattr__ = _lazy(__name__, _HOMES)
