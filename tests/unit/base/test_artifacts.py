import pytest

from dovetail.base.artifacts import LocalStore, MemoryStore, open_store
from dovetail.base.errors import InvalidInputError, NotFoundError


@pytest.fixture(params=["local", "memory"])
def store(request, tmp_path):
    return LocalStore(tmp_path / "blobs") if request.param == "local" else MemoryStore()


def test_a_blob_comes_back_whole_and_in_part(store):
    stat = store.put("a/b.txt", [b"hello ", b"world"])
    assert (stat.path, stat.size, stat.is_dir) == ("a/b.txt", 11, False)
    assert b"".join(store.open("a/b.txt")) == b"hello world"
    assert b"".join(store.open("a/b.txt", 6, 9)) == b"wor"


def test_a_folder_lists_its_direct_children(store):
    store.put("m/a.txt", [b"1"])
    store.put("m/sub/c.txt", [b"2"])
    store.put("other", [b"3"])
    assert [(s.path, s.is_dir) for s in store.list("m")] == [("m/a.txt", False), ("m/sub", True)]
    assert [s.path for s in store.list()] == ["m", "other"]
    assert store.list("absent") == []


def test_delete_takes_a_folder_and_allows_absence(store):
    store.put("m/a.txt", [b"1"])
    store.delete("m")
    store.delete("m")
    with pytest.raises(NotFoundError, match=r"'m/a.txt' does not exist"):
        store.open("m/a.txt")


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "/etc/passwd",
        "a/../../x",
        "a\\..\\x",
        "a%2f..%2fx",
        "..%2Fx",
        "%2e%2e/x",
        "a\0b",
        "c:/x",
    ],
)
def test_a_path_out_of_the_root_is_refused(store, path):
    for use in (lambda: store.put(path, [b""]), lambda: store.open(path), lambda: store.list(path)):
        with pytest.raises(InvalidInputError, match="is not allowed"):
            use()


def test_a_link_out_of_the_root_is_refused(tmp_path):
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "out").symlink_to(tmp_path)
    with pytest.raises(InvalidInputError, match="a link leads out"):
        LocalStore(tmp_path / "blobs").put("out/x", [b""])


def test_a_failed_upload_leaves_nothing(tmp_path):
    def broken():
        yield b"half"
        raise ConnectionError

    store = LocalStore(tmp_path)
    with pytest.raises(ConnectionError):
        store.put("a", broken())
    assert store.list() == []
    assert list((tmp_path / ".staging").iterdir()) == []


def test_open_store_names_the_scheme_it_does_not_know(tmp_path):
    assert isinstance(open_store(str(tmp_path)), LocalStore)
    with pytest.raises(InvalidInputError, match="scheme 'ftp' is not supported"):
        open_store("ftp://x/y")
