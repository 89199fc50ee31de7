"""Artifact stores: named blobs behind one small seam.

A store keeps blobs under relative POSIX paths: in a folder, in an S3 bucket, or in memory. Paths
come from the network, so every store refuses those that leave its root. A blob appears whole or not
at all.
"""

from dovetail.base.artifacts.local import LocalStore
from dovetail.base.artifacts.memory import MemoryStore
from dovetail.base.artifacts.names import clean_path
from dovetail.base.artifacts.parts import LocalParts, Part, Parts, PartWriter
from dovetail.base.artifacts.s3 import S3Store
from dovetail.base.artifacts.s3_parts import S3Parts
from dovetail.base.artifacts.seam import ArtifactStore, Stat, Usage, Writer
from dovetail.base.artifacts.urls import open_store

__all__ = [
    "ArtifactStore",
    "LocalParts",
    "LocalStore",
    "MemoryStore",
    "Part",
    "PartWriter",
    "Parts",
    "S3Parts",
    "S3Store",
    "Stat",
    "Usage",
    "Writer",
    "clean_path",
    "open_store",
]
