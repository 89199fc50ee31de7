"""Bring the pinned browser scripts of others into the tree, and prove that they are what they were.

`vendor.toml` beside the files names package, version, file, licence and SHA-256. Run without
arguments to fetch the pinned versions again through `npm pack`; a file that differs from its
recorded hash stops the run unless `--accept` is given, which writes the new hashes. `--check`
touches no network: it hashes what is in the tree, and `make lint` runs it.
"""

import argparse
import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (ROOT / "src/dovetail/web/vendor", ROOT / "tests/ui/vendor")


def packages(folder: Path) -> list[dict[str, Any]]:
    """The pinned packages of one folder, as `vendor.toml` lists them."""
    listed: list[dict[str, Any]] = tomllib.loads((folder / "vendor.toml").read_text())["package"]
    return listed


def sha256(content: bytes) -> str:
    """The SHA-256 of some bytes in hex."""
    return hashlib.sha256(content).hexdigest()


def check(folder: Path) -> list[str]:
    """Every way in which a folder differs from its `vendor.toml`; empty when all is well."""
    faults = []
    known = {"vendor.toml"}
    for package in packages(folder):
        for entry in package["files"]:
            known.add(entry["file"])
            path = folder / entry["file"]
            if not path.is_file():
                faults.append(f"{path}: missing")
            elif sha256(path.read_bytes()) != entry["sha256"]:
                faults.append(f"{path}: not the file of {package['name']} {package['version']}")
    faults += [
        f"{path}: not listed in vendor.toml" for path in folder.iterdir() if path.name not in known
    ]
    return faults


def fetch(package: dict[str, Any], scratch: Path) -> dict[str, bytes]:
    """The wanted files of one package at its pinned version, fetched by `npm pack`."""
    wanted = f"{package['name']}@{package['version']}"
    packed = subprocess.run(
        ["npm", "pack", "--silent", wanted], cwd=scratch, check=True, capture_output=True, text=True
    )
    with tarfile.open(scratch / packed.stdout.split()[-1]) as archive:
        contents = {}
        for entry in package["files"]:
            member = archive.extractfile(f"package/{entry['from']}")
            if member is None:
                raise SystemExit(f"{wanted} has no {entry['from']}")
            contents[entry["file"]] = member.read()
    return contents


def refresh(folder: Path, *, accept: bool) -> list[str]:
    """Fetch every package of a folder; return the files that were not what the pin says."""
    surprises = []
    listing = (folder / "vendor.toml").read_text()
    with tempfile.TemporaryDirectory() as scratch:
        for package in packages(folder):
            fetched = fetch(package, Path(scratch))
            for entry in package["files"]:
                content = fetched[entry["file"]]
                digest = sha256(content)
                if digest != entry["sha256"] and not accept:
                    surprises.append(f"{entry['file']}: has {digest}, pinned {entry['sha256']}")
                    continue
                (folder / entry["file"]).write_bytes(content)
                pin = rf'(file = "{re.escape(entry["file"])}", sha256 = ")[0-9a-f]*'
                listing = re.sub(pin, rf"\g<1>{digest}", listing)
    (folder / "vendor.toml").write_text(listing)
    return surprises


def main() -> int:
    """Run the command; 0 when every file is what its pin says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="only verify hashes; no network")
    parser.add_argument("--accept", action="store_true", help="write the hashes of what came")
    options = parser.parse_args()
    faults: list[str] = []
    for folder in FOLDERS:
        faults += check(folder) if options.check else refresh(folder, accept=options.accept)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
