"""What can be seen of a file: bounded, and harmless whatever the file holds."""

import gzip
import io
import json
import pickle
import zipfile
from collections.abc import Iterator

import pytest

from dovetail.base.artifacts import MemoryStore, Stat
from dovetail.tracking.previews import Preview, Source, preview
from dovetail.tracking.previews.card import Fact, Field, read_card

IMAGE = "/image"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40


def look(name: str, content: bytes | str, start: int = 0, line: int = 1) -> Preview:
    data = content.encode() if isinstance(content, str) else content
    store = MemoryStore()
    store.put(name, [data])
    return preview(Source(store, name, len(data)), IMAGE, start, line)


class Endless(MemoryStore):
    """A file of 5 GB that is made while it is read."""

    size = 5 << 30

    def __init__(self, head: bytes, filling: bytes) -> None:
        super().__init__()
        self.head, self.filling = head, filling

    def stat(self, path: str) -> Stat:
        return Stat(path, self.size, False, 0.0)

    def open(self, path: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        assert end is not None
        body = self.head + self.filling * ((end - start) // len(self.filling) + 2)
        yield body[start:end] if start < len(self.head) else body[: end - start]


@pytest.mark.parametrize(
    ("name", "head", "filling", "kind"),
    [
        ("a.csv", b"a,b\n", b"1,2\n", "table"),
        ("a.jsonl", b'{"a":1}\n', b'{"a":1}\n', "table"),
        ("a.json", b'{"columns":["a"],"data":[[1]', b",[2]", "table"),
        ("a.json", b'[{"a":1}', b',{"a":1}', "table"),
        ("a.json", b'{"a":[1', b",1", "text"),
        ("a.yaml", b"a: 1\n", b"b: 1\n", "text"),
        ("a.log", b"x\n", b"line of a log\n", "text"),
        ("a.txt", b"x", b"x", "text"),
        ("a.zip", b"PK", b"\x00", "none"),
        ("a.bin", b"\x00", b"\x01", "none"),
        ("a.png", PNG, b"\x00", "none"),
    ],
)
def test_five_gigabytes_cost_as_little_as_a_small_file(
    name: str, head: bytes, filling: bytes, kind: str
) -> None:
    source = Source(Endless(head, filling), name, Endless.size)
    assert preview(source, IMAGE).kind == kind
    assert source.taken < 800_000


def test_a_long_text_is_read_part_by_part_with_its_line_numbers() -> None:
    text = "".join(f"line {i}\n" for i in range(1, 5001))
    seen, start, line = [], 0, 1
    while True:
        found = look("a.log", text, start, line).text
        assert found is not None
        seen += [(one.number, one.text) for one in found.lines]
        if found.next_byte is None:
            break
        start, line = found.next_byte, found.next_line
    assert seen == [(i, f"line {i}") for i in range(1, 5001)]


def test_a_part_never_ends_inside_a_character() -> None:
    found = look("a.txt", "ä" * 50_000)
    assert found.text is not None
    assert "\ufffd" not in found.text.lines[0].text
    assert found.text.next_byte is not None
    assert found.text.next_byte % 2 == 0


def test_bytes_that_are_no_text_are_said_and_shown() -> None:
    found = look("a.txt", b"fine\nnot \xff fine\n")
    assert found.text is not None
    assert [line.text for line in found.text.lines] == ["fine", "not \ufffd fine"]
    assert "not valid UTF-8" in found.notes[0]
    wide = look("a.txt", "hällo\nwörld".encode("utf-16"))
    assert wide.text is not None
    assert [line.text for line in wide.text.lines] == ["hällo", "wörld"]


def test_html_is_text_and_svg_is_a_picture() -> None:
    html = look("a.html", "<script>alert(1)</script>")
    assert html.kind == "text"
    assert "never rendered" in html.notes[0]
    assert look("a.svg", "<svg><script>alert(1)</script></svg>").image == IMAGE
    assert look("renamed.png", "<script>alert(1)</script>").kind == "text"
    assert look("a.txt", PNG).kind == "image"


@pytest.mark.parametrize("name", ["m.pkl", "m.joblib", "m.pt", "a.zip", "a.tar.gz", "m.skops"])
def test_what_could_run_or_inflate_is_not_opened(name: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", b"0" * 10_000_000)

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (pytest.fail, ("unpickled",))

    for content in (packed.getvalue(), pickle.dumps(Bomb()), gzip.compress(b"0" * 1_000_000)):
        found = look(name, content)
        assert found.kind == "none"
        assert "never opened here" in found.notes[0]


def test_a_table_shows_its_first_rows_and_column_types() -> None:
    rows = "".join(f"{i},{i / 8},2013-05-{i % 28 + 1:02},{i % 2 == 0},x{i},\n" for i in range(300))
    found = look("a.csv", "n,x,day,even,name,nothing\n" + rows)
    assert found.table is not None
    assert [(c.name, c.type) for c in found.table.columns] == [
        ("n", "integer"),
        ("x", "number"),
        ("day", "date"),
        ("even", "boolean"),
        ("name", "text"),
        ("nothing", "empty"),
    ]
    assert (len(found.table.rows), found.table.total) == (100, 300)
    assert found.notes == ["The first 100 of 300 rows are shown."]


def test_a_hostile_table_is_only_text() -> None:
    cells = ["=cmd|' /C calc'!A0", "<script>", "x" * 100_000, '"quoted ""twice"""', "\u202egnp"]
    found = look("a.csv", "a,b,c,d,e\n" + ",".join(cells) + "\n")
    assert found.table is not None
    (row,) = found.table.rows
    assert row[:2] == ["=cmd|' /C calc'!A0", "<script>"]
    assert row[2] == "x" * 200 + "…"
    assert row[3] == 'quoted "twice"'
    wide = look("a.csv", ",".join(f"c{i}" for i in range(900)) + "\n")
    assert wide.table is not None
    assert (len(wide.table.columns), wide.table.width) == (50, 900)
    ragged = look("a.csv", "a,b\n1\n1,2,3\n")
    assert ragged.table is not None
    assert ragged.table.rows[0] == ["1", None]


@pytest.mark.parametrize("content", ["a,b\n" + "x" * 200_000 + ",1\n", '"' + "x" * 400_000])
def test_a_table_that_cannot_be_read_is_text(content: str) -> None:
    found = look("a.csv", content)
    assert found.kind == "text"
    assert found.notes[0] == "The file cannot be read as a table."


def test_tables_of_log_table_and_of_records() -> None:
    split = look("t.json", json.dumps({"columns": ["q", "n"], "data": [["a", 1], [None, 2.5]]}))
    assert split.table is not None
    assert split.table.rows == [["a", "1"], [None, "2.5"]]
    assert (split.table.total, [c.type for c in split.table.columns]) == (2, ["text", "number"])
    indexed = look("t.json", '{"columns":["q"],"index":[0],"data":[["a"]]}')
    assert indexed.table is not None
    records = look("t.json", '[{"a": 1, "b": {"c": []}}, {"a": 2}]')
    assert records.table is not None
    assert records.table.rows == [["1", '{"c": []}'], ["2", None]]
    lines = look("t.jsonl", '{"a": 1}\n{"b": 2}\n')
    assert lines.table is not None
    assert lines.table.rows == [["1", None], [None, "2"]]


def test_documents_fold() -> None:
    for name, content in (("a.json", '{"a": [1, null]}'), ("a.yaml", "a:\n- 1\n- null\n")):
        found = look(name, content)
        assert found.tree is not None
        (inner,) = found.tree.children
        assert (inner.key, inner.kind, inner.text) == ("a", "list", "2 items")
        assert [(c.kind, c.text) for c in inner.children] == [("integer", "1"), ("null", "null")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", "[" * 100_000),
        ("a.json", "[" * 100_000 + "]" * 100_000),
        ("a.json", '{"a":' * 50_000 + "1" + "}" * 50_000),
        ("a.json", "1" * 10_000),
        ("a.json", '{"columns": ' + "[" * 90_000),
        ("a.jsonl", "[" * 100_000),
        ("a.yaml", "[" * 60_000),
        ("a.yaml", "a: &a [1]\nb: [*a, *a]\n"),
        ("a.yaml", "a: &a [*a]\n"),
        ("a.yaml", "!!python/object/apply:os.system ['true']\n"),
        ("a.yaml", "\ta: [unclosed"),
    ],
    ids=range(11),
)
def test_a_document_that_is_a_trap_is_text(name: str, content: str) -> None:
    assert look(name, content).kind == "text"


def test_a_large_document_is_cut() -> None:
    wide = look("a.json", json.dumps({str(i): i for i in range(5000)}))
    assert wide.tree is not None
    assert len(wide.tree.children) == 999
    assert wide.notes == ["The first 1,000 values are shown."]
    deep = look("a.json", "[" * 60 + "]" * 60)
    node, depth = deep.tree, 0
    while node is not None and node.children:
        node, depth = node.children[0], depth + 1
    assert depth == 40


class TestParquet:
    """Read by a process of its own."""

    @pytest.fixture
    def table(self) -> bytes:
        pa = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        columns = {
            "n": list(range(1000)),
            "text": ["=1+1", "<b>", "x" * 1000, None] * 250,
            "nested": [{"a": [1, 2]}] * 1000,
            "raw": [b"\x00\xff"] * 1000,
        }
        out = io.BytesIO()
        parquet.write_table(pa.table(columns), out)
        return out.getvalue()

    def test_the_first_rows_and_the_schema(self, table: bytes) -> None:
        found = look("a.parquet", table)
        assert found.table is not None, found.notes
        assert [(c.name, c.type) for c in found.table.columns] == [
            ("n", "int64"),
            ("text", "string"),
            ("nested", "struct<a: list<element: int64>>"),
            ("raw", "binary"),
        ]
        assert found.table.rows[0] == ["0", "=1+1", '{"a": [1, 2]}', "00ff"]
        assert found.table.rows[3][1] is None
        assert found.table.total == 1000

    def test_a_column_that_inflates_takes_no_more_than_its_limit(self) -> None:
        pa = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        huge = pa.DictionaryArray.from_arrays([0] * 100, ["x" * (20 << 20)])
        out = io.BytesIO()
        parquet.write_table(pa.table({"a": huge}), out, compression="zstd", store_schema=False)
        found = look("bomb.parquet", out.getvalue())
        assert len(out.getvalue()) < 50_000
        assert found.notes[0].startswith("The rows cannot be shown: ")
        assert found.table is not None
        assert (found.table.rows, found.table.total) == ([], 100)

    def test_a_damaged_file_is_said_to_be_so(self, table: bytes) -> None:
        half = table[: len(table) // 2]
        for content in (half, b"PAR1" * 100, table[:200] + b"\xff" * 300 + table[500:]):
            assert look("a.parquet", content).kind in ("none", "table")
        assert "cannot be read as Parquet" in look("a.parquet", half).notes[0]


MLMODEL = """\
flavors:
  python_function: {loader_module: mlflow.sklearn, python_version: 3.11.7}
  sklearn: {sklearn_version: 1.9.1, code: null}
mlflow_version: 3.17.2
model_size_bytes: 11259
saved_input_example_info: {artifact_path: input_example.json}
signature:
  inputs: '[{"type": "double", "name": "distance", "required": true},
    {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "long"}}},
     "name": "stops", "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1, 3]}}]'
  params: '[{"name": "limit", "type": "double", "default": 0.5, "shape": null}]'
"""


def test_a_model_folder_says_what_it_takes_and_needs() -> None:
    store = MemoryStore()
    store.put("m/MLmodel", [MLMODEL.encode()])
    store.put("m/requirements.txt", [b"numpy==2\n\nscikit-learn\n"])
    card = read_card(store, "m")
    assert card is not None
    assert card.inputs == [
        Field("distance", "double", True),
        Field("stops", "list of {a: long}", False),
    ]
    assert card.outputs == [Field("0", "int64 tensor (any, 3)")]
    assert card.params == [Field("limit", "double", None, "0.5")]
    assert [flavour.name for flavour in card.flavours] == ["python_function", "sklearn"]
    assert Fact("Python", "3.11.7") in card.facts
    assert card.requirements == ["numpy==2", "scikit-learn"]
    assert card.example == "input_example.json"
    assert read_card(store, "elsewhere") is None


@pytest.mark.parametrize(
    "content", ["[1]", "a: [", "signature: {inputs: 'no json'}", "!!python/name:os.system x", ""]
)
def test_a_broken_model_description_is_reported(content: str) -> None:
    store = MemoryStore()
    store.put("m/MLmodel", [content.encode()])
    card = read_card(store, "m")
    assert card is not None
    assert card.problem.startswith("MLmodel cannot be read: ")
