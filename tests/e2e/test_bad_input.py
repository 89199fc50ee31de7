"""Wrong input to each command: one clear message, no traceback, the right exit code."""

import json
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]
NOBODY = "http://127.0.0.1:1"
FILES = {
    "broken.toml": "[server\nport = 1\n",
    "key.toml": "[server]\nprot = 1\n",
    "kind.toml": '[server]\nport = "high"\n',
    "table.toml": '[severing]\nmodels = ["m.onnx"]\n',
    "flat.toml": "server = 8080\n",
    "joint.toml": '[joints]\ntraking = "off"\n',
    "value.toml": '[joints]\ntracking = "localhost:5000"\n',
    "dead.toml": f'[joints]\ntracking = "{NOBODY}"\n',
    "loop-no-recipe.toml": '[loop]\nmodel = "m"\n',
    "loop-no-module.toml": '[loop]\nmodel = "m"\nrecipe = "nowhere:make"\n',
    "loop-no-factory.toml": '[loop]\nmodel = "m"\nrecipe = "json:make"\n',
    "loop-no-colon.toml": '[loop]\nmodel = "m"\nrecipe = "json"\n',
    "loop-not-a-recipe.toml": '[loop]\nmodel = "m"\nrecipe = "builtins:id"\n',
    "raises.py": 'x = 1\nraise RuntimeError("no such bucket")\n',
    "syntax.py": "x = (\n",
    "empty.py": "x = 1\n",
    "broken.onnx": "not a model",
    "broken.parquet": "not a table",
    "broken.lgb": "tree\nversion=v4\nnum_class=1\n",
    "a.csv": "a,b\n1,2\n",
    "c.csv": "c,d\n1,2\n",
    "file": "",
}
WRONG = {
    # settings
    "missing settings": ("up --config nope.toml", 2, "'nope.toml' does not exist. name another"),
    "malformed settings": ("up --config broken.toml", 2, "broken.toml is not valid TOML."),
    "typo in a key": ("up --config key.toml", 2, "no setting 'prot'. did you mean 'port'?\n"),
    "wrong kind": ("up --config kind.toml", 2, "[server] is not valid. Expected `int`"),
    "typo in a table": ("up --config table.toml", 2, "'severing'. did you mean 'serving'?\n"),
    "the same for one piece": ("tracking run --config table.toml", 2, "did you mean 'serving'?"),
    "the same for the loop": ("loop list --config table.toml", 2, "did you mean 'serving'?"),
    "not a table": ("doctor --config flat.toml", 2, "'server' must be a table. write [server]"),
    "typo in a joint": ("up --config joint.toml", 2, "'traking'. did you mean 'tracking'?"),
    "wrong joint": ("up --config value.toml", 2, 'is not understood. write "embedded", "off" or'),
    "wrong joint, one piece": ("data run --config value.toml", 2, "is not understood."),
    "wrong joint, demo": ("demo --config value.toml", 2, "is not understood."),
    "typo in token's settings": ("token list --config key.toml", 2, "did you mean 'port'?"),
    "wrong flag value": ("up --port 0 --log-level loud", 2, "Invalid enum value 'loud'"),
    # commands
    "typo in a command": ("severing run", 2, "Did you mean 'serving'?"),
    "no such command": ("xyzzy", 2, "See: dovetail --help"),
    "typo in a verb": ("serving rnu", 2, "Did you mean 'run'?"),
    "typo in a verb of token": ("token lst", 2, "Did you mean 'list'?"),
    "typo in an option": ("up --prot 8", 2, "'--port'"),
    # addresses
    "up, port in use": ("up --port {busy}", 1, "is in use. another server listens there. stop it"),
    "piece, port in use": ("tracking run --port {busy}", 1, "choose another port with --port."),
    "demo, port in use": ("demo --state d --port {busy} --until 2013-04-01", 1, "is in use."),
    "port out of range": ("up --port 80000", 2, "80000 is not in the range"),
    "demo, port out of range": ("demo --port 70000", 2, "70000 is not in the range"),
    "not our address": ("up --host 192.0.2.1 --port 0", 1, "cannot listen on 192.0.2.1:0. "),
    "no such host": ("up --host nowhere.invalid --port 0", 1, "cannot listen on nowhere.invalid"),
    # joints that do not answer
    "doctor, nobody": ("doctor --config dead.toml --url {nobody}", 1, "correct [joints] tracking"),
    "demo, nobody": (
        "demo --config dead.toml --state d", 1,
        f"the joint tracking does not answer at {NOBODY}. no answer: ",
    ),
    "governance, nobody": ("governance check m 1 champion --url {nobody}", 1, "start it, or name"),
    "monitoring, nobody": ("monitoring list --url {nobody}", 1, "start it, or name"),
    "serving, nobody": ("serving list --url {nobody}", 1, "start it, or name another address"),
    "features, nobody": ("features get s a=1 --url {nobody}", 1, "start it, or name another"),
    # the demo
    "after the year": ("demo --until 2014-03-01", 2, "is outside the replay. give a day after"),
    "before the replay": ("demo --until 2013-03-31", 2, "is outside the replay."),
    "not a day": ("demo --until 31.12.2013", 2, "does not match the format"),
    "results nowhere": ("demo --json nowhere/x.json", 2, "its folder does not exist."),
    # files of the pieces
    "missing model": ("serving run nope.onnx", 2, "cannot be loaded. it does not exist."),
    "truncated model": ("serving run broken.onnx", 2, "'broken.onnx' cannot be loaded."),
    "truncated trees": ("serving run broken.lgb", 2, "'broken.lgb' cannot be loaded."),
    "pickle": ("serving run m.pkl", 1, "opening a pickle could execute code. save the model with"),
    "no trust in": ("serving run --trust s3://x m.pkl", 2, "'s3://x' cannot be trusted. it is"),
    "not a model": ("serving run a.csv", 2, "its format is not recognised. known formats: "),
    "not a place": ("serving run s3://x/y", 2, "is not a place to load a model from. give models"),
    "missing rows": ("data put nope.csv --table t", 2, "There is no file nope.csv."),
    "broken rows": ("data put broken.parquet --table t", 2, "cannot be read. parquet: "),
    "missing table": ("data get nope --out x.csv", 1, "There is no table 'nope'."),
    "no definitions": ("features run nope.py --port 0", 2, "no definitions file nope.py."),
    "definitions fail": (
        "features run raises.py --port 0", 2,
        "raises.py fails. line 2: RuntimeError: no such bucket.",
    ),
    "definitions do not parse": ("features list syntax.py", 2, "syntax.py fails. line 1: Syntax"),
    "nothing defined": ("features check empty.py", 2, "empty.py defines no view."),
    "no model to look after": ("loop run --once", 2, "[loop] model is not set. name the"),
    "no recipe": ("loop run --once --config loop-no-recipe.toml", 2, "[loop] recipe is not set."),
    "no module": ("loop run --once --config loop-no-module.toml", 2, "No module named 'nowhere'."),
    "no factory": ("loop run --once --config loop-no-factory.toml", 2, "no attribute 'make'."),
    "no colon": ("loop run --once --config loop-no-colon.toml", 2, "write it as module:factory"),
    "not a recipe": ("loop run --once --config loop-not-a-recipe.toml", 2, "int without train()"),
    "missing report file": ("monitoring report --reference x.csv --current a.csv", 2, "no file"),
    "no common column": (
        "monitoring report --reference a.csv --current c.csv", 2, "no column in common.",
    ),
    "no score column": (
        "monitoring report --reference a.csv --current a.csv --score s", 2, "no column 's'.",
    ),
    # state
    "state below a file": ("up --port 0 --state file/x", 1, "'file/x' cannot be used. Not a dir"),
    "database below a file": ("tracking run --port 0 --state file/x", 1, "cannot be used."),
    "no such PostgreSQL": (
        "up --port 0 --database postgresql://u:secret@127.0.0.1:1/x", 1,
        "at postgresql://u:***@127.0.0.1:1/x cannot be opened. connection failed: ",
    ),
    "another database": ("up --port 0 --database mysql://u@h/x", 2, "give sqlite:///file.db or"),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wrong")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    (folder / "m.pkl").write_bytes(pickle.dumps({"weights": [1, 2]}))
    return folder


@pytest.fixture(scope="module")
def busy() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield int(taken.getsockname()[1])


def run(arguments: str, folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "dovetail.cli", *arguments.split()],
        capture_output=True, text=True, cwd=folder, timeout=60,
        env={**os.environ, "NO_COLOR": "1", **environment},
    )  # fmt: skip


