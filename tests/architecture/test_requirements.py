"""Pinned lists are versions only, agree with each other, and every dependency is justified."""

import re
import tomllib
from pathlib import Path

import pytest

PIN = re.compile(r"^(?P<name>[a-z0-9-]+)(\[[a-z0-9,-]+\])?==(?P<version>[A-Za-z0-9.!+-]+)$")
NAME = re.compile(r"^[A-Za-z0-9._-]+")
TOGETHER = ("all", "docs", "lint", "test")


def pins(root: Path, name: str) -> dict[str, str]:
    lines = (root / f"requirements/{name}.txt").read_text().splitlines()
    matches = [PIN.match(line) for line in lines]
    assert [line for line, match in zip(lines, matches, strict=True) if match is None] == []
    return {match["name"]: match["version"] for match in matches if match}


def named(line: str) -> str:
    match = NAME.match(line)
    return match.group().lower().replace("_", "-") if match else ""


def direct(root: Path) -> set[str]:
    """Every dependency that the project or one of its lists names itself."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    lines = list(project["project"]["dependencies"])
    for extra in project["project"]["optional-dependencies"].values():
        lines += extra
    lines += project["build-system"]["requires"]
    for path in (root / "requirements").glob("*.in"):
        lines += [line for line in path.read_text().splitlines() if line[:1] not in "#-"]
    lines += (root / "requirements/uv.txt").read_text().splitlines()
    return {named(line) for line in lines if line} - {"dovetail"}


@pytest.mark.parametrize("name", [*TOGETHER, "label-studio", "mlserver", "uv"])
def test_a_list_is_names_and_versions_only(root: Path, name: str) -> None:
    assert pins(root, name)


def test_lists_of_one_environment_agree(root: Path) -> None:
    versions: dict[str, set[str]] = {}
    for name in TOGETHER:
        for package, version in pins(root, name).items():
            versions.setdefault(package, set()).add(version)
    assert {package: found for package, found in versions.items() if len(found) > 1} == {}


def test_everything_that_the_project_needs_is_pinned(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    lines = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        lines += extra
    needed = {named(line) for line in lines if "== 'darwin'" not in line} - {"dovetail"}
    assert needed <= {*pins(root, "all"), *pins(root, "test")}


def test_every_direct_dependency_is_justified(root: Path) -> None:
    text = (root / "docs/dependencies.md").read_text()
    justified = {name.lower() for name in re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)}
    assert direct(root) - justified == set(), "add a line to docs/dependencies.md"
    assert justified - direct(root) == set(), "docs/dependencies.md names what is not used"
