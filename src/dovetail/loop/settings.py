"""The table `[loop]`: which model is looked after, when a retraining pays, how it is tried out."""

from typing import Annotated, Any

import msgspec

__all__ = ["LoopSettings"]


def _about(text: str, **bounds: Any) -> msgspec.Meta:
    described: msgspec.Meta = msgspec.Meta(description=text, **bounds)
    return described


class LoopSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the loop does, and when."""

    model: Annotated[str, _about("Registered model that the loop looks after.")] = ""
    alias: Annotated[str, _about("Alias of the version that answers.")] = "champion"
    recipe: Annotated[
        str, _about("`module:factory` of the recipe that trains and gives labelled examples.")
    ] = ""
    repository: Annotated[
        str,
        _about(
            "Model repository folder of an inference server that cannot load from a registry, "
            "such as MLServer."
        ),
    ] = ""
    check_every: Annotated[int, _about("Days between looks at whether retraining pays.", ge=1)] = 7
    window: Annotated[int, _about("Days of labelled traffic that a look is based on.", ge=2)] = 14
    holdout: Annotated[int, _about("Newest days kept from training, to compare on.", ge=2)] = 10
    min_age: Annotated[int, _about("Days that a champion is left alone.", ge=0)] = 21
    max_age: Annotated[int, _about("Days after which retraining is tried in any case.", ge=1)] = 120
    horizon: Annotated[int, _about("Days over which a retraining has to earn its cost.", ge=1)] = 30
    cost: Annotated[
        float, _about("Cost of a retraining, in log-loss summed over predictions.", ge=0)
    ] = 150.0
    staleness: Annotated[
        float,
        _about("Expected log-loss a prediction loses per day of age, until cycles teach better."),
    ] = 0.0002
    canary_days: Annotated[int, _about("Days of the canary; 0 promotes at once.", ge=0)] = 3
    canary_percent: Annotated[
        float, _about("Share of live traffic that the canary answers.", gt=0, lt=100)
    ] = 20.0
    probation: Annotated[
        int,
        _about("Days after which a champion is compared with the one before; 0: never.", ge=0),
    ] = 14
    confidence: Annotated[
        float, _about("Confidence of every comparison's interval.", gt=0.5, lt=1)
    ] = 0.9
    pinned: Annotated[
        tuple[str, ...], _about("Versions that stay loaded, for example a baseline.")
    ] = ()
