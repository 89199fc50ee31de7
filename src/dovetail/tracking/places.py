"""Which store holds the files behind an artifact URI, if this server can reach them.

Files are reached behind the artifact proxy, and below the default artifact root where that is a
folder of this machine or in a bucket. Any other URI is the client's own affair: a client names the
artifact location of its experiments, so following one anywhere would hand out every file of the
machine.
"""

from dataclasses import dataclass

from dovetail.base.artifacts import ArtifactStore, LocalStore
from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.paths import is_local, is_within, local_path, proxied_path, safe_path

__all__ = ["Place", "place_of"]


@dataclass(frozen=True)
class Place:
    """A folder in a store.

    Attributes:
        store: holds the files.
        path: the folder, from the root of the store.
    """

    store: ArtifactStore
    path: str

    def inside(self, path: str | None) -> str:
        """Return the path in the store of something in the folder.

        Raises:
            InvalidParameterError: the path could leave the folder.
        """
        below = safe_path(path) if path else ""
        return "/".join(part for part in (self.path, below) if part)


def place_of(b: Backend, uri: str) -> Place:
    """Return where the files behind an artifact URI are.

    Raises:
        InvalidParameterError: this server cannot reach them.
    """
    proxied = proxied_path(uri)
    inside = b.bucket.path_of(uri) if b.bucket is not None else None
    if b.bucket is not None and inside is not None:
        return Place(b.bucket, inside)
    if proxied is not None and b.serves_artifacts:
        return Place(b.artifacts, proxied)
    if proxied is None and is_local(uri) and is_local(b.root):
        root, path = local_path(b.root), local_path(uri)
        if ".." not in path.parts and is_within(path.as_uri(), root.as_uri()):
            return Place(LocalStore(root), "/".join(path.relative_to(root).parts))
    raise InvalidParameterError(
        f"Artifacts at '{uri}' are not behind this server. List them where they are."
    )
