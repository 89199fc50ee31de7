"""What changed from one snapshot to another, and whether one is still what it was."""

import hashlib
from collections.abc import Iterator

import msgspec

from dovetail.base.artifacts import ArtifactStore
from dovetail.base.errors import NotFoundError
from dovetail.labels.exports.making import LABELS, TASKS, digest_of, sha256_of
from dovetail.wire.labels import Change, Difference, File, Label, Snapshot, Verdict

__all__ = ["compare", "labels_of", "lines_of", "verify"]

SHOWN = 1000  # changes that are listed; all are counted


class _Task(msgspec.Struct, frozen=True):
    id: int
    data: msgspec.Raw


def lines_of(store: ArtifactStore, folder: str, name: str) -> Iterator[bytes]:
    """The lines of a file of a snapshot."""
    rest = b""
    for chunk in store.open(f"{folder}/{name}"):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest


def labels_of(store: ArtifactStore, folder: str) -> Iterator[Label]:
    """The labels of a snapshot."""
    decode = msgspec.json.Decoder(Label).decode
    return (decode(line) for line in lines_of(store, folder, LABELS))


def compare(
    store: ArtifactStore, before: tuple[Snapshot, str], after: tuple[Snapshot, str]
) -> Difference:
    """Compare two snapshots.

    Args:
        store: where their files lie.
        before: the one, and its folder.
        after: the other, and its folder.
    """
    old, new = (_data(store, folder) for _, folder in (before, after))
    was, now = (_said(store, folder) for _, folder in (before, after))
    changes = [
        Change(
            task=key[0],
            control=key[1],
            before=_shown(was[key]) if key in was else None,
            after=_shown(now[key]) if key in now else None,
        )
        for key in sorted({*was, *now})
        if was.get(key) != now.get(key)
    ]
    both = old.keys() & new.keys()
    return Difference(
        before=before[0].reference,
        after=after[0].reference,
        same_config=before[0].config_digest == after[0].config_digest,
        tasks_added=sorted(new.keys() - old.keys()),
        tasks_removed=sorted(old.keys() - new.keys()),
        tasks_changed=sorted(task for task in both if old[task] != new[task]),
        labels_added=len(now.keys() - was.keys()),
        labels_removed=len(was.keys() - now.keys()),
        labels_changed=sum(was[key] != now[key] for key in was.keys() & now.keys()),
        unchanged=sum(was[key] == now[key] for key in was.keys() & now.keys()),
        changes=changes[:SHOWN],
    )


def _data(store: ArtifactStore, folder: str) -> dict[int, str]:
    decode = msgspec.json.Decoder(_Task).decode
    found = (decode(line) for line in lines_of(store, folder, TASKS))
    return {task.id: sha256_of(bytes(task.data)) for task in found}


Key = tuple[int, str]


def _said(store: ArtifactStore, folder: str) -> dict[Key, tuple[str | float | None, str]]:
    """What each label says; regions count without their ids, which mean nothing."""
    return {
        (one.task, one.control): (one.label, "" if one.label is not None else _regions(one))
        for one in labels_of(store, folder)
    }


def _regions(label: Label) -> str:
    values = [msgspec.json.encode(one.get("value"), order="sorted") for one in label.result]
    return b"\n".join(sorted(values)).decode()


def _shown(said: tuple[str | float | None, str]) -> str | float:
    return said[0] if said[0] is not None else said[1]


def verify(store: ArtifactStore, snapshot: Snapshot, folder: str) -> Verdict:
    """Read a snapshot's files again and compare them with what was written down."""
    faults, found = [], {}
    for name, told in snapshot.files.items():
        sha256, size = hashlib.sha256(), 0
        try:
            for chunk in store.open(f"{folder}/{name}"):
                sha256.update(chunk)
                size += len(chunk)
        except NotFoundError:
            faults.append(f"{name} is gone.")
            continue
        found[name] = File(sha256=sha256.hexdigest(), bytes=size)
        if found[name] != told:
            faults.append(f"{name} has {size} bytes of digest {found[name].sha256[:12]}; "
                          f"it was made with {told.bytes} of {told.sha256[:12]}.")  # fmt: skip
    config_digest = sha256_of(snapshot.label_config.encode())
    if config_digest != snapshot.config_digest:
        faults.append("the label config is not that of its digest.")
    digest = digest_of(config_digest, found)
    if not faults and digest != snapshot.digest:
        faults.append("the digest is not that of the files.")
    return Verdict(ok=not faults, digest=digest, faults=faults)
