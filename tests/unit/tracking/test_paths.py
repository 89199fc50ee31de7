import pytest

from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.paths import (
    append,
    check_location,
    check_source,
    is_proxied,
    is_within,
    proxied_path,
    safe_path,
)

CLIMBING = [
    "../x",
    "a/../../x",
    "%2e%2e/x",
    "%252e%252e%252fx",
    "..%2fx",
    "..%5cx",
    "a\\..\\x",
    "/etc/passwd",
    "%2fetc/passwd",
    "C:/x",
    "C:\\x",
    "\\\\host\\x",
    "file:///etc/passwd",
    "a#b",
    "a\x00b",
    "a%00b",
]


@pytest.mark.parametrize("path", CLIMBING)
def test_a_path_that_could_leave_its_root_is_refused(path: str) -> None:
    with pytest.raises(InvalidParameterError, match="Invalid path"):
        safe_path(path)


@pytest.mark.parametrize(
    ("path", "plain"),
    [("a/b.txt", "a/b.txt"), ("a%20b/ä", "a b/ä"), ("..a/b..", "..a/b.."), ("", "")],
)
def test_an_honest_path_is_kept(path: str, plain: str) -> None:
    assert safe_path(path) == plain


def test_segments_are_added_before_the_query() -> None:
    assert append("s3://b/p?v=1", "r", "artifacts") == "s3://b/p/r/artifacts?v=1"
    assert append("mlflow-artifacts:/", "0") == "mlflow-artifacts:/0"


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("mlflow-artifacts:/1/r/artifacts", "1/r/artifacts"),
        ("mlflow-artifacts://host:1/1/r", "1/r"),
        ("http://h/api/2.0/mlflow-artifacts/artifacts/1/r", "1/r"),
        ("s3://b/1/r", None),
        ("/tmp/x", None),
    ],
)
def test_what_is_behind_the_proxy_is_told_apart(uri: str, path: str | None) -> None:
    assert proxied_path(uri) == path
    assert is_proxied(uri) == (path is not None)


def test_within_compares_whole_segments() -> None:
    root = "mlflow-artifacts:/1/r/artifacts"
    assert is_within("mlflow-artifacts:/1/r/artifacts/model", root)
    assert not is_within("mlflow-artifacts:/1/r/artifacts-of-others", root)
    assert not is_within("s3:/1/r/artifacts/model", root)


@pytest.mark.parametrize(
    "source",
    [
        "mlflow-artifacts://host:9000/../../../../",
        "mlflow-artifacts://host:9000/models/..%2f..%2f/artifacts",
        "http://host/api/2.0/mlflow-artifacts/artifacts/../../../",
        "s3:/my_bucket/models/path/../../other/path",
        "http://host/a/%252e%252e/b",
        "mlflow-artifacts://host/%00",
        "s3://b/./k",
    ],
)
def test_a_source_with_a_step_upwards_is_refused(source: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        check_source(source)
    assert str(caught.value).startswith(f"Invalid model version source: '{source}'. If supplying")


def test_honest_sources_and_locations_pass() -> None:
    for uri in ("s3://b/k.v2/x", "mlflow-artifacts:/0/r/artifacts/model", "dbfs:/a/b"):
        check_source(uri)
        check_location(uri)


@pytest.mark.parametrize("location", ["runs:/x/y", "s3://b/../c", "s3://b/c#f", "s3://b?p=../x"])
def test_a_location_that_is_no_place_is_refused(location: str) -> None:
    with pytest.raises(InvalidParameterError):
        check_location(location)
