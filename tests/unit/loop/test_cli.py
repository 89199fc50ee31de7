"""`dovetail loop`: what it does over the protocols, and what it says when it cannot."""

import json
import sys
from types import ModuleType

import pytest
import structlog

from dovetail.cli import main

ALL = ("tracking", "governance", "serving", "monitoring")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a command in an empty folder; its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def go(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["loop", *arguments])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    yield go
    structlog.reset_defaults()  # the command logs to a stream that ends with this test


def write(
    folder, *, recipe: str = "mine:make", url: str = "http://127.0.0.1:9", joints=ALL
) -> None:
    lines = ["[loop]", 'model = "flights"', f'recipe = "{recipe}"', "check_every = 2"]
    lines += ["window = 4", "holdout = 3", "min_age = 2", "cost = 60.0", "staleness = 0.0"]
    lines += ["canary_days = 2", "[joints]"]
    lines += [f'{name} = "{url if name in joints else "off"}"' for name in ALL]
    (folder / "dovetail.toml").write_text("\n".join(lines))


def test_days_are_done_over_the_protocols_and_shown(circle, lives, run, tmp_path, monkeypatch):
    circle.world.truth = lambda day: lives.RAINY if day >= 8 else lives.SUNNY
    module = ModuleType("mine")
    module.make = lambda joints: circle.recipe
    monkeypatch.setitem(sys.modules, "mine", module)
    write(tmp_path, url=circle.url)
    code, out, _ = run("run", "--until", "2024-01-01")
    assert code == 0
    assert out.splitlines()[-1] == "2024-01-01  promoted     version 1 is flights@champion"
    code, out, _ = run("run", "--until", "2024-01-15")
    assert code == 0
    assert out.splitlines()[-1] == "2024-01-15  promoted     version 4 is flights@champion"
    assert run("run", "--until", "2024-01-15")[:2] == (0, "")

    code, out, _ = run("list", "--json")
    assert [event["kind"] for event in json.loads(out)][:2] == ["training", "trained"]
    code, out, _ = run("list")
    assert "version 4 is flights@champion" in out
    code, out, _ = run("get", "--json")
    state = json.loads(out)
    assert (state["state"], state["champion"], state["last_day"]) == (
        "watching", "4", "2024-01-15",
    )  # fmt: skip
    code, out, _ = run("get")
    assert "champion       4" in out.splitlines()


@pytest.mark.parametrize(
    ("recipe", "why"),
    [
        ("nocolon", "recipe 'nocolon' cannot be loaded. write it as module:factory under [loop]."),
        (":make", "recipe ':make' cannot be loaded. write it as module:factory under [loop]."),
        ("absent:make", "recipe 'absent:make' cannot be loaded. No module named 'absent'."),
        (
            "mine:absent",
            "recipe 'mine:absent' cannot be loaded. module 'mine' has no attribute 'absent'.",
        ),
        (
            "mine:broken",
            "recipe 'mine:broken' made a int without train(). "
            "return an object with train(until, key) and examples(start, end).",
        ),
    ],
)
def test_a_recipe_that_cannot_be_used_is_named(run, tmp_path, monkeypatch, recipe, why):
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    (tmp_path / "mine.py").write_text("def broken(joints):\n    return 3\n")
    write(tmp_path, recipe=recipe)
    code, _, err = run("run", "--once")
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    assert code == 2
    assert err.splitlines()[-1] == f"dovetail: {why}"


@pytest.fixture
def plain(monkeypatch):
    """A recipe that is never asked."""
    module = ModuleType("mine")
    module.make = lambda joints: type("Plain", (), {"train": print, "examples": print})()
    monkeypatch.setitem(sys.modules, "mine", module)


@pytest.mark.usefixtures("plain")
def test_a_joint_that_does_not_answer_is_named(run, tmp_path):
    write(tmp_path)
    code, _, err = run("run", "--once")
    assert code == 1
    assert err.splitlines()[-1].startswith("dovetail: http://127.0.0.1:9/v2 does not answer.")
    assert err.endswith("start what fills the joint, then see: dovetail doctor.\n")


@pytest.mark.usefixtures("plain")
def test_a_joint_that_is_needed_and_off_is_named(run, tmp_path):
    write(tmp_path, joints=("tracking",))
    code, _, err = run("run", "--once")
    assert code == 1
    assert "the joint 'serving' is off" in err


@pytest.mark.parametrize(
    ("arguments", "text", "why"),
    [
        (("run", "--once"), "", "[loop] model is not set"),
        (("get",), "", "[loop] model is not set"),
        (("list",), "", "[loop] model is not set"),
        (("run", "--once"), '[loop]\nmodel = "m"', "[loop] recipe is not set"),
        (("get",), '[loop]\nmodl = "m"', "[loop] has no setting 'modl'. did you mean 'model'?"),
        (("get",), "[loop]\nholdout = 1", "[loop] is not valid"),
        (("run", "--until", "soon"), "", "'soon' does not match the format '%Y-%m-%d'"),
    ],
)
def test_wrong_settings_are_named(run, tmp_path, arguments, text, why):
    (tmp_path / "dovetail.toml").write_text(text)
    code, _, err = run(*arguments)
    assert code == 2
    assert why in err


def test_where_the_loop_stands_before_it_ran(run, tmp_path):
    write(tmp_path)
    code, out, _ = run("get")
    assert code == 0
    assert out.splitlines()[:3] == [
        "model          flights",
        "state          watching",
        "champion       -",
    ]
