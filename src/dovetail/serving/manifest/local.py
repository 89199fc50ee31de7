"""Files of this machine that travel in the manifest: in a ConfigMap, each mounted where it belongs.

That suits a model of a few hundred kilobytes. A larger one belongs into a bucket, a volume or the
image, and is refused with a word about these.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dovetail.base.errors import InvalidInputError
from dovetail.serving.manifest.core import VolumeMount
from dovetail.serving.manifest.places import Entry

__all__ = ["Carried", "carry"]

CARRIED = "/mnt/carried"
MOST = 700 << 10
"""A ConfigMap holds 1 MiB, and base64 makes four bytes of three."""


@dataclass(frozen=True)
class Carried:
    """Models of this machine, in the manifest.

    Attributes:
        data: base64 by key of the ConfigMap.
        mounts: where each key is mounted as a file.
        paths: path in the container by model.
    """

    data: dict[str, str]
    mounts: list[VolumeMount]
    paths: dict[str, str]


def carry(entries: Sequence[Entry], volume: str) -> Carried:
    """Read local models.

    Args:
        entries: those of kind `local`.
        volume: name of the volume that the ConfigMap becomes.

    Raises:
        InvalidInputError: together they are too large.
    """
    carried = Carried({}, [], {})
    size = 0
    for entry in entries:
        root = Path(entry.uri).resolve()
        files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file())
        for file in files:
            size += file.stat().st_size
            if size > MOST:
                raise _too_large(entry)
            below = file.relative_to(root.parent).as_posix()
            key = f"model-{len(carried.data)}"
            carried.data[key] = base64.b64encode(file.read_bytes()).decode()
            place = f"{CARRIED}/{entry.name}/{below}"
            carried.mounts.append(
                VolumeMount(name=volume, mount_path=place, sub_path=key, read_only=True)
            )
        carried.paths[entry.name] = f"{CARRIED}/{entry.name}/{root.name}"
    return carried


def _too_large(entry: Entry) -> InvalidInputError:
    return InvalidInputError(
        f"{entry.uri!r} does not fit into the manifest",
        why=f"files of this machine travel in a ConfigMap, up to {MOST >> 10} KiB in all",
        fix=f"copy it to a bucket and give {entry.name}=s3://BUCKET/PATH, or to a volume of the"
        f" cluster and give {entry.name}=pvc://CLAIM/PATH, or into the image and give"
        f" {entry.name}=file:///PATH",
    )
