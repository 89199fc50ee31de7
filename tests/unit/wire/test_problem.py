import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail.wire.problem import Problem, decode, encode

TEXT = st.text(max_size=20)
EXTENSIONS = st.dictionaries(
    st.sampled_from(["errors", "model", "hint"]), st.integers() | TEXT | st.lists(TEXT), max_size=3
)


@given(
    problem=st.builds(
        Problem,
        title=TEXT,
        status=st.integers(100, 599),
        detail=TEXT,
        code=TEXT,
        instance=TEXT,
        extensions=EXTENSIONS,
    )
)
def test_a_problem_survives_the_wire(problem):
    assert decode(encode(problem)) == problem


def test_an_extension_cannot_hide_a_member():
    problem = Problem(title="Gone", status=410, extensions={"status": 200, "x": 1})
    assert msgspec.json.decode(encode(problem)) == {
        "type": "about:blank",
        "title": "Gone",
        "status": 410,
        "x": 1,
    }


@pytest.mark.parametrize("body", [b"", b"[]", b'{"status": "x"}'])
def test_what_is_no_problem_is_refused(body):
    with pytest.raises(msgspec.DecodeError):
        decode(body)
