"""Scripts that import each other go out as one file, because a page may make eight requests only.

A script of a piece may be split into modules of one noun each. Its relative imports are followed,
each module once and before whoever needs it, and all are joined in one scope: the imports and the
word `export` fall away. So the top-level names of modules that meet in one page must differ, which
a test holds. The files themselves stay real ES modules, which editors and `tsc` understand.
"""

import re
from pathlib import Path

__all__ = ["join", "order"]

IMPORT = re.compile(r'^import (?:[^;"]*? from )?"\./([a-z0-9-]+\.js)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async |class |function|const |let ))", re.MULTILINE)


def order(entry: Path) -> list[Path]:
    """Return a script and all it imports from its own folder, the imported ones first.

    Args:
        entry: the script that a page names.

    Raises:
        FileNotFoundError: an imported module is not there.
    """
    found: list[Path] = []
    entered: set[Path] = set()

    def visit(path: Path) -> None:
        if path in entered:
            return
        entered.add(path)
        for name in IMPORT.findall(path.read_text(encoding="utf-8")):
            visit(path.parent / name)
        found.append(path)

    visit(entry)
    return found


def join(texts: list[str]) -> str:
    """Put modules into one scope, in the given order.

    >>> join(['export const a = 1;\\n', 'import { a } from "./a.js";\\nexport { b };\\nf(a);\\n'])
    'const a = 1;\\n\\nexport { b };\\nf(a);\\n'
    """
    return "\n".join(EXPORT.sub("", IMPORT.sub("", text)) for text in texts)
