"""Ask Label Studio's own code: scripts run by the Python that it is installed for.

`LABEL_STUDIO_VENV` names its virtual environment, `.venv-label-studio` where nothing is said.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
VENV = Path(os.environ.get("LABEL_STUDIO_VENV", ROOT / ".venv-label-studio"))
PYTHON = VENV / "bin" / "python"
needs_label_studio = pytest.mark.skipif(
    not (VENV / "bin" / "label-studio").exists(),
    reason=f"no Label Studio is installed in {VENV}: 800 MB, so none is by default",
)


def ask(script: str, given: Any = None, seconds: float = 240) -> Any:
    """Run a script with `given` as its variable; what it leaves in `answer` comes back."""
    begin, end = (
        "import json, sys\ngiven = json.load(sys.stdin)",
        "print('\\n@@' + json.dumps(answer))",
    )
    code = f"{begin}\n{script}\n{end}"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    said = subprocess.run(
        [str(PYTHON), "-c", code],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=seconds,
        env={**environment, "SENTRY_DSN": "", "COLLECT_ANALYTICS": "false"},
        check=False,
    )
    assert said.returncode == 0, said.stderr[-2000:]
    return json.loads(said.stdout.rsplit("@@", 1)[1])


TEMPLATES = """
import glob, os, yaml, label_studio
folder = os.path.join(os.path.dirname(label_studio.__file__), "annotation_templates")
answer = {}
for path in sorted(glob.glob(folder + "/*/*/config.yml")):
    with open(path) as file:
        answer[os.path.basename(os.path.dirname(path))] = yaml.safe_load(file)["config"]
for path in sorted(glob.glob(folder + "/*/*/config.xml")):
    with open(path) as file:
        answer[os.path.basename(os.path.dirname(path)) + ".xml"] = file.read()
"""


def templates() -> dict[str, str]:
    """The label configs that Label Studio ships, by the name of their folder."""
    found: dict[str, str] = ask(TEMPLATES)
    return found
