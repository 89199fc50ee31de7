"""Vectors, texts and images: watched by what they look like, named, and with rows that show it."""

from datetime import date

import msgspec
import numpy as np
import pytest

from dovetail.base.errors import InvalidInputError
from dovetail.monitoring import Monitor, Reference, compare, merge_profiles
from dovetail.monitoring.drift import watch_inputs
from dovetail.monitoring.errors import ReferenceInvalidError
from dovetail.monitoring.view_images import ImageView
from dovetail.monitoring.view_texts import TextView
from dovetail.monitoring.view_vectors import VectorView, as_vectors
from dovetail.monitoring.views import gather, kind_of

ENGLISH = "the of and to in is was for that on with his they at this from"
GERMAN = "der die und von zu das mit sich des auf für im nicht"


def texts(r, rows, german=0.0):
    found = []
    for _ in range(rows):
        words = (GERMAN if r.random() < german else ENGLISH).split()
        found.append(" ".join(r.choice(words, r.integers(6, 30))) + ".")
    return found


def vectors(r, rows, shift=0.0, size=64):
    """Vectors of two groups, as an encoder of sentences gives."""
    group = r.integers(0, 2, (rows, 1)) * np.linspace(-1, 1, size) * 2
    return (r.standard_normal((rows, size)) + group + shift).astype(np.float32)


def images(r, rows, blurred=False):
    x = r.random((rows, 12, 12, 3))
    return (x + np.roll(x, 1, axis=1)) / 2 if blurred else x


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.0, 2.0], None),
        (["a", "b"] * 50, None),
        ([f"id-{i}" for i in range(150)], None),
        ([[1.0, 2.0], None], "vector"),
        (np.zeros((3, 4)), "vector"),
        ([np.zeros((4, 4)), None], "image"),
        (np.zeros((3, 4, 4, 3)), "image"),
        ([f"number {i} of some words" for i in range(150)], "text"),
        ([f"number {i} of some words" for i in range(50)], None),
        ([None, None], None),
    ],
    ids=[
        "numbers",
        "levels",
        "names",
        "lists",
        "matrix",
        "images",
        "pixels",
        "texts",
        "few",
        "nothing",
    ],
)
def test_a_column_is_what_its_values_are(values, kind):
    assert kind_of(values) == kind


@pytest.mark.parametrize(
    ("make", "change"),
    [(texts, {"german": 0.15}), (vectors, {"shift": 0.4}), (images, {"blurred": True})],
    ids=["texts", "vectors", "images"],
)
def test_a_change_is_found_named_and_shown(make, change):
    r = np.random.default_rng(0)
    monitor = Monitor({"x": make(r, 1500), "age": r.normal(40, 5, 1500)})
    for _ in range(3):
        quiet = monitor.update({"x": make(r, 300), "age": r.normal(40, 5, 300)})
        assert (quiet.alarm, quiet.examples) == (False, [])
    for _ in range(3):
        found = monitor.update({"x": make(r, 300, **change), "age": r.normal(40, 5, 300)})
    assert found.alarm
    assert "x: " in found.drift.columns[0].column
    assert found.examples
    assert all(name.startswith("x: ") for one in found.examples for name in one.values)
    assert "age" not in {c.column for c in found.drift.columns if c.since is not None}


def test_the_rows_shown_are_those_that_changed():
    r = np.random.default_rng(1)
    monitor = Monitor({"x": texts(r, 1500)})
    rows = texts(r, 300)
    foreign = list(range(0, 300, 6))
    for i in foreign:
        rows[i] = " ".join(r.choice(GERMAN.split(), 20))
    monitor.update({"x": rows})
    found = monitor.update({"x": rows})
    assert {one.row for one in found.examples} <= set(foreign)


def test_a_reference_keeps_its_views_and_monitors_go_on():
    r = np.random.default_rng(2)
    reference = Reference.fit({"x": vectors(r, 800), "t": texts(r, 800)})
    again = Reference.unpack(reference.pack())
    assert again == reference
    assert Reference.from_profile(reference.profile()).views == reference.views
    rows = {"x": vectors(r, 200), "t": texts(r, 200)}
    first, second = (Monitor(one).update(rows, day=date(2013, 4, 1)) for one in (reference, again))
    assert first == second


