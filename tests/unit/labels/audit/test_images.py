"""Pictures are told apart, and nothing outside the table's folder is read."""

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dovetail.labels.audit import Columns, audit_columns
from dovetail.labels.audit.images import beside, with_pictures

image = pytest.importorskip("PIL.Image")


def picture(rng: np.random.Generator, kind: int) -> bytes:
    pixels = rng.integers(0, 90, (24, 24, 3)).astype(np.uint8)
    part = pixels[:, 4:10] if kind else pixels[4:10]
    part[...] = 230
    out = io.BytesIO()
    image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def test_pictures_of_files_are_audited(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 2, 200)
    for row, kind in enumerate(kinds):
        (tmp_path / f"{row}.png").write_bytes(picture(rng, kind))
    (tmp_path / "150.png").write_bytes((tmp_path / "3.png").read_bytes())
    given = kinds.copy()
    given[7], given[150] = 1 - kinds[7], 1 - kinds[3]
    names = [f"{row}.png" for row in range(200)]
    table = pl.DataFrame({"file": names, "y": np.array(["across", "down"])[given]})
    found = audit_columns(with_pictures(table, beside(tmp_path)), Columns("y", {}))
    assert 7 in [one.row for one in found.suspects]
    assert [one.rows for one in found.contradicting] == [[3, 150]]


def test_bytes_and_missing_ones(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    bodies = [picture(rng, row % 2) for row in range(30)]
    table = pl.DataFrame({"x": [*bodies, None, b"none", b""], "y": ["a", "b"] * 16 + ["a"]})
    found = with_pictures(table, beside(tmp_path))["x: picture"]
    assert found.is_null().to_list() == [False] * 30 + [True] * 3


def test_files_outside_the_folder_are_not_read(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    (tmp_path / "out.png").write_bytes(picture(np.random.default_rng(0), 0))
    table = pl.DataFrame({"file": ["../out.png"] * 20, "y": ["a", "b"] * 10})
    assert with_pictures(table, beside(inside)).columns == table.columns
