import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_vendored_files_are_the_pinned_ones() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "vendor.py", "--check"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
