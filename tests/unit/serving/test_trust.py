"""What may execute code: what the operator named, and nothing else."""

import pickle
from pathlib import Path

import httpx
import pytest

from dovetail.base.errors import InvalidInputError, UntrustedError
from dovetail.serving import Trust, UntrustedModelError, formats
from dovetail.serving.formats import identity


def test_a_folder_is_trusted_with_all_below_it(tmp_path):
    (tmp_path / "mine").mkdir()
    trust = Trust.of([str(tmp_path / "mine")])
    assert trust.covers(str(tmp_path / "mine/deep/model.pkl"))
    assert trust.covers(f"file://{tmp_path}/mine/model.pkl")
    assert not trust.covers(str(tmp_path / "mine/../model.pkl"))
    assert not trust.covers(str(tmp_path / "mine-too/model.pkl"))


def test_a_link_is_what_it_leads_to(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "mine/link").symlink_to(tmp_path / "theirs")
    trust = Trust.of([str(tmp_path / "mine")])
    assert not trust.covers(str(tmp_path / "mine/link/model.pkl"))


NAMES = {
    "a name": (["models:/fraud"], "models:/fraud/3", True),
    "another name": (["models:/fraud"], "models:/fraud-eu/3", False),
    "a pattern": (["models:/fraud-*"], "models:/fraud-eu/3", True),
    "a version": (["models:/fraud/3"], "models:/fraud/3", True),
    "another version": (["models:/fraud/3"], "models:/fraud/4", False),
    "all": (["models:/*"], "models:/anything/1", True),
    "a name that hides another": (["models:/fraud"], "models:/fr%2561ud/1", False),
    "nothing": ([], "models:/fraud/3", False),
    "no path by a name": (["models:/*"], "/models/model.pkl", False),
}


@pytest.mark.parametrize(("entries", "uri", "covered"), NAMES.values(), ids=NAMES.keys())
def test_registered_models_are_trusted_by_name(entries, uri, covered):
    assert Trust.of(entries).covers(uri) is covered


@pytest.mark.parametrize("entry", ["", "s3://bucket", "models:/fraud@champion", "models:/a/b/c"])
def test_what_cannot_be_trusted_is_refused(entry):
    with pytest.raises(InvalidInputError, match="cannot be trusted"):
        Trust.of([entry])


class Bomb:
    """A pickle that leaves a file behind when it is opened."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return (Path.touch, (self.target,))


def bomb(folder: Path) -> tuple[Path, Path]:
    folder.mkdir(parents=True)
    (folder / "model.dill").write_bytes(pickle.dumps(Bomb(folder / "exploded")))
    return folder / "model.dill", folder / "exploded"


def test_a_pickle_is_refused_with_the_flag_that_would_trust_it(tmp_path):
    file, exploded = bomb(tmp_path / "x")
    with pytest.raises(UntrustedModelError, match="start the server with --trust and that folder"):
        formats.load(file)
    assert not exploded.exists()


@pytest.fixture
def loads(monkeypatch):
    """The paths that the identity format was asked to load, and whether they were trusted."""
    seen = []
    original = identity.load

    def load(path, *, trusted=False):
        seen.append(trusted)
        if not trusted:
            raise UntrustedError("not trusted")
        return original(path)

    monkeypatch.setattr(identity, "load", load)
    return seen


@pytest.mark.parametrize("trusted", [True, False])
def test_a_path_is_trusted_only_by_the_setting(run, tmp_path, loads, trusted):
    file = tmp_path / "may" / "echo.identity"
    file.parent.mkdir()
    file.touch()
    settings = {"trusted": (str(file.parent),)} if trusted else {}
    with run(**settings) as server:
        answer = httpx.post(
            f"{server.url}/v2/repository/models/echo/load",
            json={"parameters": {"uri": str(file)}},
        )
        wished = httpx.post(
            f"{server.url}/v2/repository/models/echo/load",
            json={"parameters": {"uri": str(file), "trusted": True}},
        )
    assert answer.status_code == (200 if trusted else 403)
    assert wished.status_code == 400
    assert loads == [trusted]


def test_a_registry_that_names_a_trusted_path_is_not_trusted(run, tmp_path, registry, loads):
    file = tmp_path / "may" / "echo.identity"
    file.parent.mkdir()
    file.touch()
    registry.sources["late", "9"] = str(file)
    with run(trusted=(str(file.parent),)) as server:
        answer = httpx.post(
            f"{server.url}/v2/repository/models/late/load",
            json={"parameters": {"uri": "models:/late/9"}},
        )
    assert answer.status_code == 403
    assert loads == [False]


def test_trust_that_was_withdrawn_is_gone_after_a_restart(run, tmp_path, loads):
    file = tmp_path / "echo.identity"
    file.touch()
    with run(str(file), trusted=(str(file),)) as server:
        assert httpx.get(f"{server.url}/v2/models/echo/ready").status_code == 200
    with run() as server:
        assert httpx.get(f"{server.url}/v2/models/echo/ready").status_code == 503
    assert loads[:2] == [True, False]
    assert not any(loads[1:])  # however often it is tried
