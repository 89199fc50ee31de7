"""Whether a label config keeps what annotations name, as Label Studio asks of a change.

A control that annotations name may not be dropped, nor be another kind of tag. Classes are looked
at only where a config is checked before it is saved: `/validate` refuses to drop one, and a change
is let through, which is how Label Studio's clients know it. Only what the change drops counts:
regions that fitted the config before no better do not keep it from being changed.
"""

from collections import Counter, defaultdict

from sqlalchemy.engine import Connection

from dovetail.labels.errors import LabelConfigError
from dovetail.labels.store.used import Used, used
from dovetail.wire.label_studio.config import LabelConfig

__all__ = ["check_kept"]

_FREE = ("textarea", "chatmessage")  # whose object Label Studio does not look at


def check_kept(
    c: Connection, project: int, before: LabelConfig, after: LabelConfig, *, is_strict: bool
) -> None:
    """See that a new label config still has what annotations name.

    Args:
        c: a connection.
        project: its id.
        before: the config that it has.
        after: the config that it is to get; one without controls is let through.
        is_strict: whether classes count too.

    Raises:
        LabelConfigError: it drops some; it says which and how many answers name them.
    """
    if before.xml == after.xml or not after.controls or _keeps_all(before, after):
        return
    found = used(c, project)
    _check_controls(found, before, after)
    _check_tags(found, before, after)
    if is_strict:
        _check_classes(found, before, after)


def _keeps_all(before: LabelConfig, after: LabelConfig) -> bool:
    """Whether no answer has to be looked at."""
    for name, old in before.controls.items():
        new = after.controls.get(name)
        if new is None or new.type != old.type or not set(old.to_names) <= set(new.to_names):
            return False
        if not new.dynamic and not set(old.classes) <= set(new.classes):
            return False
    return True


def _check_controls(found: Used, before: LabelConfig, after: LabelConfig) -> None:
    gone = [
        f"{count} with from_name={name}, to_name={about}, type={kind}"
        for (name, about, kind), count in found.controls.items()
        if kind not in _FREE
        and _fits(before, name, about, kind)
        and not _fits(after, name, about, kind)
    ]
    if gone:
        raise LabelConfigError(
            "Created annotations are incompatible with provided labeling schema, we found:\n"
            + "\n".join(gone)
        )


def _fits(config: LabelConfig, name: str, about: str, kind: str) -> bool:
    control = config.control(name)
    if control is None or kind not in {one.type for one in config.controls.values()}:
        return False
    names = (*control.to_names, ",".join(control.to_names))
    return about in names or any("{{" in one for one in control.to_names)


def _check_tags(found: Used, before: LabelConfig, after: LabelConfig) -> None:
    """See that no control is dropped whose classes are named, if only by drafts."""
    counts: Counter[str] = Counter()
    for (name, _), count in (found.annotated + found.drafted).items():
        counts[name] += count
    for name, count in counts.items():
        if before.control(name) is not None and after.control(name) is None:
            raise LabelConfigError(
                f'There are {count} annotation(s) created with tag "{name}", you can\'t remove it'
            )


def _check_classes(found: Used, before: LabelConfig, after: LabelConfig) -> None:
    everywhere: set[str] = set()
    if any(one.tag == "VideoRectangle" for one in after.controls.values()):  # has no classes itself
        everywhere = {label for one in after.controls.values() for label in one.classes}
    gone: dict[str, list[str]] = defaultdict(list)
    for name, label in found.annotated + found.drafted:
        old, new = before.control(name), after.control(name)
        if old is None or new is None or new.dynamic or label not in old.classes:
            continue
        if label not in new.classes and label not in everywhere:
            said = _counted(found.annotated[name, label], "annotation")
            drafted = _counted(found.drafted[name, label], "draft")
            gone[name].append(f"{label} ({', '.join(one for one in (said, drafted) if one)})")
    for name, labels in gone.items():
        raise LabelConfigError(
            "These labels still exist in annotations or drafts:\n"
            + "\n".join(labels)
            + f'\nPlease add labels to tag with name="{name}".'
        )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count > 1 else ''}" if count else ""
