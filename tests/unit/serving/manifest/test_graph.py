"""Graphs that are refused before they become objects, each with the reason."""

import msgspec
import pytest
import yaml

from dovetail.serving.graphs import document
from dovetail.serving.manifest import graph as ours

HELP = "dovetail serving manifest --help shows one."
REFUSED = {
    "not YAML": ("name: [", "is not YAML"),
    "no mapping": ("- 1", "Expected `object`, got `array`"),
    "an unknown field": (
        "name: g\nnodes: {root: {type: sequence, steps: [{service: a}]}}",
        "Object contains unknown field `service` - at `$.nodes[...].steps[0]`",
    ),
    "an unknown type": (
        "name: g\nnodes: {root: {type: router, steps: [{model: a}]}}",
        "Invalid enum value 'router' - at `$.nodes[...].type`",
    ),
    "no steps": (
        "name: g\nnodes: {root: {type: sequence, steps: []}}",
        "Expected `array` of length >= 1 - at `$.nodes[...].steps`",
    ),
    "no root": (
        "name: g\nnodes: {first: {type: sequence, steps: [{model: a}]}}",
        "dovetail: the graph has no node 'root'. requests enter there. known: first.\n",
    ),
    "neither model nor node": (
        "name: g\nnodes: {root: {type: sequence, steps: [{name: a}]}}",
        "dovetail: step 1 of node 'root' needs either a model or a node. give one of them.\n",
    ),
    "both": (
        "name: g\nnodes: {root: {type: sequence, steps: [{model: a, node: root}]}}",
        "dovetail: step 1 of node 'root' needs either a model or a node. give one of them.\n",
    ),
    "a node that is not there": (
        "name: g\nnodes: {root: {type: sequence, steps: [{node: scorse}]}, "
        "scores: {type: ensemble, steps: [{model: a}]}}",
        "dovetail: step 1 of node 'root' leads to node 'scorse', which is not there."
        " did you mean 'scores'?\n",
    ),
    "a node that nothing leads to": (
        "name: g\nnodes: {root: {type: sequence, steps: [{model: a}]}, "
        "lost: {type: ensemble, steps: [{model: a}]}}",
        "dovetail: no step leads to node 'lost'. name it as `node` in a step, or remove it.\n",
    ),
    "a circle": (
        "name: g\nnodes: {root: {type: sequence, steps: [{node: b}]}, "
        "b: {type: sequence, steps: [{node: root}]}}",
        "dovetail: the graph turns in a circle: root -> b -> root. let the last of these steps"
        " lead to a model.\n",
    ),
    "a splitter with a hole": (
        "name: g\nnodes: {root: {type: splitter, steps: [{model: a, weight: 90}, {model: b}]}}",
        "dovetail: node 'root' cannot share requests. its weights are 90, none. give each step one,"
        " not all of them 0.\n",
    ),
    "weights that are no percents": (
        "name: g\nnodes: {root: {type: splitter, steps: [{model: a, weight: 1}, "
        "{model: b, weight: 2}]}}",
        "dovetail: the weights of node 'root' are not whole percents. they are 33.33, 66.67.\n",
    ),
    "no name": (
        "nodes: {root: {type: sequence, steps: [{model: a}]}}",
        "dovetail: the graph has no name. give --name, or write one into the file as name: NAME.\n",
    ),
    "a mean": (
        "name: g\nnodes: {root: {type: ensemble, combine: mean, steps: [{model: a}]}}",
        "dovetail: node 'root' says `combine: mean`, which ",
    ),
    "a key": (
        "name: g\nnodes: {root: {type: splitter, sticky_by: 'header:x', steps: [{model: a, "
        "weight: 1}]}}",
        "dovetail: node 'root' says `sticky_by`, which ",
    ),
    "headers": (
        "name: g\nheaders: [x]\nnodes: {root: {type: sequence, steps: [{model: a}]}}",
        "dovetail: the graph says `headers`, which ",
    ),
    "a weight in a mean": (
        "name: g\nnodes: {root: {type: ensemble, steps: [{model: a, weight: 2}]}}",
        "dovetail: step 1 of node 'root' says `weight`, which ",
    ),
    "a weight where none is read": (
        "name: g\nnodes: {root: {type: sequence, steps: [{model: a, weight: 9}]}}",
        "dovetail: step 1 of node 'root' has a weight. only those of a splitter or ensemble do,"
        " this is: sequence.\n",
    ),
    "a switch with a hole": (
        "name: g\nnodes: {root: {type: switch, steps: [{model: a}, {model: b, condition: x}]}}",
        "dovetail: a step of node 'root' has no condition. only the last step of a switch may have"
        " none: it is taken where nothing else is.\n",
    ),
    "two steps of one name": (
        "name: g\nnodes: {root: {type: ensemble, steps: [{model: a, name: x}, "
        "{model: b, name: x}]}}",
        "dovetail: two steps of node 'root' have one name.\n",
    ),
    "a name for no cluster": (
        "name: My Graph\nnodes: {root: {type: sequence, steps: [{model: a}]}}",
        "dovetail: 'My Graph' cannot name ",
    ),
}


