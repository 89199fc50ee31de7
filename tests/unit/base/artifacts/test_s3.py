"""A bucket: parts, whose it is, and what is said when it cannot be used."""

import pytest

from dovetail.base.artifacts import S3Store, open_store
from dovetail.base.artifacts.s3_parts import S3Parts
from dovetail.base.artifacts.s3_writer import MOST_PARTS, part_size
from dovetail.base.errors import (
    InvalidInputError,
    MissingExtraError,
    SettingsError,
    TooLargeError,
    UnavailableError,
)

MiB = 1 << 20


@pytest.fixture
def store(s3_url):
    return open_store(s3_url)


def unfinished(store):
    found = store.client.list_multipart_uploads(Bucket=store.bucket, Prefix=store.key(""))
    return found.get("Uploads", [])


def test_blobs_lie_below_the_prefix_and_nothing_else_is_seen(store):
    other, marker = f"{store.key('')}b", f"{store.key('')}/"
    store.client.put_object(Bucket=store.bucket, Key=other, Body=b"another's")
    store.client.put_object(Bucket=store.bucket, Key=marker, Body=b"")
    store.put("m/x", [b"1"])
    assert [s.path for s in store.list()] == ["m"]
    store.delete("")
    keys = store.client.list_objects_v2(Bucket=store.bucket, Prefix=store.key(""))["Contents"]
    assert [one["Key"] for one in keys] == [other]


def test_an_upload_that_breaks_off_leaves_no_parts_to_pay_for(store):
    writer = store.create("big")
    writer.write([b"x" * MiB] * 20)
    assert len(unfinished(store)) == 1
    writer.abort()
    writer.abort()
    assert unfinished(store) == []


def test_what_a_client_never_finished_is_swept(store):
    parts = S3Parts(store)
    parts.begin("big", 2)
    other = f"{store.key('')}b"
    store.client.create_multipart_upload(Bucket=store.bucket, Key=other)
    assert parts.sweep(older=100 * 365 * 24 * 3600) == 0  # moto says 2010 of every upload
    assert parts.sweep() == 1
    assert [one["Key"] for one in unfinished(store)] == [other]


def test_parts_grow_up_to_half_a_terabyte():
    assert [part_size(n) >> 20 for n in (1, 1000, 1001, 4000, 4001, MOST_PARTS)] == [
        8, 8, 32, 32, 64, 64,
    ]  # fmt: skip
    assert sum(part_size(n) for n in range(1, MOST_PARTS + 1)) > 450 * 1024**3
    with pytest.raises(TooLargeError, match="has over 10000 parts"):
        part_size(MOST_PARTS + 1)


def test_a_key_that_is_too_long_with_the_prefix_is_refused(s3_url):
    store = open_store(f"{s3_url}/{'p' * 200}")
    with pytest.raises(InvalidInputError, match="with the prefix of the store it has over 1024"):
        store.put("/".join(["n" * 100] * 9), [b""])


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("s3://b/p/q", ""),
        ("s3://b/p/q/", ""),
        ("s3://b/p/q/1/r", "1/r"),
        ("s3://b/p/qq/1", None),
        ("s3://b/p", None),
        ("s3://b", None),
        ("s3://c/p/q/1", None),
        ("http://b/p/q/1", None),
        ("b/p/q/1", None),
    ],
)
def test_a_url_leads_into_the_store_or_elsewhere(url, path):
    pytest.importorskip("boto3", reason="boto3 is not installed: the extra s3")
    assert S3Store("b", "p/q").path_of(url) == path


def test_a_bucket_that_is_not_there_is_named(s3_url):
    with pytest.raises(UnavailableError) as raised:
        open_store("s3://no-such-bucket/x")
    assert "S3 bucket 'no-such-bucket' at http://127.0.0.1:" in str(raised.value)
    assert "does not exist. make it, or name another." in str(raised.value)


def test_missing_credentials_are_named(s3_url, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UnavailableError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        open_store(s3_url)


def test_an_endpoint_that_does_not_answer_is_named(s3_url, monkeypatch, free_port):
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", url)
    with pytest.raises(UnavailableError, match=f"S3 at {url} does not answer"):
        open_store(s3_url)
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", "minio:9000")
    with pytest.raises(SettingsError, match="the S3 endpoint cannot be used"):
        open_store(s3_url)


def test_a_url_needs_a_bucket():
    with pytest.raises(SettingsError, match="give s3://bucket/prefix"):
        S3Store("")


def test_without_boto3_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)
    with pytest.raises(MissingExtraError, match=r"pip install .\.\[s3\]"):
        S3Store("b")
