"""Label Studio's label config: what is shown of an item, and what may be answered about it.

Objects (``<Text value="$text">``) show fields of a task's data, controls (``<Choices toName=..>``)
take answers about them. Tags that are not known stay in the tree and are named, so that a config
written for another editor can be stored, shown and handed on as it came.

Source: labelstud.io/tags and Label Studio 1.23's own checks; ``parsed_label_config`` is in the
shape that its API and webhooks show.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from dovetail.wire.label_studio.tags import (
    KINDS,
    LAYOUT,
    OBJECTS,
    Control,
    Kind,
    Label,
    Object,
    flat,
)
from dovetail.wire.label_studio.tree import ConfigError, Element, read

__all__ = ["ConfigError", "Control", "Kind", "Label", "LabelConfig", "Object", "parse"]

NO_CONTROL = frozenset({"Filter"})
LABEL_TAGS = frozenset({"Label", "Choice", "Relation"})
# What Label Studio insists on. Its own templates have a Rating without toName: it takes no answer.
NEED_LABELS = frozenset({"Choices", "Labels"})
NEED_NAMES = frozenset({"Choices", "Labels", "Number", "TextArea"})
NEED_VALUE = frozenset({"HyperText", "Image", "Text"})
_FIELD = re.compile(r"\$(\w+)")
_SHOWN = 10


class LabelConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A label config, checked.

    Attributes:
        xml: The config as it was given.
        root: The tree of all tags, for who shows it.
        controls: By name, as they are written.
        objects: By name, as they are written.
        unknown_tags: Names of tags that no editor of Label Studio 1.23 has, sorted.
        notes: What is allowed but likely a slip, each a sentence.
    """

    xml: str
    root: Element
    controls: dict[str, Control] = {}
    objects: dict[str, Object] = {}
    unknown_tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that the data of each task must have."""
        return tuple(dict.fromkeys(item.field for item in self.objects.values() if item.field))

    def missing_fields(self, data: Mapping[str, Any]) -> tuple[str, ...]:
        """The fields that the config shows and a task's data lacks.

        For "$page.title" and "$pages[0]" it is enough that the data has "page" or "pages".
        """
        parts = ((field, re.split(r"[.\[]", field)[0]) for field in self.fields)
        return tuple(field for field, first in parts if not {field, first} & data.keys())

    def control(self, name: str) -> Control | None:
        """The control that a result's `from_name` means.

        Names of tags within a `<Repeater>` hold a variable: "mood_{{idx}}" is also "mood_0".
        """
        found = self.controls.get(name)
        if found is not None:
            return found
        matching = [key for key in self.controls if "{{" in key and _fits(key, name)]
        return self.controls[max(matching, key=len)] if matching else None

    def main_control(self) -> Control | None:
        """The control that the project is about: the first required one, else the first one."""
        item_wide = [one for one in self.controls.values() if not one.per_region]
        required = [one for one in item_wide if one.required]
        return next(iter(required or item_wide or self.controls.values()), None)

    def parsed_label_config(self) -> dict[str, Any]:
        """What Label Studio shows as `parsed_label_config`: controls by name."""
        return {control.name: self._parsed(control) for control in self.controls.values()}

    def _parsed(self, control: Control) -> dict[str, Any]:
        shown: dict[str, Any] = {"type": control.tag, "to_name": list(control.to_names)}
        flags = self._index_flags(control.line)
        regex = {flag: ".*" for flag in flags if any(flag in to for to in control.to_names)}
        if regex:
            shown["regex"] = regex
        if control.per_region:
            for key, kind in _CONDITIONALS:
                if control.conditions.get(key):
                    shown["conditionals"] = {"type": kind, "name": control.conditions[key]}
                    break
        if control.dynamic:
            shown["dynamic_labels"] = True
        shows = [name for name in control.to_names if name not in self.controls]
        inputs = (self.objects[name] for name in shows if name in self.objects)
        shown["inputs"] = [_parsed_input(item) for item in inputs]
        labels = {label.name: label.attributes for label in flat(control.labels)}
        return {**shown, "labels": list(labels), "labels_attrs": labels}

    def _index_flags(self, line: int) -> list[str]:
        tags = (tag for tag in self.root.walk() if tag.line <= line)
        return [tag.attributes["indexFlag"] for tag in tags if "indexFlag" in tag.attributes]


_CONDITIONALS = (
    ("whenTagName", "tag"), ("whenLabelValue", "label"), ("whenChoiceValue", "choice"),
)  # fmt: skip


def parse(xml: str) -> LabelConfig:
    """Read and check a label config.

    Args:
        xml: The config; `<View></View>` is one without controls.

    Raises:
        ConfigError: It is no XML, hostile, or contradicts itself.

    Examples:
        >>> config = parse('''<View>
        ...   <Text name="text" value="$comment"/>
        ...   <Choices name="mood" toName="text">
        ...     <Choice value="good" hotkey="1"/><Choice value="bad" hotkey="2"/>
        ...   </Choices>
        ... </View>''')
        >>> config.controls["mood"].classes
        ('good', 'bad')
        >>> config.missing_fields({"text": "Well done"})
        ('comment',)
    """
    root = read(xml)
    tags = list(root.walk())
    names = _unique_names(tags)
    controls = {tag.attributes["name"]: _control(tag, names) for tag in tags if _is_control(tag)}
    objects = {tag.attributes["name"]: _object(tag) for tag in tags if _is_object(tag)}
    unknown = {tag.tag for tag in tags} - set(KINDS) - OBJECTS - LAYOUT
    return LabelConfig(
        xml=xml,
        root=root,
        controls=controls,
        objects=objects,
        unknown_tags=tuple(sorted(unknown)),
        notes=(*_notes(controls, objects, unknown), *_idle(tags, controls, objects)),
    )


def _unique_names(tags: list[Element]) -> dict[str, Element]:
    names: dict[str, Element] = {}
    for tag in tags:
        name = tag.get("name")
        if name is None:
            continue
        if name in names:
            first = names[name]
            raise ConfigError(
                f"{tag.tag} has the name {name!r}, which {first.tag} in line {first.line} has",
                why="results are told apart by the name of the tag",
                fix=f'give one of them another name, such as name="{name}2"',
                line=tag.line,
            )
        names[name] = tag
    return names


def _is_control(tag: Element) -> bool:
    if tag.tag in NO_CONTROL:
        return False
    if tag.tag not in KINDS:
        return bool(tag.get("name") and tag.get("toName"))
    for attribute in ("name", "toName"):
        if not tag.get(attribute):
            if tag.tag not in NEED_NAMES:
                return False
            slip = next((key for key in tag.attributes if key.lower() == attribute.lower()), None)
            raise ConfigError(
                f"{_called(tag)} has no {attribute}",
                why=f"{slip} is written for {attribute}" if slip and slip != attribute else "",
                fix=f'write <{tag.tag} name="..." toName="name of what it is about">',
                line=tag.line,
            )
    return True


def _is_object(tag: Element) -> bool:
    if tag.tag in NEED_VALUE:
        return True
    if not tag.get("name") or not (tag.get("value") or tag.get("valueList")):
        return False
    if tag.tag in OBJECTS:
        return True
    return not tag.get("toName") and tag.tag not in LABEL_TAGS | LAYOUT | NO_CONTROL


def _object(tag: Element) -> Object:
    name, value = tag.get("name"), tag.get("value") or tag.get("valueList")
    if not name or not value:
        lacking = "name" if not name else "value"
        field = (name or tag.tag).lower()
        raise ConfigError(
            f"{_called(tag)} has no {lacking}",
            why="it shows a field of each task's data, and controls refer to it by name",
            fix=f'write <{tag.tag} name="{name or field}" value="${field}"/>',
            line=tag.line,
        )
    return Object(
        name=name,
        tag=tag.tag,
        value=value,
        field=_field(value),
        is_list=not tag.get("value"),
        value_type=tag.get("valueType"),
        attributes=tag.attributes,
        line=tag.line,
    )


def _field(value: str) -> str:
    if value.startswith("$") and value.count("$") == 1:  # the rest is the name, spaces and all
        return value[1:].strip()
    found = _FIELD.search(value)
    return found.group(1) if found else ""


def _control(tag: Element, names: Mapping[str, Element]) -> Control:
    to_names = tuple(part.strip() for part in tag.attributes["toName"].split(","))
    for name in to_names:
        if name not in names and name != "self":
            raise ConfigError(
                f"{_called(tag)} has toName={name!r}, and no tag has that name",
                why=f"the names are: {', '.join(sorted(names)[:_SHOWN])}",
                fix=f"write the name of the tag that it is about, or add one named {name!r}",
                line=tag.line,
            )
    dynamic = bool(re.fullmatch(r"\$[A-Za-z_]+", tag.get("value") or "") or tag.get("apiUrl"))
    labels = _labels(tag)
    if not labels and tag.tag in NEED_LABELS and not dynamic and not tag.get("value"):
        child = "Choice" if tag.tag == "Choices" else "Label"
        raise ConfigError(
            f"{_called(tag)} offers nothing to choose",
            why=f"there is no <{child}> within it",
            fix=f'add <{child} value="..."/> for each answer, or value="$field" on {tag.tag}',
            line=tag.line,
        )
    rating = tag.tag == "Rating"
    most = _number(tag, "maxRating") if rating else _number(tag, "max")
    flags = {key: tag.attributes[key] for key in _CONDITIONS if tag.attributes.get(key)}
    return Control(
        name=tag.attributes["name"],
        to_names=to_names,
        tag=tag.tag,
        kind=KINDS.get(tag.tag, "other"),
        labels=labels,
        multiple=tag.get("choice") == "multiple" if tag.tag == "Choices" else _is_multiple(tag),
        required=tag.get("required") == "true",
        per_region=tag.get("perRegion") == "true",
        dynamic=dynamic,
        minimum=1.0 if rating else _number(tag, "min"),
        maximum=5.0 if rating and most is None else most,
        step=_number(tag, "step"),
        conditions=flags,
        attributes=tag.attributes,
        line=tag.line,
    )


_CONDITIONS = (*(key for key, _ in _CONDITIONALS), "visibleWhen", "whenRole")


def _is_multiple(tag: Element) -> bool:
    if tag.tag == "Taxonomy":
        return tag.get("maxUsages") != "1"
    return tag.tag == "TextArea" and tag.get("maxSubmissions") != "1"


def _number(tag: Element, attribute: str) -> float | None:
    text = tag.get(attribute)
    if text is None or text.strip() == "":
        return None
    try:
        return float(text)
    except ValueError:
        raise ConfigError(
            f"{_called(tag)} has {attribute}={text!r}, which is no number",
            fix=f'write it with digits: {attribute}="10"',
            line=tag.line,
        ) from None


def _labels(tag: Element) -> tuple[Label, ...]:
    found: list[Label] = []
    for child in tag.children:
        value = child.get("value") or child.get("alias") or child.get("valueList")
        if child.tag not in LABEL_TAGS:
            if not child.get("toName"):  # another control's labels are its own
                found += _labels(child)
        elif value:
            found.append(_label(child, value))
    return tuple(found)


def _label(tag: Element, value: str) -> Label:
    return Label(
        value=value,
        alias=tag.get("alias"),
        hotkey=tag.get("hotkey"),
        background=tag.get("background"),
        selected=tag.get("selected") == "true",
        children=_labels(tag),
        attributes=tag.attributes,
    )


def _notes(
    controls: Mapping[str, Control], objects: Mapping[str, Object], unknown: set[str]
) -> list[str]:
    said = [f"<{tag}> is not a known tag: it is kept, and not shown." for tag in sorted(unknown)]
    if objects and not any(item.field for item in objects.values()):
        said.append('No tag shows a field of the data: write value="$field" to show one.')
    for control in controls.values():
        classes = [label.name for label in flat(control.labels)]
        doubled = sorted(name for name, times in Counter(classes).items() if times > 1)
        if doubled and control.kind != "taxonomy":
            said.append(f"{control.tag} '{control.name}' offers {doubled[0]!r} more than once.")
        wanted = control.conditions.get("whenTagName")
        if wanted and not {part.strip() for part in wanted.split(",")} & set(controls):
            said.append(
                f"{control.tag} '{control.name}' waits for '{wanted}', and no tag is named so."
            )
    return said


def _idle(
    tags: list[Element], controls: Mapping[str, Control], objects: Mapping[str, Object]
) -> list[str]:
    said = []
    for tag in tags:
        if tag.tag in KINDS and tag.get("name") not in controls:
            said.append(
                f"Line {tag.line}: {_called(tag)} takes no answer: it lacks name or toName."
            )
        if tag.tag in OBJECTS and tag.get("name") not in objects:
            said.append(f"Line {tag.line}: {_called(tag)} shows nothing: it lacks name or value.")
    return said


def _parsed_input(item: Object) -> dict[str, Any]:
    key = "valueList" if item.is_list else "value"
    return {"type": item.tag, "valueType": item.value_type, key: item.value.lstrip("$")}


def _called(tag: Element) -> str:
    name = tag.get("name")
    return f"{tag.tag} {name!r}" if name else f"a {tag.tag}"


def _fits(pattern: str, name: str) -> bool:
    first, *parts = re.split(r"\{\{.*?\}\}", pattern)
    if not name.startswith(first):
        return False
    at = len(first)
    for part in parts[:-1]:
        at = name.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return name.endswith(parts[-1]) and len(name) - len(parts[-1]) >= at
