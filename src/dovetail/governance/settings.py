"""The table `[governance]`."""

from typing import Annotated

import msgspec

__all__ = ["GateSettings", "GovernanceSettings"]


class GateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One gate: which alias of which model is protected, and by what."""

    model: Annotated[
        str, msgspec.Meta(description="Registered model that the gate protects; `*` for all.")
    ] = "*"
    alias: Annotated[str, msgspec.Meta(description="The alias that the gate protects.")] = (
        "champion"
    )
    evidence: Annotated[
        tuple[str, ...],
        msgspec.Meta(description="Kinds of evidence whose newest verdict must be `pass`."),
    ] = ("evaluation",)
    approvals: Annotated[
        int,
        msgspec.Meta(
            ge=0, description="How many people, none of whom gave the evidence, must approve."
        ),
    ] = 0


class GovernanceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is protected in front of the registry."""

    gates: Annotated[
        tuple[GateSettings, ...],
        msgspec.Meta(description="The gates; the first that matches a model and alias counts."),
    ] = ()
