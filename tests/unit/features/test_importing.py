"""Reading a Feast repository executes nothing and says what it could not take over."""

import contextlib
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from dovetail.features import load
from dovetail.features.cli import commands
from dovetail.features.errors import DefinitionError
from dovetail.features.importing.found import FoundRepository, FoundSource, FoundView
from dovetail.features.importing.registry import read_registry
from dovetail.features.importing.repository import read_repository
from dovetail.features.importing.write import written
from dovetail.features.registry import registry_of
from dovetail.wire.feast_registry import InvalidRegistry, encode

YAML = "project: p\nregistry: data/registry.db\nprovider: local\n"
SOURCE = """
import os
from feast import BigQuerySource, Entity, FeatureView, Field, FileSource
from feast.types import Float64

os.system("touch RAN")
driver = Entity(name="driver", join_keys=["driver_id"])
rows = FileSource(path="rows.parquet", timestamp_field="at")
good = FeatureView(name="good", entities=[driver], source=rows, ttl=60 * timedelta(days=1),
    schema=[Field(name="rate", dtype=Float64)])
table = BigQuerySource(name="far", table="p.d.t", timestamp_field="at")
far = FeatureView(name="far", entities=[driver], source=table,
    schema=[Field(name="rate", dtype=Float64)])
odd = FeatureView(name="odd", entities=[driver], source=make_source(),
    schema=[Field(name="rate", dtype=Float64)])
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    (folder / "feature_store.yaml").write_text(YAML)
    (folder / "definitions.py").write_text(SOURCE)
    return folder


def test_python_is_read_and_not_run(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(commands, ["import", str(repository), "--out", "f.py"])
    assert done.exit_code == 0, done.output
    assert not (tmp_path / "RAN").exists()
    found = load(tmp_path / "f.py")
    assert set(found.views) == {"good", "far"}
    assert found.views["good"].keys == ("driver_id",)
    assert "table behind source 'far' (BigQuerySource)" in done.stderr
    assert "view 'odd'; its source or entities are made by code" in done.stderr


def test_a_file_is_not_replaced_unless_told(repository: Path, tmp_path: Path) -> None:
    out = tmp_path / "f.py"
    out.write_text("mine")
    arguments = ["import", str(repository), "--out", str(out)]
    assert CliRunner().invoke(commands, arguments).exit_code == 2
    assert out.read_text() == "mine"
    assert CliRunner().invoke(commands, [*arguments, "--force"]).exit_code == 0


def test_our_own_registry_comes_back(definitions_file: Path, tmp_path: Path) -> None:
    ours = load(definitions_file)
    (tmp_path / "registry.db").write_bytes(encode(registry_of(ours, "p"), at_us=0))
    out = tmp_path / "again.py"
    done = CliRunner().invoke(
        commands, ["import", str(tmp_path / "registry.db"), "--out", str(out)]
    )
    assert done.exit_code == 0, (done.output, done.exception)
    again = load(out)
    described = {n: (v.keys, v.feature_names) for n, v in again.views.items()}
    assert described == {n: (v.keys, v.feature_names) for n, v in ours.views.items()}
    assert again.services["flights"].selections[4].features == ("delay",)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(InvalidRegistry):
        written(read_registry(data, "bytes"))


nasty = st.text(min_size=1, max_size=12) | st.just("x'); import os; os.abort()  #\n'''\"\"\"")


@given(nasty, nasty, nasty, nasty)
def test_names_never_become_code(view: str, feature: str, entity: str, source: str) -> None:
    found = FoundRepository(read_from=source)
    found.views.append(
        FoundView(
            name=view,
            entities=((entity, feature),),
            features=(feature,),
            ttl_us=1,
            source=FoundSource(name=source, path=entity, kind="parquet", event_time=view),
        )
    )
    found.lose(view, entity, f"{source}\r\x0c{feature}")
    names: dict[str, object] = {}
    try:
        exec(compile(written(found), "written", "exec"), names)
    except DefinitionError:
        return  # a name with a colon is none for a view
    assert any(getattr(thing, "name", None) == view for thing in names.values())


@pytest.mark.parametrize("content", ["", "[1", "registry: {path: [}"])
def test_a_folder_that_is_no_repository_is_refused(content: str, tmp_path: Path) -> None:
    if content:
        (tmp_path / "feature_store.yaml").write_text(content)
    with pytest.raises(DefinitionError):
        read_repository(tmp_path)
