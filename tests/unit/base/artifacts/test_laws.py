"""What every store promises."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from dovetail.base.artifacts import S3Store, Stat, Usage, clean_path
from dovetail.base.errors import ConflictError, InvalidInputError, NotFoundError

MiB = 1 << 20


def content(store, path, *part, **given):
    return b"".join(store.open(path, *part, **given))


def test_a_blob_comes_back_whole_and_in_part(store):
    stat = store.put("a/b.txt", [b"hello ", b"", b"world"])
    assert (stat.path, stat.size, stat.is_dir) == ("a/b.txt", 11, False)
    found = store.stat("a/b.txt")
    assert (found.path, found.size, found.etag) == ("a/b.txt", 11, stat.etag)
    assert abs(found.modified - stat.modified) < 5
    assert content(store, "a/b.txt") == b"hello world"
    parts = {(6, 9): b"wor", (6, None): b"world", (0, 0): b"", (3, 3): b"", (9, 99): b"ld"}
    assert {at: content(store, "a/b.txt", *at) for at in parts} == parts
    assert content(store, "a/b.txt", 11) == content(store, "a/b.txt", 99, 200) == b""


def test_an_empty_blob_is_a_blob(store):
    assert store.put("none", []).size == 0
    assert content(store, "none") == b""
    assert [s.path for s in store.list()] == ["none"]


def test_large_blobs_come_in_chunks_of_at_most_a_mebibyte(store):
    body = bytes(range(256)) * (20 * MiB // 256)
    store.put("big", [body[:7], body[7 : 9 * MiB], body[9 * MiB :]])
    chunks = list(store.open("big"))
    assert max(len(chunk) for chunk in chunks) <= MiB
    assert b"".join(chunks) == body
    assert content(store, "big", 10 * MiB - 3, 10 * MiB + 3) == body[10 * MiB - 3 : 10 * MiB + 3]


def test_a_put_replaces_and_changes_the_etag(store):
    first = store.put("a", [b"one"])
    assert content(store, "a", etag=first.etag) == b"one"
    second = store.put("a", [b"two!"])
    assert (second.size, content(store, "a")) == (4, b"two!")
    assert first.etag != second.etag != ""
    with pytest.raises(ConflictError, match="'a' was replaced meanwhile"):
        store.open("a", etag=first.etag)


def test_who_reads_while_it_is_replaced_reads_the_old_one(store):
    store.put("a", [b"1" * (3 * MiB)])
    reading = store.open("a")
    got = [next(reading)]
    store.put("a", [b"2"])
    assert b"".join(got + list(reading)) == b"1" * (3 * MiB)


def test_a_folder_lists_its_direct_children(store):
    store.put("m/a.txt", [b"1"])
    store.put("m/sub/c.txt", [b"2"])
    store.put("m.txt", [b"3"])
    store.put("other", [b"4"])
    assert [(s.path, s.is_dir) for s in store.list("m")] == [("m/a.txt", False), ("m/sub", True)]
    assert [s.path for s in store.list()] == ["m", "m.txt", "other"]
    assert store.list("absent") == store.list("other") == []
    assert store.stat("m/sub").is_dir
    assert store.stat("") == Stat("", 0, True, store.stat("").modified)


def test_a_folder_of_thousands_is_listed_and_deleted_whole(store):
    count = 1003 if isinstance(store, S3Store) else 30  # S3 lists and deletes 1000 at a time
    with ThreadPoolExecutor(4) as several:
        list(several.map(lambda i: store.put(f"m/{i:05}", [b"x"]), range(count)))
    assert [s.path for s in store.list("m")] == [f"m/{i:05}" for i in range(count)]
    assert store.usage() == Usage(count, count)
    store.delete("m")
    assert store.list() == []


def test_what_is_not_there_is_named(store):
    store.put("m/a.txt", [b"1"])
    for path in ("b.txt", "m", "m/a.txt/x", ""):
        with pytest.raises(NotFoundError, match=f"artifact '{path}' does not exist"):
            store.open(path)
    for path in ("b.txt", "m/a.txt/x", "m/a"):
        with pytest.raises(NotFoundError, match=f"artifact '{path}' does not exist"):
            store.stat(path)


def test_delete_takes_a_folder_and_allows_absence(store):
    store.put("m/a.txt", [b"1"])
    store.put("m/sub/b.txt", [b"1"])
    store.put("m2", [b"1"])
    store.delete("m")
    store.delete("m")
    store.delete("m2/none")
    with pytest.raises(NotFoundError, match=r"'m/a.txt' does not exist"):
        store.open("m/a.txt")
    assert [s.path for s in store.list()] == ["m2"]
    store.delete("m2")
    assert store.usage() == Usage(0, 0)


def test_usage_counts_what_lies_below(store):
    store.put("m/a.txt", [b"12"])
    store.put("m/sub/deep/b.txt", [b"345"])
    store.put("m2", [b"6"])
    assert store.usage("m") == Usage(files=2, bytes=5)
    assert store.usage("m/a.txt") == Usage(1, 2)
    assert store.usage("m/sub") == Usage(1, 3)
    assert store.usage() == Usage(3, 6)
    assert store.usage("absent") == Usage(0, 0)


def test_a_failed_upload_leaves_nothing(store):
    def broken():
        for _ in range(20):
            yield b"x" * MiB
        raise ConnectionError("gone")

    store.put("a", [b"before"])
    for path in ("a", "new/b"):
        with pytest.raises(ConnectionError, match="gone"):
            store.put(path, broken())
    assert content(store, "a") == b"before"
    assert store.usage() == Usage(1, 6)
    assert [s.path for s in store.list()] == ["a"]


def test_nothing_shows_before_it_is_committed(store):
    writer = store.create("a/b")
    writer.write([b"x" * MiB] * 9)
    assert store.list() == []
    writer.commit()
    writer.abort()
    assert store.usage() == Usage(1, 9 * MiB)


NOT_ALLOWED = {
    "parent": "../x",
    "absolute": "/etc/passwd",
    "climbs later": "a/../../x",
    "ends above": "a/..",
    "backslashes": "a\\..\\x",
    "encoded slash": "a%2f..%2fx",
    "encoded slash, upper": "..%2Fx",
    "encoded dots": "%2e%2e/x",
    "encoded backslash": "..%5cx",
    "encoded NUL": "a%00b",
    "NUL": "a\0b",
    "newline": "a\nb",
    "DEL": "a\x7fb",
    "drive": "c:/x",
    "path parameter": "..;/x",
    "path parameter with name": "a/..;jsessionid=1/x",
    "trailing space": ".. /x",
    "full-width dots": "\uff0e\uff0e/x",
    "two-dot leader": "\u2025/x",
    "full-width slash": "a\uff0f..",
    "full-width backslash": "a\uff3cb",
    "lone surrogate": "a\ud800b",
    "staging": ".staging/x",
    "staging itself": ".staging",
    "staging, upper": ".STAGING/x",
    "staging behind a dot": "./.staging/x",
    "long name": "n" * 256,
    "long name in UTF-8": "ä" * 128,
    "10,000 folders": "/".join("d" * 10_000),
}


@pytest.mark.parametrize("path", NOT_ALLOWED.values(), ids=NOT_ALLOWED)
def test_a_path_that_some_reader_could_misread_is_refused(path):
    with pytest.raises(InvalidInputError, match="is not allowed"):
        clean_path(path)


@pytest.mark.parametrize("path", ["a/../../x", "..%2fx", ".staging/x"])
def test_every_use_refuses_a_path_that_leaves_the_root(store, path):
    uses = (
        lambda: store.put(path, [b""]),
        lambda: store.open(path),
        lambda: store.stat(path),
        lambda: store.list(path),
        lambda: store.delete(path),
        lambda: store.usage(path),
    )
    for use in uses:
        with pytest.raises(InvalidInputError, match="is not allowed"):
            use()
    assert store.usage() == Usage(0, 0)


def test_unusual_names_are_kept_as_they_are(store):
    names = ["n" * 255, "..data", "...", "a b+c%&?#", "ünïço", ".hidden", "a;b", ".staging", "&lt;"]
    for name in names:
        store.put(f"m/{name}", [name.encode()])
        assert content(store, f"m/{name}") == name.encode()
    assert [s.path for s in store.list("m")] == sorted(f"m/{name}" for name in names)
    store.delete("m")
    assert store.list("m") == []


def test_a_blob_needs_a_name(store):
    for path in ("", ".", "./"):
        with pytest.raises(InvalidInputError, match="an artifact needs a name"):
            store.put(path, [b""])


def test_dots_and_double_slashes_mean_nothing(store):
    store.put("./a//b/./c", [b"1"])
    assert store.stat("a/b/c").path == "a/b/c"
