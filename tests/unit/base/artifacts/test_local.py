"""Blobs as files: links, names that are taken, what a crash leaves."""

import os

import pytest

from dovetail.base.artifacts import LocalStore, MemoryStore, Usage, open_store
from dovetail.base.errors import ConflictError, InvalidInputError


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "blobs")


def test_a_link_out_of_the_root_is_refused(store, tmp_path):
    (tmp_path / "secret").write_text("do not touch")
    store.root.mkdir()
    (store.root / "out").symlink_to(tmp_path)
    (store.root / "file").symlink_to(tmp_path / "secret")
    (store.root / "broken").symlink_to(store.root / "nowhere")
    uses = (
        lambda path: store.put(path, [b""]),
        lambda path: store.open(path),
        lambda path: store.stat(path),
        lambda path: store.list(path),
        lambda path: store.delete(path),
        lambda path: store.usage(path),
    )
    for path in ("out", "out/secret", "file"):
        for use in uses:
            with pytest.raises(InvalidInputError, match="a link leads out"):
                use(path)
    assert store.list() == []
    assert store.usage() == Usage(0, 0)
    assert (tmp_path / "secret").read_text() == "do not touch"


def test_deleting_a_folder_does_not_follow_its_links(store, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "x").write_text("1")
    store.put("m/a", [b"1"])
    store.put("other/b", [b"1"])
    (store.root / "m" / "out").symlink_to(tmp_path / "kept")
    (store.root / "inside").symlink_to(store.root / "other")
    store.delete("inside")
    store.delete("m")
    assert [s.path for s in store.list()] == ["other"]
    assert store.usage() == Usage(1, 1)
    assert (tmp_path / "kept" / "x").exists()


@pytest.mark.parametrize("make", [lambda root: LocalStore(root), lambda root: MemoryStore()])
def test_a_file_and_a_folder_cannot_share_a_name(make, tmp_path):
    store = make(tmp_path / "blobs")
    store.put("m/a", [b"1"])
    with pytest.raises(ConflictError, match=r"'m' cannot be stored. A folder|a folder has that"):
        store.put("m", [b"2"])
    with pytest.raises(ConflictError, match="'m/a' is a file"):
        store.put("m/a/b/c", [b"2"])
    assert b"".join(store.open("m/a")) == b"1"


def test_unfinished_uploads_are_swept_once_they_are_old(store):
    store.put("kept", [b"1"])
    writer = store.create("a")
    writer.write([b"half"])
    parts = store.staging / "parts-x"
    parts.mkdir()
    (parts / "data").write_bytes(b"half")
    assert store.sweep() == 0
    for one in (*store.staging.iterdir(), parts / "data"):
        os.utime(one, (1, 1))
    (parts / "data").write_bytes(b"still arriving")
    assert store.sweep() == 1
    os.utime(parts / "data", (1, 1))
    os.utime(parts, (1, 1))
    assert store.sweep() == 1
    assert list(store.staging.iterdir()) == []
    assert store.usage() == Usage(1, 1)
    writer.abort()


def test_a_pipe_is_not_a_blob(store):
    store.root.mkdir()
    os.mkfifo(store.root / "pipe")
    with pytest.raises(LookupError, match="'pipe' does not exist"):
        store.open("pipe")


def test_open_store_names_the_scheme_it_does_not_know(tmp_path):
    assert isinstance(open_store(str(tmp_path)), LocalStore)
    assert isinstance(open_store("memory:"), MemoryStore)
    assert open_store(f"file://{tmp_path}").root == tmp_path
    with pytest.raises(InvalidInputError, match="scheme 'ftp' is not supported"):
        open_store("ftp://x/y")
