"""Task files: what each kind becomes, what is said of faults, and hostile zips."""

import io
import stat
import zipfile
from datetime import datetime

import polars as pl
import pytest

from dovetail.base.errors import InvalidInputError, TooLargeError
from dovetail.labels.formats import pictures_in
from dovetail.labels.formats.reading import read, read_path, with_assets


def tasks(content: str | bytes, name: str, *fields: str) -> list[dict]:
    raw = content.encode() if isinstance(content, str) else content
    return read(io.BytesIO(raw), name, fields).tasks


def fault(content: str | bytes, name: str, *fields: str) -> str:
    with pytest.raises(InvalidInputError) as error:
        tasks(content, name, *fields)
    return str(error.value)


def test_json_is_taken_with_and_without_data():
    full = {"data": {"text": "a"}, "annotations": [{"result": [], "odd": 1}], "new": {"kept": 1}}
    assert tasks('[{"text": "a"}, {"data": {"text": "b"}}]', "t.json") == [
        {"data": {"text": "a"}}, {"data": {"text": "b"}},
    ]  # fmt: skip
    assert tasks('{"text": "a"}', "T.JSON") == [{"data": {"text": "a"}}]
    assert tasks('\ufeff{"data": {"text": "a"}, "annotations": [{"result": [], "odd": 1}], '
                 '"new": {"kept": 1}}', "t.json") == [full]  # fmt: skip
    assert tasks('{"a": 1}\n\n{"data": {"a": 2}}\n', "t.jsonl") == [
        {"data": {"a": 1}}, {"data": {"a": 2}},
    ]  # fmt: skip


def test_a_table_keeps_what_is_no_plain_number():
    table = 'id,zip,price,version,text\n1,007,0.5,1.10,"a, b"\n2,12,3,1.2,"c\nd"\n'
    assert tasks(table, "t.csv") == [
        {"data": {"id": 1, "zip": "007", "price": 0.5, "version": "1.10", "text": "a, b"}},
        {"data": {"id": 2, "zip": "12", "price": 3.0, "version": "1.2", "text": "c\nd"}},
    ]
    assert tasks("a;b\n1;x,y\n", "t.csv") == [{"data": {"a": 1, "b": "x,y"}}]
    assert tasks("a\tb\n\t'=1+1\n", "t.tsv") == [{"data": {"a": "", "b": "=1+1"}}]
    assert tasks("n,m\n1,\n,2\n", "t.csv") == [
        {"data": {"n": 1, "m": ""}},
        {"data": {"n": "", "m": 2}},
    ]


def test_lines_and_pages_fill_the_only_field():
    assert tasks("one\n\n two \n", "t.txt", "text") == [
        {"data": {"text": "one"}}, {"data": {"text": " two "}},
    ]  # fmt: skip
    assert tasks("<b>x</b>\n", "t.html", "page") == [{"data": {"page": "<b>x</b>\n"}}]


def test_parquet_becomes_json():
    frame = pl.DataFrame(
        {"text": ["a"], "at": [datetime(2026, 1, 2)], "n": [float("nan")], "tags": [["x", "y"]],
         "more": [{"a": 1}]}
    )  # fmt: skip
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    assert tasks(buffer.getvalue(), "t.parquet") == [
        {"data": {"text": "a", "at": "2026-01-02T00:00:00", "n": None, "tags": ["x", "y"],
                  "more": {"a": 1}}}
    ]  # fmt: skip
    buffer = io.BytesIO()
    pl.DataFrame({"image": [b"\x89PNG"]}).write_parquet(buffer)
    assert "the column 'image' holds bytes" in fault(buffer.getvalue(), "t.parquet")


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        ('[{"a": 1},\n {"a": }]', "t.json", "t.json, line 2, column 8: this is not JSON"),
        ('{"a": 1}\n{"a": \n', "t.jsonl", "t.jsonl, line 2, column 7: this is not JSON"),
        ("[1]", "t.json", "t.json, item 1: a task is an object, and this is a int"),
        ('{"a": 1}\n[2]', "t.jsonl", "t.jsonl, line 2: a task is an object, and this is a list"),
        ('[{"data": {"a": 1}}, {"data": [1]}]', "t.json", "t.json, item 2: `data` is a list"),
        ("[]", "t.json", "t.json holds no task"),
        ("a,b\n1,2\n1,2,3\n", "t.csv", "t.csv, line 3: 3 cells, and the header has 2 columns"),
        ("a,b\n1\n", "t.csv", "t.csv, line 2: 1 cells, and the header has 2 columns"),
        ("a,,b\n1,2,3\n", "t.csv", "t.csv, line 1, column 2 has no name"),
        ("a,b,a\n", "t.csv", "t.csv, line 1, column 3: there are two columns 'a'"),
        ('a,b\n1,"x"y\n', "t.csv", "t.csv, line 2: the table cannot be read"),
        ("a,b\n", "t.csv", "t.csv holds no task"),
        (b"a,b\nx,\xe9\n", "t.csv", "t.csv, line 2: the file is not UTF-8. Byte 6 is 0xe9"),
        (b"PAR1", "t.parquet", "t.parquet cannot be read as Parquet"),
        ("x", "t.docx", "t.docx is of no known kind"),
        ("x", "noend", "noend is of no known kind"),
    ],
)
def test_a_fault_is_said_with_its_place(content, name, said):
    assert said.lower() in fault(content, name).lower()


