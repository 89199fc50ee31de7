"""Probes against real servers: a piece alone, a server that is something else, nobody."""

import json

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from dovetail import governance
from dovetail.app.commands import doctor
from dovetail.app.probe import PROTOCOLS, probe, short
from dovetail.tracking.piece import piece as tracking
from dovetail.web.piece import Endpoint
from dovetail.web.testing import run_piece, serve_in_thread

NOBODY = "http://127.0.0.1:1"


def test_a_joint_that_is_off_says_what_is_missing():
    found = probe("monitoring", "off", None)
    assert found.alive is None
    assert found.detail == "nobody notices when the model goes wrong"
    assert found.fix == 'set monitoring = "embedded" under [joints]'


@pytest.mark.parametrize("joint", PROTOCOLS)
def test_a_joint_where_nobody_answers_is_down(joint):
    found = probe(joint, NOBODY, Endpoint(NOBODY))
    assert found.alive is False
    assert "no answer: " in found.detail
    assert found.fix == f"start it, or correct [joints] {joint} in dovetail.toml"


@pytest.mark.parametrize("piece", [governance.piece, tracking], ids=lambda p: p.name)
def test_a_piece_that_runs_is_alive(piece, tmp_path):
    with run_piece(piece, state=tmp_path) as server:
        found = probe(piece.name, server.url, Endpoint(server.url))
    assert found.alive is True, found.detail
    assert found.seconds is not None
    assert found.fix == ""


@pytest.mark.parametrize("joint", ["tracking", "governance", "serving", "monitoring"])
def test_a_server_of_something_else_is_not_taken_for_the_joint(joint):
    app = Starlette(routes=[Route("/{path:path}", lambda _: JSONResponse({"hello": "world"}))])
    with serve_in_thread(app) as server:
        found = probe(joint, server.url, Endpoint(server.url))
    assert found.alive is False
    assert "answer" in found.detail


def test_doctor_asks_every_joint_of_the_settings(tmp_path):
    from click.testing import CliRunner

    with run_piece(tracking, state=tmp_path) as server:
        joints = {name: "off" for name in PROTOCOLS} | {
            "tracking": server.url,
            "data": str(tmp_path),
        }
        lines = "\n".join(f'{name} = "{target}"' for name, target in joints.items())
        (tmp_path / "d.toml").write_text(f"[joints]\n{lines}\n")
        fine = CliRunner().invoke(doctor, ["--config", str(tmp_path / "d.toml"), "--json"])
    alive = {found["joint"]: found["alive"] for found in json.loads(fine.output)}
    assert fine.exit_code == 0
    assert alive == {name: None for name in PROTOCOLS} | {"tracking": True, "data": True}
    down = CliRunner().invoke(doctor, ["--config", str(tmp_path / "d.toml")])
    assert down.exit_code == 1
    assert "SILENT" in down.output
    assert "- start it, or correct [joints] tracking in dovetail.toml" in down.output


def test_long_details_are_cut():
    assert short("a\n b", 10) == "a b"
    assert short("abcdef", 4) == "abc…"
