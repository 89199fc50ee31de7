"""Seldon Core 2's objects of `mlops.seldon.io/v1alpha1`: Model, Pipeline, Experiment.

Beside the fields' types, what Seldon's scheduler asks of one object alone is held here: names of
candidates are different, the default is one of them, steps name steps that are there.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta

from dovetail.serving.manifest.parts import (
    Count,
    DnsLabel,
    Maybe,
    Object,
    Part,
    Percent,
    Quantity,
    Subdomain,
)

__all__ = ["Experiment", "Model", "Pipeline"]

Source = Annotated[str, Meta(pattern=r"^[^.\s]+\.(inputs|outputs)(\.[^.\s]+)?$")]
"""What a step reads: `STEP.inputs`, `STEP.outputs`, or one tensor of these."""
Join = Literal["inner", "outer", "any"]


class Logger(Part, frozen=True, kw_only=True):
    """Whether payloads are logged."""

    percent: Maybe[Percent] = UNSET


class ModelSpec(Part, frozen=True, kw_only=True):
    """Where a model is and what a server must be able to do to load it."""

    storage_uri: Annotated[str, Meta(min_length=1)]
    requirements: Annotated[list[str], Meta(min_length=1)]
    secret_name: Maybe[Subdomain] = UNSET
    memory: Maybe[Quantity] = UNSET
    server: Maybe[DnsLabel] = UNSET
    replicas: Maybe[Count] = UNSET
    min_replicas: Maybe[Count] = UNSET
    max_replicas: Maybe[Count] = UNSET
    logger: Maybe[Logger] = UNSET


class Model(Object, frozen=True, kw_only=True):
    """A model on one of Seldon's servers."""

    api_version: Literal["mlops.seldon.io/v1alpha1"] = "mlops.seldon.io/v1alpha1"
    kind: Literal["Model"] = "Model"
    spec: ModelSpec


class Step(Part, frozen=True, kw_only=True):
    """A model in a pipeline. Without inputs it reads what the pipeline is given."""

    name: DnsLabel
    inputs: Maybe[list[Source]] = UNSET
    inputs_join_type: Maybe[Join] = UNSET
    tensor_map: Maybe[dict[Source, str]] = UNSET
    triggers: Maybe[list[Source]] = UNSET
    triggers_join_type: Maybe[Join] = UNSET


class Output(Part, frozen=True, kw_only=True):
    """What the pipeline answers."""

    steps: Annotated[list[str], Meta(min_length=1)]
    steps_join: Maybe[Join] = UNSET


class PipelineSpec(Part, frozen=True, kw_only=True):
    """Steps and what comes out of them."""

    steps: Annotated[list[Step], Meta(min_length=1)]
    output: Output


class Pipeline(Object, frozen=True, kw_only=True):
    """Models that answer together."""

    api_version: Literal["mlops.seldon.io/v1alpha1"] = "mlops.seldon.io/v1alpha1"
    kind: Literal["Pipeline"] = "Pipeline"
    spec: PipelineSpec

    def __post_init__(self) -> None:
        names = [step.name for step in self.spec.steps]
        if len(names) != len(set(names)):
            raise ValueError("two steps of a Pipeline have one name")
        if self.metadata.name in names:
            raise ValueError("a Pipeline is named otherwise than its steps")
        known = {*names, self.metadata.name}
        read = [
            source
            for step in self.spec.steps
            for sources in (step.inputs, step.triggers)
            for source in (sources or ())
        ]
        if lost := {source.partition(".")[0] for source in read} - known:
            raise ValueError(f"steps read from {', '.join(sorted(lost))}, which is no step")


class Candidate(Part, frozen=True, kw_only=True):
    """What gets a share of the requests."""

    name: DnsLabel
    weight: Count


class Mirror(Part, frozen=True, kw_only=True):
    """What gets copies of requests; its answers are thrown away."""

    name: DnsLabel
    percent: Percent


class ExperimentSpec(Part, frozen=True, kw_only=True):
    """How requests for the default are shared."""

    default: Maybe[DnsLabel] = UNSET
    resource_type: Literal["model", "pipeline"] = "model"
    candidates: Annotated[list[Candidate], Meta(min_length=1)]
    mirror: Maybe[Mirror] = UNSET

    def __post_init__(self) -> None:
        names = [candidate.name for candidate in self.candidates]
        if isinstance(self.mirror, Mirror):
            names.append(self.mirror.name)
        if len(names) != len(set(names)):
            raise ValueError("two candidates of an Experiment have one name")
        if self.default is not UNSET and self.default not in names[: len(self.candidates)]:
            raise ValueError("the default of an Experiment is one of its candidates")


class Experiment(Object, frozen=True, kw_only=True):
    """Traffic between models, or between pipelines."""

    api_version: Literal["mlops.seldon.io/v1alpha1"] = "mlops.seldon.io/v1alpha1"
    kind: Literal["Experiment"] = "Experiment"
    spec: ExperimentSpec
