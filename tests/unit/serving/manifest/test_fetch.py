"""What a pod does before its server starts: a model is brought whole or not at all."""

import pytest

from dovetail import cli
from dovetail.base.artifacts import open_store


def fetch(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(["serving", "fetch", *arguments])
    return int(ended.value.code or 0)


@pytest.fixture
def bucket(s3_url):
    store = open_store(s3_url)
    store.put("late.txt", [b"tree\n"])
    store.put("flights/MLmodel", [b"flavors: {}\n"])
    store.put("flights/data/model.lgb", [b"tree\n"])
    store.put("flights-2/MLmodel", [b"other\n"])
    return s3_url


def test_a_file_comes_under_its_name(bucket, tmp_path, capsys):
    assert fetch(f"{bucket}/late.txt", str(tmp_path / "models")) == 0
    assert (tmp_path / "models/late.txt").read_bytes() == b"tree\n"
    assert capsys.readouterr().err == f"wrote {tmp_path}/models/late.txt\n"


def test_a_folder_comes_with_all_below_it_and_nothing_beside_it(bucket, tmp_path):
    assert fetch(f"{bucket}/flights/", str(tmp_path)) == 0
    found = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert found == {"flights/MLmodel", "flights/data/model.lgb"}


def test_a_second_time_replaces(bucket, tmp_path):
    (tmp_path / "flights").mkdir()
    (tmp_path / "flights/stale").write_text("x")
    assert fetch(f"{bucket}/flights", str(tmp_path)) == 0
    assert not (tmp_path / "flights/stale").exists()


def test_what_is_not_there_leaves_what_was(bucket, tmp_path, capsys):
    (tmp_path / "gone").write_text("x")
    assert fetch(f"{bucket}/gone", str(tmp_path)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["gone"]
    assert "gone" in capsys.readouterr().err


@pytest.mark.parametrize("uri", ["late.txt", "s3://bucket", "s3://", "http://h/late.txt"])
def test_what_is_no_place_in_a_bucket_is_refused(tmp_path, capsys, uri):
    assert fetch(uri, str(tmp_path)) == 2
    assert capsys.readouterr().err == (
        f"dovetail: {uri!r} is nothing to fetch. give s3://BUCKET/PATH.\n"
    )