@pytest.mark.parametrize(("arguments", "code", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_input_is_one_clear_message(arguments, code, message, folder, busy):
    done = run(arguments.format(busy=busy, nobody=NOBODY), folder)
    assert message in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert "answers on" not in done.stderr
    assert done.returncode == code, done.stderr
    if "Usage: " not in done.stderr and done.stderr:
        assert [line[:10] for line in done.stderr.splitlines()] == ["dovetail: "]


def test_a_joint_that_does_not_answer_leaves_no_demo_behind(folder):
    run("demo --config dead.toml --state never", folder)
    assert not (folder / "never").exists()


def test_a_state_folder_that_may_not_be_written_is_named(folder):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (folder / "locked").mkdir(mode=0o500)
    done = run("up --port 0 --state locked", folder)
    assert done.returncode == 1
    assert "locked" in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_prints_what_it_found_as_json(folder):
    done = run(f"doctor --json --url {NOBODY}", folder)
    found = {probe["joint"]: probe for probe in json.loads(done.stdout)}
    assert done.returncode == 1
    assert found["tracking"]["alive"] is False
    assert found["tracking"]["fix"] == "start it with: dovetail up"


def test_the_traceback_is_there_when_it_is_wanted(folder):
    done = run("features list raises.py", folder, DOVETAIL_DEBUG="1")
    assert "Traceback" in done.stderr
    assert done.returncode == 1