@pytest.mark.parametrize(("graph", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("kind", ["kserve", "seldon"])
def test_a_graph_that_cannot_run_is_refused(refuse, graph_file, kind, graph, message):
    code, said = refuse("--kind", kind, "--graph", graph_file(graph))
    assert code == 2
    assert message in said


def test_a_model_of_a_graph_is_one_of_those_that_are_named(refuse, graph_file):
    graph = graph_file("name: g\nnodes: {root: {type: sequence, steps: [{model: lat}]}}")
    assert refuse("late=s3://m/late.onnx", "--kind", "kserve", "--graph", graph) == (
        2,
        "dovetail: step 1 of node 'root' leads to model 'lat', which is not there."
        " did you mean 'late'?\n",
    )


def test_a_graph_of_aliases_that_multiply_is_refused(refuse, graph_file):
    """A bomb of YAML's references: small as text, huge once every reference is followed."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    code, said = refuse("--kind", "kserve", "--graph", graph_file("\n".join(lines)))
    assert code == 2
    assert "is no graph" in said


BEYOND = {
    "kserve": ["map: {x: y}", "outputs: [x]"],
    "seldon": ["url: 'http://a'", "version: '2'", "dependency: soft"],
}


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field) for kind, fields in BEYOND.items() for field in fields]
)
def test_what_a_cluster_cannot_say_is_refused_and_not_left_out(refuse, graph_file, kind, field):
    graph = graph_file(
        f"name: g\nnodes: {{root: {{type: sequence, steps: [{{model: a, {field}}}]}}}}"
    )
    code, said = refuse("--kind", kind, "--graph", graph)
    assert code == 2
    assert said.startswith("dovetail: step 1 of node 'root' says `")
    assert said.endswith("cannot. leave it out, or run the graph in a server of ours.\n")


def test_every_field_of_a_servers_graph_is_read():
    """One file runs in a server and on a cluster: nothing of it is unknown here."""
    kinds = [(document.Graph, ours.Graph), (document.Step, ours.Step)]
    nodes = (document.Sequence, document.Switch, document.Ensemble, document.Splitter)
    kinds += [(node, ours.Node) for node in nodes]
    for theirs, mine in kinds:
        assert set(theirs.__struct_fields__) <= set(mine.__struct_fields__), theirs


def test_a_servers_graph_becomes_a_clusters(write, graph_file):
    text = (
        "name: g\n"
        "nodes:\n"
        "  root: {type: switch, steps: [{model: a, condition: parameters.n >= 2}, {node: s}]}\n"
        "  s: {type: splitter, steps: [{model: b, weight: 3}, {model: c, weight: 1}]}\n"
    )
    msgspec.convert(yaml.safe_load(text), document.Graph).check(())
    (graph,) = write("--kind", "kserve", "--graph", graph_file(text))
    shares = graph["spec"]["nodes"]["s"]["steps"]
    assert [step["weight"] for step in shares] == [75, 25]