def test_what_comes_as_a_column_a_component_is_put_together():
    r = np.random.default_rng(3)
    x = vectors(r, 500, size=5)
    reference = Reference.fit({"emb": x, "age": r.normal(40, 5, 500)})
    watch = watch_inputs(reference)
    whole = watch.read({"emb": x[:50], "age": np.arange(50.0)})
    named = {f"emb_{j}": x[:50, j] for j in range(5)} | {"age": np.arange(50.0)}
    numbered = {f"f{j}": x[:50, j] for j in range(5)} | {"f5": np.arange(50.0)}
    for columns in (named, numbered):
        found = watch.read(columns)
        assert set(found) == set(whole)
        for name, values in found.items():
            np.testing.assert_allclose(values, whole[name], rtol=1e-6)
    assert {n: v.tolist() for n, v in watch.read(whole).items()} == {
        n: v.tolist() for n, v in whole.items()
    }
    assert gather(reference.views, ["emb", "age"], {"other": 1}) == {"other": 1}


def test_missing_and_odd_values_are_missing_and_break_nothing():
    r = np.random.default_rng(4)
    reference = Reference.fit({"v": vectors(r, 300), "t": texts(r, 300), "i": images(r, 300)})
    rows = {
        "v": [[1.0, 2.0], None, "text", [float("inf")] * 64],
        "t": [None, "", "\ud800 broken", "x" * 100_000],
        "i": [None, [[1.0]], "no image", np.zeros((0, 3))],
    }
    found = watch_inputs(reference).read(rows)
    assert all(len(values) == 4 for values in found.values())
    assert np.isnan(found["v: distance"][:3]).all()
    assert np.isnan(found["t: length"][0])
    assert found["t: length"][1] == 0
    assert np.isnan(found["i: brightness"][[0, 2, 3]]).all()
    assert not Monitor(reference).update(rows).drift.alarm


def test_texts_are_counted_on_their_bytes():
    view = TextView.fit(["one two three", "two three four"] * 10)
    found = view(["One TWO, 34!", "größe", "", None])
    assert found["length"].tolist()[:3] == [12, 5, 0]
    assert found["words"].tolist()[:3] == [3, 1, 0]
    assert found["unknown words"].tolist()[:3] == [pytest.approx(1 / 3), 1, 0]
    assert found["upper case"].tolist()[:2] == [pytest.approx(4 / 12), 0]
    assert found["digits"].tolist()[0] == pytest.approx(2 / 12)
    assert found["punctuation"].tolist()[0] == pytest.approx(2 / 12)
    assert found["letters beyond ASCII"].tolist()[1] == pytest.approx(2 / 5)
    assert all(np.isnan(values[3]) for values in found.values())


def test_images_are_measured_channels_first_or_last():
    r = np.random.default_rng(5)
    last = r.random((2, 8, 6, 3))
    view = ImageView.fit(last)
    assert view.outputs() == [
        "brightness", "contrast", "sharpness", "height", "width",
        "red", "green", "blue", "saturation",
    ]  # fmt: skip
    first, second = view(last), view(last.transpose(0, 3, 1, 2))
    for name in first:
        np.testing.assert_allclose(first[name], second[name], rtol=1e-6)
    assert (first["height"][0], first["width"][0]) == (8, 6)
    assert first["red"][0] == pytest.approx(last[0, :, :, 0].mean(), rel=1e-5)


def test_a_vector_is_as_far_as_its_nearest_centre():
    r = np.random.default_rng(6)
    view = VectorView.fit(vectors(r, 500))
    near, far = (view(vectors(r, 200, shift))["distance"].mean() for shift in (0, 5))
    assert far > 3 * near
    assert as_vectors([[1, 2], None, [1, 2, 3]]).tolist()[0] == [1, 2]


def doubled(values):
    return [[len(v), v.count("a")] for v in values]


