"""The types are the schema: what is written fits them, what does not fit is never written."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from dovetail.base.errors import InvalidInputError
from dovetail.serving.manifest import core, kserve_types, seldon_types
from dovetail.serving.manifest.parts import Metadata, Object, check, dns_label

KINDS: dict[str, type[Object]] = {
    kind.__name__: kind
    for kind in (
        core.ConfigMap,
        core.Deployment,
        core.Service,
        core.HorizontalPodAutoscaler,
        core.PodDisruptionBudget,
        kserve_types.ServingRuntime,
        kserve_types.InferenceService,
        kserve_types.InferenceGraph,
        seldon_types.Model,
        seldon_types.Pipeline,
        seldon_types.Experiment,
    )
}
COMMANDS = {
    "plain": ["late.txt", "b=s3://m/b.onnx", "--name", "all", "--kind", "plain", "--anonymous",
              "--replicas", "1:2", "--cpu", "1"],
    "kserve": ["a=s3://m/a.onnx", "b=s3://m/b.onnx", "--kind", "kserve", "--canary", "b=5"],
    "kserve graph": ["--kind", "kserve", "--graph", "graph.yaml"],
    "seldon": ["a=s3://m/a.onnx", "b=s3://m/b.onnx", "--kind", "seldon", "--mirror", "b=5"],
    "seldon graph": ["--kind", "seldon", "--graph", "graph.yaml"],
}  # fmt: skip
GRAPH = "name: g\nnodes: {root: {type: sequence, steps: [{model: a}, {model: b}]}}\n"


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_what_is_written_is_read_back_as_what_it_was(write, graph_file, arguments):
    graph_file(GRAPH)
    documents = write(*arguments)
    assert documents
    for document in documents:
        kind = KINDS[document["kind"]]
        assert check(msgspec.convert(document, kind)) == document
        assert list(document)[:3] == ["apiVersion", "kind", "metadata"]


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_a_field_that_nobody_knows_is_refused_wherever_it_stands(write, graph_file, arguments):
    graph_file(GRAPH)

    def mappings(value, path=()):
        if isinstance(value, list):
            for number, one in enumerate(value):
                yield from mappings(one, (*path, number))
        if isinstance(value, dict):
            yield path, value
            for key, one in value.items():
                if key not in FREE:
                    yield from mappings(one, (*path, key))

    for document in write(*arguments):
        for path, mapping in list(mappings(document)):
            if path in (("spec", "nodes"),):
                continue
            mapping["surprise"] = {}
            with pytest.raises(msgspec.ValidationError):
                msgspec.convert(document, KINDS[document["kind"]])
            del mapping["surprise"]


FREE = {
    "labels", "annotations", "matchLabels", "selector", "data", "binaryData", "requests", "limits",
}  # fmt: skip


def test_a_value_that_does_not_fit_is_named_with_its_field():
    service = core.Service(
        metadata=Metadata(name="late"),
        spec=core.ServiceSpec(
            selector={}, ports=[core.ServicePort(name="http", port=70000, target_port=1)]
        ),
    )
    with pytest.raises(InvalidInputError) as refused:
        check(service)
    assert str(refused.value) == (
        "the Service 'late' would not be valid."
        " Expected `int` <= 65535 - at `$.spec.ports[0].port`."
    )


@given(some.text(max_size=100))
def test_every_name_is_taken_or_another_is_proposed_that_is(name):
    try:
        assert dns_label(name, "a thing") == name
    except InvalidInputError as error:
        proposed = re.search(r"call it '(.*)'", error.fix)
        assert proposed is not None
        assert dns_label(proposed[1], "a thing") == proposed[1]
