"""Uploads in parts into a folder: any order, any size, twice, and what a crash leaves."""

import itertools
import os
import random

import pytest

from dovetail.base.artifacts import LocalParts, LocalStore, Part, Usage
from dovetail.base.errors import ConflictError, InvalidInputError, NotFoundError

SIZE = 1000
BODY = bytes(random.Random(7).randbytes(3 * SIZE + 400))


@pytest.fixture
def parts(tmp_path):
    return LocalParts(LocalStore(tmp_path / "blobs"))


def cut(*sizes):
    starts = [0, *itertools.accumulate(sizes)]
    return [BODY[a:b] for a, b in itertools.pairwise(starts)]


def send(parts, path, upload, number, body, *, announced=True):
    writer = parts.write(path, upload, number, len(body) if announced else None)
    try:
        writer.write([body[:10], body[10:]])
        return Part(number, f'"{writer.commit()}"')
    finally:
        writer.abort()


def staged(parts):
    return [one for one in parts.store.staging.iterdir() if not one.name.startswith(".")]


EVEN = (SIZE, SIZE, SIZE, 400)


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3, 4))))
def test_parts_arrive_in_any_order(parts, order):
    upload = parts.begin("m/big", 4)
    bodies = cut(*EVEN)
    arrived = [send(parts, "m/big", upload, number, bodies[number - 1]) for number in order]
    assert parts.store.usage() == Usage(0, 0)
    stat = parts.complete("m/big", upload, sorted(arrived))
    assert (stat.path, stat.size) == ("m/big", len(BODY))
    assert b"".join(parts.store.open("m/big")) == BODY
    assert staged(parts) == []


@pytest.mark.parametrize(
    "sizes",
    [(3400,), (1700,) * 2, (100, 3300), (3000, 400), (1, 3398, 1), (900, 1100, 1400), (10,) * 340],
    ids=["one", "two", "small first", "large first", "uneven", "all differ", "many"],
)
@pytest.mark.parametrize("announced", [True, False])
def test_parts_may_have_any_size(parts, sizes, announced):
    upload = parts.begin("big", len(sizes))
    numbered = list(enumerate(cut(*sizes), 1))
    random.Random(len(sizes)).shuffle(numbered)
    arrived = [send(parts, "big", upload, n, body, announced=announced) for n, body in numbered]
    parts.complete("big", upload, sorted(arrived))
    assert b"".join(parts.store.open("big")) == BODY


def test_equal_parts_are_not_copied(parts):
    upload = parts.begin("big", 4)
    arrived = [send(parts, "big", upload, n, body) for n, body in enumerate(cut(*EVEN), 1)]
    folder = parts.store.staging / f"parts-{upload}"
    assert [one for one in folder.iterdir() if one.name.startswith("own-")] == []
    inode = (folder / "data").stat().st_ino
    parts.complete("big", upload, arrived)
    assert (parts.store.root / "big").stat().st_ino == inode


def test_a_part_sent_twice_counts_as_it_came_last(parts):
    upload = parts.begin("big", 4)
    bodies = cut(*EVEN)
    arrived = {n: send(parts, "big", upload, n, body) for n, body in enumerate(bodies, 1)}
    slow = parts.write("big", upload, 2, SIZE)
    slow.write([b"y" * 500])
    arrived[3] = send(parts, "big", upload, 3, bodies[2])
    old = arrived[2]
    arrived[2] = send(parts, "big", upload, 2, b"z" * 77)
    with pytest.raises(InvalidInputError, match="part 2 of 'big' is not the one that arrived last"):
        parts.complete("big", upload, [arrived[1], old, arrived[3], arrived[4]])
    parts.complete("big", upload, [arrived[n] for n in sorted(arrived)])
    expected = bodies[0] + b"z" * 77 + bodies[2] + bodies[3]
    assert b"".join(parts.store.open("big")) == expected
    slow.write([b"y" * 500])
    with pytest.raises(ConflictError, match="the upload ended before its part was there"):
        slow.commit()
    assert b"".join(parts.store.open("big")) == expected