def test_a_function_of_the_users_makes_the_vectors():
    r = np.random.default_rng(7)
    values = ["a" * n for n in r.integers(1, 9, 400)]
    reference = Reference.fit({"t": values}, embed={"t": doubled})
    assert [c.name for c in reference.columns] == [
        "t: distance", "t: norm", "t: component 0", "t: component 1",
    ]  # fmt: skip
    monitor = Monitor(reference, embed={"t": doubled})
    assert not monitor.update({"t": values[:100]}).alarm
    with pytest.raises(InvalidInputError, match="embedded by a function, which a reference cannot"):
        Monitor(reference).update({"t": values[:100]})
    with pytest.raises(InvalidInputError, match="gave 1 vectors for 100 values"):
        Reference.fit({"t": values}, embed={"t": lambda values: [[1.0]]}, keep_rows=False)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://x", "'ftp://x' is no address of a model"),
        ("http://127.0.0.1:9/v2/models/e", "the model that embeds 't' does not answer at"),
    ],
    ids=["no-address", "nobody"],
)
def test_a_model_that_cannot_be_asked_is_named(url, message):
    with pytest.raises(InvalidInputError, match=message):
        Reference.fit({"t": ["a", "b"]}, embed={"t": url})


def test_profiles_that_look_differently_are_not_merged():
    r = np.random.default_rng(8)
    first = Reference.fit({"x": vectors(r, 300)})
    like = Reference.fit({"x": vectors(r, 300)}, like=first)
    assert merge_profiles(first, like).rows == 600
    with pytest.raises(ReferenceInvalidError, match="differently cannot be merged"):
        merge_profiles(first, Reference.fit({"x": vectors(r, 300)}))


def test_a_file_with_a_broken_view_is_refused():
    reference = Reference.fit({"x": vectors(np.random.default_rng(9), 300)})
    (view,) = reference.views
    broken = msgspec.structs.replace(view.vectors, mean=b"123")
    wrong = msgspec.structs.replace(view, vectors=broken)
    other = msgspec.structs.replace(view, column="y")
    for views in ([wrong], [other], [msgspec.structs.replace(view, vectors=None)]):
        file = msgspec.structs.replace(reference, views=views).profile()
        with pytest.raises(ReferenceInvalidError, match="this is no valid monitoring profile"):
            Reference.from_profile(file)


@pytest.mark.parametrize("make", [texts, vectors, images], ids=["texts", "vectors", "images"])
def test_a_comparison_is_quiet_on_the_same_and_says_which_rows_are_far(make):
    r = np.random.default_rng(10)
    alike = compare({"x": make(r, 800)}, {"x": make(r, 400)})
    assert (alike.verdict, alike.far) == ("no drift", [])
    change = {texts: {"german": 0.3}, vectors: {"shift": 0.5}, images: {"blurred": True}}[make]
    apart = compare({"x": make(r, 800)}, {"x": make(r, 400, **change)}, tests=["ks"])
    assert apart.verdict == "drift"
    assert [one.column for one in apart.far] == ["x"] * 3
    assert all(bool(one.excerpt) == (make is texts) for one in apart.far)
    assert apart.rows == (800, 400)


def test_a_comparison_errs_no_more_often_than_it_says():
    """The view learns from rows of one side; were they tested, texts would differ every time."""
    wrong = 0
    for seed in range(40):
        r = np.random.default_rng([11, seed])
        found = compare({"x": texts(r, 200)}, {"x": texts(r, 200)})
        wrong += found.verdict == "drift"
    assert wrong <= 6


def test_parquet_lists_are_vectors(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    from dovetail.monitoring.files import read_columns

    r = np.random.default_rng(12)
    even, odd = vectors(r, 300, size=6), [[1.0, 2.0], None, [3.0, 4.0]] * 100
    tall = [image.tolist() for image in r.random((300, 4, 4))]
    words = [["a", "b"]] * 300
    table = {"even": list(even), "odd": odd, "tall": tall, "words": words}
    parquet.write_table(arrow.table(table), tmp_path / "a.parquet")
    read = read_columns(tmp_path / "a.parquet")
    assert (list(read), read.nested) == (["even", "odd", "tall"], ("words",))
    np.testing.assert_allclose(read["even"], even, rtol=1e-6)
    found = compare(read, read_columns(tmp_path / "a.parquet"))
    assert {c.column.partition(": ")[0] for c in found.columns} == {"even", "odd", "tall"}
    assert found.skipped == {"words": "holds records, bytes or lists of texts"}
