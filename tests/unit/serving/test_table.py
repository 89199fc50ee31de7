"""Tables: columns of many types, values that are missing, and what is said of what does not fit."""

import msgspec
import numpy as np
import pytest

from dovetail.serving import BadTensorError, Column, TableSignature

TABLE = TableSignature(
    (
        Column("carrier", "BYTES", categories=("UA", "AA")),
        Column("delay", "FP64"),
        Column("seats", "INT64"),
        Column("night", "BOOL"),
        Column("note", "BYTES", required=False),
        Column("age", "INT32", required=False),
    )
)


def text(*values):
    return np.array([v.encode() if isinstance(v, str) else v for v in values], dtype=object)


def request(**changed):
    tensors = {
        "night": np.array([True, False]),
        "seats": np.array([180, 50]),
        "delay": np.array([3.5, np.nan], dtype="f"),
        "carrier": text("UA", None),
        "note": text("late", None),
        "age": np.array([4, 7], dtype="i4"),
        **changed,
    }
    return {name: tensor for name, tensor in tensors.items() if tensor is not None}


def test_each_column_comes_in_the_type_that_it_is_due():
    bound = TABLE.bind(request())
    assert list(bound) == ["carrier", "delay", "seats", "night", "note", "age"]
    assert bound["carrier"].tolist() == ["UA", None]
    assert bound["note"].tolist() == ["late", None]
    assert [a.dtype.str for a in bound.values()] == ["|O", "<f8", "<i8", "|b1", "|O", "<i4"]


def test_columns_may_stand_upright():
    upright = {name: tensor.reshape(2, 1) for name, tensor in request().items()}
    assert TABLE.bind(upright)["seats"].tolist() == [180, 50]


def test_an_absent_optional_column_is_missing_in_every_row():
    bound = TABLE.bind(request(note=None, age=None))
    assert bound["note"].tolist() == [None, None]
    assert np.isnan(bound["age"]).all()


def test_whole_numbers_with_missing_ones_become_floats():
    bound = TABLE.bind(request(seats=np.array([180.0, np.nan])))
    np.testing.assert_array_equal(bound["seats"], [180.0, np.nan])
    assert TABLE.bind(request(seats=np.array([180.0, 50.0])))["seats"].dtype == np.int64


def test_a_matrix_is_taken_where_all_columns_are_numbers():
    table = TableSignature((Column("a"), Column("b", "INT64")))
    bound = table.bind({"input": np.array([[0.5, 1.0], [1.5, 2.0]])})
    assert bound["a"].tolist() == [0.5, 1.5]
    assert bound["b"].dtype == np.int64
    words = TableSignature((Column("a", "BYTES"), Column("b", "BYTES")))
    assert words.bind({"input": np.array([[b"x", b"y"]], dtype=object)})["b"].tolist() == ["y"]


def test_one_column_is_taken_under_its_name_and_as_a_matrix():
    table = TableSignature((Column("a"),))
    for name in ("a", "input"):
        assert table.bind({name: np.array([[1.0], [2.0]])})["a"].tolist() == [1.0, 2.0]


MOMENTS = {
    "2024-05-01T12:00:00Z": "2024-05-01T12:00:00",
    "2024-05-01T12:00:00.25+02:00": "2024-05-01T10:00:00.25",
    "2024-05-01": "2024-05-01",
}


@pytest.mark.parametrize(("said", "meant"), MOMENTS.items(), ids=MOMENTS)
def test_moments_are_read_as_iso_8601_in_utc(said, meant):
    table = TableSignature((Column("at", "BYTES", content="datetime"),))
    bound = table.bind({"at": text(said, None)})["at"]
    np.testing.assert_array_equal(bound, np.array([meant, "NaT"], dtype="datetime64[ns]"))


def test_raw_bytes_stay_bytes():
    table = TableSignature((Column("blob", "BYTES", content="binary"),))
    assert table.bind({"blob": np.array([b"\xff"], dtype=object)})["blob"].tolist() == [b"\xff"]


REFUSED = {
    "text for numbers": (
        {"delay": text("1", "2")},
        r"column 'delay' is BYTES. the model takes numbers \(FP64\) there",
    ),
    "numbers for text": (
        {"carrier": np.array([1, 2])},
        r"column 'carrier' is INT64. the model takes text \(BYTES\) there",
    ),
    "parts for whole": (
        {"seats": np.array([1.5, 2])},
        r"column 'seats' is FP64. the model takes whole numbers \(INT64\) there",
    ),
    "two for true": ({"night": np.array([0, 2])}, "the model takes true or false"),
    "too large": ({"age": np.array([1, 2**31])}, "column 'age' has a value outside INT32"),
    "infinite": ({"age": np.array([1, np.inf])}, "column 'age' has a value outside INT32"),
    "missing": ({"seats": None}, "missing columns: seats; unknown tensors: none"),
    "unknown": ({"seat": np.array([1, 2])}, "missing columns: none; unknown tensors: seat"),
    "other length": (
        {"delay": np.array([1.0])},
        r"column 'delay' has the shape \[1\]. the table has 2 rows. send \[2\] or \[2, 1\]",
    ),
    "two dimensions": ({"delay": np.ones((1, 2))}, r"'delay' has the shape \[1, 2\]"),
    "not text": ({"note": np.array([b"\xff", b""], dtype=object)}, "text that is not UTF-8"),
}


@pytest.mark.parametrize(("changed", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_fit_is_named(changed, message):
    with pytest.raises(BadTensorError, match=message):
        TABLE.bind(request(**changed))


def test_a_matrix_for_columns_of_many_types_is_refused_with_what_is_due():
    with pytest.raises(BadTensorError, match=r"different types. send one tensor .* carrier BYTES"):
        TABLE.bind({"input": np.ones((2, 6))})
    table = TableSignature((Column("a"), Column("b")))
    with pytest.raises(BadTensorError, match=r"3 columns, the model takes 2. .* order: a, b"):
        table.bind({"input": np.ones((2, 3))})


@pytest.mark.parametrize("said", ["yesterday", "0001-01-01", "2024-13-01"])
def test_text_that_is_no_moment_is_refused(said):
    table = TableSignature((Column("at", "BYTES", content="datetime"),))
    with pytest.raises(BadTensorError, match="'at' has text that is no moment"):
        table.bind({"at": text(said)})


def test_there_is_one_input_per_column():
    said = [spec.describe() for spec in TABLE.inputs]
    assert said[0] == {"name": "carrier", "datatype": "BYTES", "shape": [-1, 1]}
    assert [one["name"] for one in said] == list(TABLE.names)


def test_it_is_plain_data():
    TABLE.bind(request())
    assert msgspec.json.decode(msgspec.json.encode(TABLE), type=TableSignature) == TABLE
