"""Write `answers.json`, what a real MLflow server answers, for servers that are compared with it.

    python tests/compat/mlflow/record.py http://127.0.0.1:5000

The server must have a fresh store.
"""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from conversation import converse
from steps import CONVERSATIONS

RECORD = Path(__file__).parent / "answers.json"


def main(url: str) -> None:
    found: dict[str, Any] = {name: converse(url, steps) for name, steps in CONVERSATIONS.items()}
    lines = []
    for name, answers in found.items():
        each = ",\n".join(json.dumps(answer, sort_keys=True) for answer in answers)
        lines.append(f"{json.dumps(name)}: [\n{each}\n]")
    RECORD.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1])
