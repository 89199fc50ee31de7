"""Parts of files and conditions on them, by RFC 9110."""

import pytest

from dovetail.base.artifacts import Stat
from dovetail.tracking.routes.ranges import Asked, asked

FILE = Stat("a/f.bin", size=10, is_dir=False, modified=0.0, etag="v1")
EPOCH = "Thu, 01 Jan 1970 00:00:00 GMT"
COMMON = {"Accept-Ranges": "bytes", "Last-Modified": EPOCH, "ETag": '"v1"'}
WHOLE = Asked(200, 0, 10, COMMON)
NONE = Asked(416, 0, 0, {**COMMON, "Content-Range": "bytes */10"})


def part(start: int, end: int) -> Asked:
    where = f"bytes {start}-{end - 1}/10"
    return Asked(206, start, end, {**COMMON, "Content-Range": where})


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", WHOLE),
        ("bytes=0-0", part(0, 1)),
        ("bytes=2-4", part(2, 5)),
        ("Bytes = 2 - 4", part(2, 5)),
        ("bytes=7-", part(7, 10)),
        ("bytes=0-", part(0, 10)),
        ("bytes=0-9", part(0, 10)),
        ("bytes=0-99", part(0, 10)),
        ("bytes=9-99", part(9, 10)),
        ("bytes=-3", part(7, 10)),
        ("bytes=-99", part(0, 10)),
        ("bytes=-0", NONE),
        ("bytes=10-", NONE),
        ("bytes=10-12", NONE),
        ("bytes=999999999999999999-", NONE),
        ("bytes=5-4", WHOLE),
        ("bytes=x-", WHOLE),
        ("bytes=-", WHOLE),
        ("bytes=--3", WHOLE),
        ("bytes=+1-2", WHOLE),
        ("bytes=1_0-", WHOLE),
        ("bytes=\u0661-", WHOLE),
        ("bytes=0-1,3-4", WHOLE),
        ("bytes=" + "9" * 5000 + "-", WHOLE),
        ("bytes", WHOLE),
        ("lines=1-2", WHOLE),
    ],
)
def test_a_range_header_names_a_part(header: str, expected: Asked) -> None:
    assert asked({"range": header}, FILE) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"if-range": '"v1"'}, part(2, 5)),
        ({"if-range": EPOCH}, part(2, 5)),
        ({"if-range": '"v0"'}, WHOLE),
        ({"if-range": 'W/"v1"'}, WHOLE),
        ({"if-range": "Fri, 02 Jan 1970 00:00:00 GMT"}, WHOLE),
        ({"if-none-match": '"v0"'}, part(2, 5)),
        ({"if-none-match": '"v1"'}, Asked(304, 0, 0, COMMON)),
        ({"if-none-match": '"v0", W/"v1"'}, Asked(304, 0, 0, COMMON)),
        ({"if-none-match": "*"}, Asked(304, 0, 0, COMMON)),
    ],
)
def test_a_condition_on_the_state_of_the_file_is_held(
    given: dict[str, str], expected: Asked
) -> None:
    assert asked({"range": "bytes=2-4", **given}, FILE) == expected


def test_an_empty_file_has_no_part() -> None:
    empty = Stat("f", size=0, is_dir=False, modified=0.0, etag="v1")
    assert asked({"range": "bytes=0-"}, empty).headers["Content-Range"] == "bytes */0"
    assert asked({"range": "bytes=-5"}, empty).status == 416
    assert asked({}, empty) == Asked(200, 0, 0, COMMON)
