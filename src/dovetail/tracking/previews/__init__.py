"""What can be seen of an artifact without loading it.

Nothing here executes, unpickles or unpacks a file, or renders what a file says as markup. Every
reader takes a bounded part of the file, so that a preview costs the same for 5 KB and for 5 GB.
"""

from dovetail.tracking.previews.choice import preview
from dovetail.tracking.previews.images import SANDBOX, media_type
from dovetail.tracking.previews.source import Source
from dovetail.tracking.previews.values import Column, Line, Node, Preview, Table, Text

__all__ = [
    "SANDBOX",
    "Column",
    "Line",
    "Node",
    "Preview",
    "Source",
    "Table",
    "Text",
    "media_type",
    "preview",
]
