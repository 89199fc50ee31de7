"""Exports that pack pictures: the project's own and no other's, streamed, and only where wanted."""

import base64
import io
import json
import tracemalloc
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.unit.labels.server.conftest import Api
from tests.unit.labels.server.test_files import send

from dovetail.labels.formats.packing import Picture, Text, inline, packed

IMAGES = (
    '<View><Image name="image" value="$image"/>'
    '<RectangleLabels name="box" toName="image"><Label value="cat"/></RectangleLabels></View>'
)
BOX = {
    "id": "b", "from_name": "box", "to_name": "image", "type": "rectanglelabels",
    "original_width": 200, "original_height": 100,
    "value": {"x": 10, "y": 10, "width": 20, "height": 20, "rotation": 0,
              "rectanglelabels": ["cat"]},
}  # fmt: skip
INLINE = b"\x89PNG within"


def picture(text: str) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + text.encode() * 50


@dataclass
class World:
    """A project with pictures of its own, of another project, from elsewhere, and within."""

    labels: Api
    project: int
    own: dict[str, bytes]

    def zip(self, name: str, more: str = "") -> dict[str, bytes]:
        path = f"/api/projects/{self.project}/export?exportType={name}{more}"
        answer = self.labels.http.get(path)
        assert answer.status_code == 200, answer.text
        return unzipped(answer.content)


def unzipped(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist() if name[-1] != "/"}


@pytest.fixture
def world(labels: Api) -> World:
    other, project = (labels.project(label_config=IMAGES) for _ in range(2))
    send(labels, other, ("secret.png", picture("secret")))
    (theirs,) = (t["data"]["image"] for t in labels.get(f"/api/projects/{other}/tasks"))
    send(labels, project, ("a.png", picture("a")), ("b.jpg", picture("b")))
    within = "data:image/png;base64," + base64.b64encode(INLINE).decode()
    labels.load(
        project,
        [
            {"image": theirs},
            {"image": theirs.replace(f"/{other}/", f"/{project}/../{other}/")},
            {"image": "https://pictures.example/far.png"},
            {"image": within},
            {"image": f"/data/upload/{project}/gone.png"},
        ],
    )
    own = {}
    for task in labels.get(f"/api/projects/{project}/tasks"):
        labels.post(f"/api/tasks/{task['id']}/annotations/", {"result": [BOX]})
        address = task["data"]["image"]
        if address.endswith(("a.png", "b.jpg")) and f"/{project}/" in address:
            own[address.rpartition("/")[2]] = picture(address[-5])
    assert len(own) == 2
    return World(labels, project, own)


def pictures_in(files: dict[str, bytes]) -> dict[str, bytes]:
    return {n.removeprefix("images/"): b for n, b in files.items() if n.startswith("images/")}


@pytest.mark.parametrize(
    "name", ["COCO_WITH_IMAGES", "YOLO_WITH_IMAGES", "YOLO_OBB_WITH_IMAGES", "VOC"]
)
def test_the_project_s_own_pictures_are_packed_and_no_other_s(world: World, name: str) -> None:
    files = world.zip(name)
    found = pictures_in(files)
    within = {n: body for n, body in found.items() if n not in world.own}
    assert {n: found.get(n) for n in world.own} == world.own
    assert list(within.values()) == [INLINE]
    assert not any(b"secret" in body for body in files.values() if body.startswith(b"\x89PNG"))


def test_coco_names_the_files_that_are_packed(world: World) -> None:
    files = world.zip("COCO_WITH_IMAGES")
    told = json.loads(files["result.json"])
    assert len(told["images"]) == len(told["annotations"]) == 7
    named = {one["file_name"] for one in told["images"]}
    assert {n for n in files if n.startswith("images/")} <= named
    plain = world.labels.get(f"/api/projects/{world.project}/export?exportType=COCO")
    assert {**plain, "info": 0} == {**told, "info": 0}


@pytest.mark.parametrize("name", ["YOLO_WITH_IMAGES", "YOLO_OBB_WITH_IMAGES"])
def test_each_picture_of_yolo_has_its_labels_under_the_same_name(world: World, name: str) -> None:
    files = world.zip(name)
    for picture_name in pictures_in(files):
        stem = picture_name.rpartition(".")[0]
        assert files[f"labels/{stem}.txt"].startswith(b"0 ")


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("VOC", "&download_resources=false"),
        ("COCO_WITH_IMAGES", "&download_resources=false"),
        ("YOLO_WITH_IMAGES", "&download_resources=0"),
        ("YOLO", ""),
        ("YOLO", "&download_resources=true"),
        ("YOLO_OBB", ""),
    ],
)
def test_pictures_stay_where_they_are_unless_they_are_wanted(
    world: World, name: str, more: str
) -> None:
    files = world.zip(name, more)
    assert pictures_in(files) == {}
    assert len(files) > 1 or "result.json" in files


def test_an_export_snapshot_packs_them_too(world: World) -> None:
    path = f"/api/projects/{world.project}/exports"
    made = world.labels.post(path, {"title": "t"})["id"]
    world.labels.post(f"{path}/{made}/convert", {"export_type": "YOLO_WITH_IMAGES"}, status=200)
    for name, more, packs in (
        ("YOLO_WITH_IMAGES", "", True),
        ("VOC", "", False),
        ("VOC", "&download_resources=true", True),
    ):
        answer = world.labels.http.get(f"{path}/{made}/download?exportType={name}{more}")
        found = pictures_in(unzipped(answer.content))
        assert (set(world.own) <= set(found)) is packs


def test_pictures_are_sent_as_they_are_read_and_never_held_together() -> None:
    part, count = b"x" * (1 << 18), 0

    def read() -> Iterator[bytes]:
        nonlocal count
        for _ in range(8):
            count += 1
            yield part

    files = [Text("a.txt", "hello"), *(Picture(f"{n}.jpg", 8 << 18, read) for n in range(60))]
    tracemalloc.start()
    made, size = packed(files), 0
    first = next(made)
    assert b"hello" not in first  # it is compressed, and nothing was read yet
    assert count == 0
    for one in made:
        size += len(one)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 60 * 8 << 18
    assert most < 8 << 20


def test_a_picture_that_is_gone_meanwhile_is_left_out() -> None:
    def gone() -> Iterator[bytes]:
        raise FileNotFoundError("x")
        yield b""

    body = b"".join(packed([Picture("images/x.png", 1, gone), Text("b", "c")]))
    assert unzipped(body) == {"b": b"c"}


@pytest.mark.parametrize(
    "address", ["data:image/png;base64,%%%", "data:text/html,x", "data:image/png", "/a.png"]
)
def test_what_is_no_picture_within_is_none(address: str) -> None:
    assert inline(address) is None