def test_a_part_that_broke_off_may_come_again(parts):
    upload = parts.begin("big", 4)
    broken = parts.write("big", upload, 1, SIZE)
    broken.write([b"x" * 300])
    broken.abort()
    arrived = [send(parts, "big", upload, n, body) for n, body in enumerate(cut(*EVEN), 1)]
    parts.complete("big", upload, arrived)
    assert b"".join(parts.store.open("big")) == BODY


def test_what_is_missing_is_named(parts):
    upload = parts.begin("big", 2)
    first = send(parts, "big", upload, 1, BODY)
    with pytest.raises(InvalidInputError, match="part 2 of 'big' has not arrived"):
        parts.complete("big", upload, [first, Part(2, "x")])
    for wrong in ([first], [Part(2, "x"), first], [first, first], []):
        with pytest.raises(InvalidInputError, match="must be numbered from 1 to 2, in order"):
            parts.complete("big", upload, wrong)
    for number in (0, 3, -1):
        with pytest.raises(InvalidInputError, match="has no part"):
            parts.write("big", upload, number, 1)
    assert parts.store.list() == []


def test_an_upload_belongs_to_one_path(parts):
    upload = parts.begin("big", 1)
    part = send(parts, "big", upload, 1, BODY)
    uses = (
        lambda path, it: parts.write(path, it, 1, 5),
        lambda path, it: parts.complete(path, it, [part]),
    )
    for path, it in (("other", upload), ("big", "0" * 20), ("big", "../../x"), ("big", "")):
        for use in uses:
            with pytest.raises(NotFoundError, match="completed, aborted or has expired"):
                use(path, it)
        parts.abort(path, it)
    assert parts.complete("big", upload, [part]).size == len(BODY)
    with pytest.raises(NotFoundError):
        parts.complete("big", upload, [part])


def test_an_aborted_upload_is_gone(parts):
    upload = parts.begin("big", 2)
    part = send(parts, "big", upload, 1, BODY)
    parts.abort("big", upload)
    parts.abort("big", upload)
    with pytest.raises(NotFoundError):
        parts.complete("big", upload, [part])
    assert staged(parts) == []
    assert parts.store.usage() == Usage(0, 0)


def test_an_upload_that_nobody_finishes_is_swept(parts):
    upload = parts.begin("big", 2)
    send(parts, "big", upload, 1, BODY)
    key = parts.secret()
    assert parts.sweep() == 0
    for one in parts.store.staging.rglob("*"):
        os.utime(one, (1, 1), follow_symlinks=False)
    assert parts.sweep() == 1
    assert staged(parts) == []
    assert parts.secret() == key


def test_no_part_makes_an_empty_blob(parts):
    assert parts.complete("none", parts.begin("none", 0), []).size == 0


def test_a_place_that_is_taken_is_refused_at_once(parts):
    parts.store.put("m/a", [b"1"])
    for path in ("m", "m/a/b"):
        with pytest.raises(ConflictError):
            parts.begin(path, 1)
    for count in (-1, 10_001):
        with pytest.raises(InvalidInputError, match=f"cannot have {count} parts"):
            parts.begin("big", count)
    with pytest.raises(InvalidInputError, match="is not allowed"):
        parts.begin("../x", 1)


def test_the_secret_is_shared_and_nobody_elses(parts):
    key = parts.secret()
    assert len(key) == 32
    assert LocalParts(LocalStore(parts.store.root)).secret() == key
    assert (parts.store.staging / ".key").stat().st_mode & 0o777 == 0o600


def test_a_part_that_cannot_lie_there_is_refused(parts):
    upload = parts.begin("big", 3)
    parts.write("big", upload, 1, 1 << 62).abort()
    writer = parts.write("big", upload, 2, 1 << 62)
    with pytest.raises(InvalidInputError, match="part 2"):
        writer.write([b"x"])
    writer.abort()
