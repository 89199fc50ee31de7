"""Code that lies in a model's folder, and is executed where its source is trusted.

The kept files of a version have a digest that is checked at each load. Python would write bytecode
beside what it imports, and the next start would find the folder changed.
"""

import sys
from pathlib import Path

__all__ = ["leave_no_bytecode", "make_importable"]


def leave_no_bytecode() -> None:
    """Write no bytecode from now on: modules may also be imported when a model is called."""
    sys.dont_write_bytecode = True


def make_importable(folder: Path) -> None:
    """Let modules of a folder be imported by their names, as MLflow does with logged code."""
    leave_no_bytecode()
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