def test_lines_do_not_fit_a_config_with_two_fields():
    assert fault("a\n", "t.txt", "left", "right") == (
        "t.txt fills one field, and the label config shows 2. its fields: left, right. give a "
        "JSON, CSV or Parquet file with a column for each field."
    )


def test_deep_json_is_a_message_and_no_crash():
    assert "this is not JSON" in fault("[" * 100_000, "t.json")


def packed(*entries: tuple[str, bytes], link: str = "") -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if name == link:
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, content)
    buffer.seek(0)
    return buffer


def test_pictures_of_a_zip_become_tasks():
    entries = [("b/2.PNG", b"two"), ("a.jpg", b"one"), ("__MACOSX/._a.jpg", b"")]
    odd = [("notes.txt", b"x"), ("evil.svg", b"<svg/>")]
    found = read(packed(*entries, *odd), "p.zip", ("image",))
    assert [(one.name, one.media_type, one.read()) for one in found.assets] == [
        ("a.jpg", "image/jpeg", b"one"), ("b/2.PNG", "image/png", b"two"),
    ]  # fmt: skip
    assert [one.partition(":")[0] for one in found.skipped] == ["evil.svg", "notes.txt"]
    assert with_assets(found, "image", iter(["/1", "/2"])) == [
        {"data": {"image": "/1"}, "meta": {"file": "a.jpg"}},
        {"data": {"image": "/2"}, "meta": {"file": "b/2.PNG"}},
    ]


@pytest.mark.parametrize(
    "name", ["../x.png", "/etc/x.png", "a/../../x.png", "C:/x.png", "..\\x.png"]
)
def test_a_name_that_leads_out_of_a_zip_is_refused(name):
    with pytest.raises(InvalidInputError, match="leads out of the archive"):
        read(packed((name, b"x")), "p.zip", ("image",))


def test_links_bombs_and_what_is_no_zip_are_refused(monkeypatch):
    with pytest.raises(InvalidInputError, match="is a link"):
        read(packed(("a.png", b"/etc/passwd"), link="a.png"), "p.zip", ("image",))
    with pytest.raises(InvalidInputError, match="is no zip file"):
        read(io.BytesIO(b"PK nothing"), "p.zip", ("image",))
    with pytest.raises(InvalidInputError, match="holds no picture"):
        read(packed(("a.txt", b"x")), "p.zip", ("image",))
    monkeypatch.setattr(pictures_in, "LARGEST", 1000)
    bomb = packed(("a.png", bytes(5000)))
    with pytest.raises(InvalidInputError, match="has more than"):
        read(bomb, "p.zip", ("image",))
    true, told = (size.to_bytes(4, "little") for size in (5000, 500))
    lying = packed(("a.png", bytes(5000))).getvalue().replace(true, told)
    asset = read(io.BytesIO(lying), "p.zip", ("image",)).assets[0]
    with pytest.raises((InvalidInputError, TooLargeError)):
        asset.read()


def test_a_folder_is_read_with_what_is_below_it_and_no_link_followed(tmp_path):
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "1.png").write_bytes(b"1")
    (tmp_path / ".hidden.png").write_bytes(b"h")
    (tmp_path / "secret.png").symlink_to("/etc/hostname")
    found = read_path(tmp_path, ("image",))
    assert [one.name for one in found.assets] == ["cats/1.png"]
    assert found.skipped == ["secret.png: a link, which is not followed"]
    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_path(tmp_path / "gone.csv")


def test_a_single_picture_is_a_task():
    found = read(io.BytesIO(b"\x89PNG"), "dir/a b.png", ("image",))
    assert [(one.name, one.read()) for one in found.assets] == [("a b.png", b"\x89PNG")]
