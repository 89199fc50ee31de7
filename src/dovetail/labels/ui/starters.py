"""Label configs to begin a project with, one for each common job, and an item to try them on."""

from typing import Any

import msgspec

from dovetail.wire.label_studio.config import LabelConfig

__all__ = ["STARTERS", "Starter", "sample_of"]

_TEXT = "The room was clean and quiet. The staff could not find my booking at first."
_PERSON = "Ada Lovelace worked with Charles Babbage in London."
PICTURE = "/static/labels/sample.svg"


class Starter(msgspec.Struct, frozen=True, kw_only=True):
    """A config to begin with.

    Attributes:
        name: What it is for.
        config: The label config.
        data: An item to try it on: the fields that each task then has.
    """

    name: str
    config: str
    data: dict[str, Any]


STARTERS = (
    Starter(
        name="Text classes",
        config="""<View>
  <Text name="text" value="$text"/>
  <Choices name="label" toName="text">
    <Choice value="positive"/>
    <Choice value="negative"/>
    <Choice value="neutral"/>
  </Choices>
</View>""",
        data={"text": _TEXT},
    ),
    Starter(
        name="Spans in text",
        config="""<View>
  <Labels name="entity" toName="text">
    <Label value="Person"/>
    <Label value="Place"/>
    <Label value="Organisation"/>
  </Labels>
  <Text name="text" value="$text"/>
</View>""",
        data={"text": _PERSON},
    ),
    Starter(
        name="Image classes",
        config="""<View>
  <Image name="image" value="$image"/>
  <Choices name="label" toName="image">
    <Choice value="cat"/>
    <Choice value="dog"/>
    <Choice value="other"/>
  </Choices>
</View>""",
        data={"image": PICTURE},
    ),
    Starter(
        name="Boxes on images",
        config="""<View>
  <RectangleLabels name="box" toName="image">
    <Label value="Car"/>
    <Label value="Person"/>
  </RectangleLabels>
  <Image name="image" value="$image"/>
</View>""",
        data={"image": PICTURE},
    ),
    Starter(
        name="Table rows",
        config="""<View>
  <Table name="row" value="$row"/>
  <Header value="Is this a duplicate?"/>
  <Choices name="label" toName="row">
    <Choice value="duplicate"/>
    <Choice value="new"/>
  </Choices>
</View>""",
        data={"row": {"title": "Chair, oak", "price": 129, "stock": "yes"}},
    ),
    Starter(
        name="Which is better",
        config="""<View>
  <Header value="Which answer is better?"/>
  <Pairwise name="better" toName="first,second"/>
  <Text name="first" value="$first"/>
  <Text name="second" value="$second"/>
</View>""",
        data={
            "first": "Water boils at 100 degrees at sea level.",
            "second": "Water boils when hot.",
        },
    ),
    Starter(
        name="Rating",
        config="""<View>
  <Text name="text" value="$text"/>
  <Header value="How helpful is it?"/>
  <Rating name="helpful" toName="text" maxRating="5"/>
</View>""",
        data={"text": _TEXT},
    ),
    Starter(
        name="Number",
        config="""<View>
  <Image name="image" value="$image"/>
  <Header value="How many are there?"/>
  <Number name="count" toName="image" min="0"/>
</View>""",
        data={"image": PICTURE},
    ),
    Starter(
        name="Free text",
        config="""<View>
  <Text name="text" value="$text"/>
  <Header value="Write a summary"/>
  <TextArea name="summary" toName="text" rows="4"/>
</View>""",
        data={"text": _TEXT},
    ),
)

_VALUES: dict[str, Any] = {
    "Image": PICTURE,
    "Table": {"name": "value", "count": 3},
    "HyperText": f"<h3>A heading</h3><p>{_PERSON}</p>",
    "Paragraphs": [{"author": "A", "text": "Hello."}, {"author": "B", "text": "Good day."}],
    "List": [{"title": "one"}, {"title": "two"}],
}


def sample_of(config: LabelConfig) -> dict[str, Any]:
    """Make an item that fits a label config: a value for every field that it shows."""
    starters = {field: value for one in STARTERS for field, value in one.data.items()}
    made: dict[str, Any] = {}
    for item in config.objects.values():
        if not item.field:
            continue
        field = item.field.split(".")[0].split("[")[0]
        value = _VALUES.get(item.tag) or starters.get(field) or _PERSON
        made.setdefault(field, value)
    return made
