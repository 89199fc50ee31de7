"""What the README and the guides tell people to type exists, and is typed rightly."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from dovetail.cli import COMMANDS, _root

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [page for page in PAGES if "reference" not in page.parts]
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def lines(page: Path) -> list[str]:
    """The commands of a page's console blocks: lines after `$ `, continued over backslashes."""
    text = "\n".join(BLOCK.findall(page.read_text())).replace("\\\n", " ")
    return [line.removeprefix("$ ").strip() for line in text.splitlines() if line[:2] == "$ "]


def typed(program: str) -> list[object]:
    return [
        pytest.param(line, id=f"{page.relative_to(ROOT)}: {line}"[:100])
        for page in PAGES
        for line in lines(page)
        if line.split()[:1] == [program]
    ]


def parse(arguments: list[str]) -> click.Context:
    """Parse a command line down to its verb without running it."""
    command: click.Command = _root
    context = command.make_context("dovetail", list(arguments), resilient_parsing=False)
    while isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None, f"there is no command {name}"
        context = found.make_context(name, rest, parent=context)
        command = found
    return context


@pytest.mark.parametrize("line", typed("dovetail"))
def test_a_dovetail_command_of_a_page_parses(line: str) -> None:
    arguments = shlex.split(line, comments=True)[1:]
    arguments = arguments[: arguments.index("&")] if "&" in arguments else arguments
    try:
        parse(arguments)
    except click.exceptions.Exit:
        pass  # --help and --version end here
    except click.BadParameter as error:
        if "does not exist" not in error.message:  # a file that only the reader has
            raise


@pytest.mark.parametrize("line", typed("make"))
def test_a_make_target_of_a_page_exists(line: str) -> None:
    target = shlex.split(line, comments=True)[1]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_a_wrong_command_would_be_found() -> None:
    with pytest.raises(click.UsageError):
        parse(["up", "--no-such-option"])


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_answers(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dovetail.cli", *name.split(), "--help"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Usage: dovetail" in done.stdout


def verbs(command: click.Command, path: str) -> list[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        return [(path, command)]
    context = click.Context(command, info_name=path)
    children = {name: command.get_command(context, name) for name in command.list_commands(context)}
    return [
        found
        for name, child in children.items()
        if child is not None
        for found in verbs(child, f"{path} {name}")
    ]


def test_every_verb_shows_an_example() -> None:
    found = verbs(_root, "dovetail")
    assert [path for path, command in found if path not in (command.help or "")] == []


def test_the_readme_names_every_piece() -> None:
    text = (ROOT / "README.md").read_text()
    known = set(COMMANDS) - {"up", "demo", "doctor", "token"}
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == known
