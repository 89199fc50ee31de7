"""Training tables that cannot be lost: versioned, checked, held, verified.

Neighbours: the features piece reads these Delta tables as sources; the loop appends what came
in and records which rows trained a model. See `docs/how-to/data.md`.
"""

from dovetail.data.checks import Finding, check
from dovetail.data.infer import infer
from dovetail.data.lake import Lake
from dovetail.data.schema import Column, Schema
from dovetail.data.snapshots import Snapshot, Verdict
from dovetail.data.table import Commit, Table, Version

__all__ = [
    "Column",
    "Commit",
    "Finding",
    "Lake",
    "Schema",
    "Snapshot",
    "Table",
    "Verdict",
    "Version",
    "check",
    "infer",
]
