"""The `[features]` table of dovetail.toml."""

from typing import Annotated

import msgspec
from msgspec import Meta


class FeatureSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the operator decides about the feature store."""

    definitions: Annotated[
        str, Meta(description="Python file with views and services; it is run as code.")
    ] = ""
    root: Annotated[
        str,
        Meta(description="Folder that paths of sources start from; the file's own when empty."),
    ] = ""
    keep: Annotated[
        str,
        Meta(description="How far back from the newest event online questions may be asked."),
    ] = "7d"
    online: Annotated[
        str,
        Meta(
            description="Store that several servers share, redis:// or postgresql://; when empty "
            "this server keeps its own."
        ),
    ] = ""
    served_share: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Share of the lookups that are kept, to be compared with training.",
        ),
    ] = 0.0
    served_mb: Annotated[
        int, Meta(ge=1, description="What the kept lookups may take on disk, in MB.")
    ] = 256
    profile: Annotated[
        str,
        Meta(
            description="File of statistics that `dovetail features profile` wrote; the one beside "
            "the definitions when empty."
        ),
    ] = ""
    applied: Annotated[
        str,
        Meta(
            description="Registry of applied definitions, sqlite:/// or postgresql://; when empty "
            "it is in the server's database or state folder."
        ),
    ] = ""
