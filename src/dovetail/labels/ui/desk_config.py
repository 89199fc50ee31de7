"""A label config as the desk's elements read it: what to show and what to ask, in order.

The elements in `static/` know a fixed set of tags. Whatever else a config has is named in
`unknown`, so that a page says what it does not show; answers of such tags are kept word for word.
"""

import functools
from collections.abc import Iterable

import msgspec

from dovetail.wire.label_studio.config import LabelConfig, parse
from dovetail.wire.label_studio.tags import Control, Label, Object, flat
from dovetail.wire.label_studio.tree import Element

__all__ = [
    "ASKED",
    "Asked",
    "DeskConfig",
    "Header",
    "Option",
    "Shown",
    "desk_config",
    "desk_config_of",
]

ASKED = frozenset(
    {
        "Choices", "Rating", "Number", "TextArea", "DateTime", "Pairwise", "Labels",
        "HyperTextLabels", "RectangleLabels", "Rectangle", "Taxonomy", "Ranker",
    }
)  # fmt: skip
"""The controls that the desk can show."""
_TEXTS = {"Text", "HyperText"}
_PLACES = {"Labels": _TEXTS, "HyperTextLabels": {"HyperText"}, "RectangleLabels": {"Image"},
           "Rectangle": {"Image"}, "Ranker": {"List"}}  # fmt: skip
_NOT_SENT = {"name", "toname", "value", "valuelist", "style", "classname"}


class Option(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One answer that a control offers.

    Attributes:
        value: What is stored.
        text: What is shown, where that differs.
        hotkey: The key that takes it.
        background: Its colour, as CSS.
        hint: What the annotator reads about it.
        selected: Whether it is taken at first.
        path: From the root of a taxonomy.
    """

    value: str
    text: str = ""
    hotkey: str = ""
    background: str = ""
    hint: str = ""
    selected: bool = False
    path: list[str] = []


class Shown(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="object"):
    """A tag that shows a part of the data; `value` is as written, with its `$field`."""

    name: str
    tag: str
    value: str
    attrs: dict[str, str]


class Asked(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="control"):
    """A tag that takes an answer about the objects named in `to`; attributes in small letters."""

    name: str
    tag: str
    to: list[str]
    attrs: dict[str, str]
    options: list[Option]


class Header(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="header"):
    """A line of text between others."""

    value: str
    attrs: dict[str, str]


Node = Shown | Asked | Header


class DeskConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the desk shows, in order, and the tags that it does not show."""

    nodes: list[Node]
    unknown: list[str]


@functools.lru_cache(maxsize=128)
def desk_config_of(xml: str) -> DeskConfig:
    """Read a label config for the desk.

    Raises:
        ConfigError: it is no XML, hostile, or contradicts itself.
    """
    return desk_config(parse(xml))


def desk_config(config: LabelConfig) -> DeskConfig:
    """Say what the desk shows of a label config.

    A header directly before a control is that control's title.

    Example:
        >>> made = desk_config_of('''<View>
        ...   <Text name="text" value="$comment"/>
        ...   <Header value="Is it spam?"/>
        ...   <Choices name="spam" toName="text"><Choice value="yes"/><Choice value="no"/></Choices>
        ...   <Brush name="dab" toName="text"/>
        ... </View>''')
        >>> [type(node).__name__ for node in made.nodes], made.nodes[1].attrs["title"]
        (['Shown', 'Asked'], 'Is it spam?')
        >>> made.unknown
        ['Brush']
    """
    nodes: list[Node] = []
    unknown = set(config.unknown_tags)
    for tag in config.root.walk():
        name = tag.get("name") or ""
        shown, control = config.objects.get(name), config.controls.get(name)
        if shown is not None and shown.line == tag.line:
            nodes.append(_shown(shown))
        elif control is not None and control.line == tag.line:
            if _can_show(control, config):
                nodes.append(_asked(control, tag, _title(nodes)))
            else:
                unknown.add(control.tag)
        elif tag.tag == "Header" and tag.get("value"):
            nodes.append(Header(value=tag.get("value") or "", attrs=_attributes(tag)))
    return DeskConfig(nodes=nodes, unknown=sorted(unknown))


def _can_show(control: Control, config: LabelConfig) -> bool:
    if control.tag not in ASKED or (control.dynamic and not _is_of_data(control)):
        return False
    places = _PLACES.get(control.tag)
    objects = [config.objects[name].tag for name in control.to_names if name in config.objects]
    return places is None or any(tag in places for tag in objects)


def _is_of_data(control: Control) -> bool:
    """Whether a control's options are named by a field of the task."""
    return control.tag == "Choices" and control.attributes.get("value", "").startswith("$")


def _title(nodes: list[Node]) -> str:
    """Take the header before a control away: it is shown as the control's title."""
    if nodes and isinstance(nodes[-1], Header) and "$" not in nodes[-1].value:
        header = nodes.pop()
        assert isinstance(header, Header)
        return header.value
    return ""


def _shown(item: Object) -> Shown:
    return Shown(
        name=item.name, tag=item.tag, value=item.value, attrs=_small(item.attributes.items())
    )


def _asked(control: Control, tag: Element, title: str) -> Asked:
    attrs = _small(control.attributes.items())
    if title:
        attrs.setdefault("title", title)
    if control.dynamic:
        attrs["from"] = control.attributes["value"]
    return Asked(
        name=control.name,
        tag=control.tag,
        to=list(control.to_names),
        attrs=attrs,
        options=_offered(control, tag),
    )


def _offered(control: Control, tag: Element) -> list[Option]:
    if control.tag == "Taxonomy":
        return _branches(control.labels)
    return _buckets(tag) if control.tag == "Ranker" else _options(control)


def _buckets(tag: Element) -> list[Option]:
    """The buckets of a ranker; the one that all entries are in at first is `selected`."""
    return [
        Option(
            value=one.get("name") or "", text=one.get("title") or "",
            selected=one.get("default") == "true",
        )
        for one in tag.children
        if one.tag == "Bucket" and one.get("name")
    ]  # fmt: skip


def _options(control: Control) -> list[Option]:
    return [
        Option(
            value=label.name,
            text=label.value if label.value != label.name else "",
            hotkey=label.hotkey or "",
            background=label.background or "",
            hint=label.attributes.get("hint", ""),
            selected=label.selected,
        )
        for label in flat(control.labels)
    ]


def _branches(labels: tuple[Label, ...], above: tuple[str, ...] = ()) -> list[Option]:
    """The branches of a taxonomy, each after the one that it hangs on."""
    found = []
    for label in labels:
        path = (*above, label.name)
        found.append(
            Option(
                value=" / ".join(path), text=label.value, hint=label.attributes.get("hint", ""),
                background=label.background or "", path=list(path),
            )
        )  # fmt: skip
        found += _branches(label.children, path)
    return found


def _attributes(tag: Element) -> dict[str, str]:
    return _small(tag.attributes.items())


def _small(attributes: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {key.lower(): value for key, value in attributes if key.lower() not in _NOT_SENT}
