"""The image's recipe, as far as it can be held without a container engine."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from dovetail.cli import _root
from dovetail.serving.manifest.common import GRPC_PORT, READY, REST_PORT, STATE
from dovetail.serving.manifest.plain import USER

ROOT = Path(__file__).parents[4]
FILE = ROOT / "Containerfile"
pytestmark = pytest.mark.skipif(not FILE.exists(), reason="the Containerfile is not beside these")


def instructions() -> list[tuple[str, str]]:
    lines = [line for line in FILE.read_text().splitlines() if not line.lstrip().startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    found = [line.split(None, 1) for line in whole.splitlines() if line.strip()]
    return [(name, " ".join(rest.split())) for name, rest in found]


def all_of(name: str) -> list[str]:
    return [rest for found, rest in instructions() if found == name]


def pinned() -> set[str]:
    (constraint,) = re.findall(r'PIP_CONSTRAINT="([^"]+)"', FILE.read_text())
    names = set()
    for place in constraint.split():
        lines = (ROOT / Path(place).relative_to("/build")).read_text().splitlines()
        names |= {re.split(r"[\[=]", line)[0] for line in lines}
    return names


def test_the_files_that_it_copies_are_there_and_not_left_out():
    kept = {
        line.strip("!/") for line in (ROOT / ".containerignore").read_text().splitlines()
        if line.startswith("!")
    }  # fmt: skip
    copied = [
        source for rest in all_of("COPY") if not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]  # fmt: skip
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in kept, f"{source} is left out by .containerignore"


def test_everything_that_is_installed_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    (chosen,) = [rest.removeprefix("EXTRAS=") for rest in all_of("ARG")]
    wanted = [*project["dependencies"], "hatchling"]
    waiting = chosen.split(",")
    for extra in waiting:
        for line in extras[extra]:
            inner = re.match(r"dovetail\[([^\]]+)\]", line)
            if inner:
                waiting += inner[1].split(",")
            elif "== 'darwin'" not in line:
                wanted.append(line)
    names = {re.split(r"[\[<>=;~ ]", line)[0].lower() for line in wanted}
    assert names <= pinned()
    for run in all_of("RUN"):
        assert "pip install" not in run or "/opt/dovetail/bin/pip install" in run


def test_the_last_stage_is_nobody_who_could_write_the_program():
    assert all_of("USER") == [f"{USER}:{USER}"]
    last = instructions()[max(n for n, (name, _) in enumerate(instructions()) if name == "FROM") :]
    names = [name for name, _ in last]
    assert names.index("USER") > max(n for n, name in enumerate(names) if name in ("COPY", "RUN"))


def test_it_starts_a_command_that_there_is():
    (entry,) = all_of("ENTRYPOINT")
    program, *words = json.loads(entry)
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert program in scripts
    command: click.Command = _root
    context = click.Context(command)
    for word in words:
        assert isinstance(command, click.Group)
        found = command.get_command(context, word)
        assert found is not None, word
        command = found


def test_ports_state_and_health_are_those_of_the_manifests():
    assert all_of("EXPOSE") == [f"{REST_PORT} {GRPC_PORT}"]
    (health,) = all_of("HEALTHCHECK")
    assert f"http://127.0.0.1:{REST_PORT}{READY}" in health
    arguments = json.loads(health[health.index("[") :])
    compile(arguments[arguments.index("-c") + 1], "healthcheck", "exec")
    variables = dict(word.split("=", 1) for word in shlex.split(" ".join(all_of("ENV"))))
    assert variables["DOVETAIL_SERVER__HOST"] == "0.0.0.0"
    assert variables["DOVETAIL_SERVER__PORT"] == str(REST_PORT)
    assert variables["DOVETAIL_SERVER__STATE"] == STATE


def test_the_health_check_asks_a_server(server, free_port):
    (health,) = all_of("HEALTHCHECK")
    _, *arguments = json.loads(health[health.index("[") :])
    for place, works in ((server.url, True), (f"http://127.0.0.1:{free_port()}", False)):
        asked = [one.replace(f"http://127.0.0.1:{REST_PORT}", place) for one in arguments]
        done = subprocess.run([sys.executable, *asked], capture_output=True)
        assert (done.returncode == 0) is works, done.stderr.decode()


def test_it_names_no_index_of_packages():
    text = FILE.read_text()
    assert not re.search(r"--(extra-)?index-url|--find-links|--trusted-host|PIP_INDEX", text)
    assert all(
        ":" in image and "/" not in image for image in (f.split()[0] for f in all_of("FROM"))
    )
    assert [f.split()[0] for f in all_of("FROM")] == ["python:3.11-slim"] * 2
