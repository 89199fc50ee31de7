"""The `[labels]` table of dovetail.toml."""

from typing import Annotated

import msgspec
from msgspec import Meta


class LabelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the operator decides about the labelling server."""

    max_import_mb: Annotated[
        int, Meta(ge=1, description="Largest body of an import or an upload, in MB.")
    ] = 250
    max_body_mb: Annotated[
        int, Meta(ge=1, description="Largest body of any other request, in MB.")
    ] = 64
    max_tasks: Annotated[
        int, Meta(ge=1, description="Tasks that one import may bring at most.")
    ] = 500_000
    max_page: Annotated[int, Meta(ge=1, description="Tasks that one page may list at most.")] = (
        10_000
    )
    lock_seconds: Annotated[
        int,
        Meta(ge=1, description="How long a task that was handed out is kept for its annotator."),
    ] = 900
    artifacts: Annotated[
        str,
        Meta(
            description="Folder or `s3://bucket/prefix` for uploaded files and snapshots; empty "
            "means `artifacts` in the state folder."
        ),
    ] = ""
