"""Files: tasks that come in, and annotations that go out in the formats that training code reads.

The shapes of what goes out are Label Studio's own, so that scripts written for its exports read
ours; `rows.py` says what one row is, one module a format makes a file of rows.
"""

from dovetail.labels.formats.catalog import FORMATS, Export, Format, convert, offered

__all__ = ["FORMATS", "Export", "Format", "convert", "offered"]
