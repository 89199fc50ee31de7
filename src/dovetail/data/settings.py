"""The `[data]` table of dovetail.toml."""

from typing import Annotated

import msgspec
from msgspec import Meta


class DataSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the operator decides about tables."""

    root: Annotated[
        str, Meta(description="Folder of the tables; `tables` in the state folder when empty.")
    ] = ""
