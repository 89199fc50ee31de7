"""Seldon Core 2's objects."""

import pytest


def specs(documents):
    return {(d["kind"], d["metadata"]["name"]): d["spec"] for d in documents}


def test_models_and_the_shares_between_them(write):
    written = write(
        "a=gs://m/a.onnx", "b=gs://m/b.onnx", "c=s3://m/c.onnx", "--kind", "seldon", "--canary",
        "b=10", "--mirror", "c=100", "--memory", "1Gi", "--replicas", "1:3", "--secret", "rclone",
        "--server", "triton",
    )  # fmt: skip
    found = specs(written)
    assert {d["apiVersion"] for d in written} == {"mlops.seldon.io/v1alpha1"}
    assert found["Model", "a"] == {
        "storageUri": "gs://m/a.onnx",
        "requirements": ["onnx"],
        "secretName": "rclone",
        "memory": "1Gi",
        "server": "triton",
        "minReplicas": 1,
        "maxReplicas": 3,
    }
    assert found["Experiment", "a-experiment"] == {
        "default": "a",
        "resourceType": "model",
        "candidates": [{"name": "a", "weight": 90}, {"name": "b", "weight": 10}],
        "mirror": {"name": "c", "percent": 100},
    }


def test_a_sequence_over_an_ensemble_is_a_pipeline(write, graph_file):
    graph = graph_file(
        "name: triage\n"
        "nodes:\n"
        "  root: {type: sequence, steps: [{model: clean}, {node: both}, {model: join}]}\n"
        "  both: {type: ensemble, steps: [{model: late}, {model: costs}]}\n"
    )
    found = specs(write("--kind", "seldon", "--graph", graph))
    assert found == {
        ("Pipeline", "triage"): {
            "steps": [
                {"name": "clean"},
                {"name": "late", "inputs": ["clean.outputs"]},
                {"name": "costs", "inputs": ["clean.outputs"]},
                {
                    "name": "join",
                    "inputs": ["late.outputs", "costs.outputs"],
                    "inputsJoinType": "inner",
                },
            ],
            "output": {"steps": ["join"]},
        }
    }


def test_a_switch_waits_for_tensors_and_answers_with_whichever_came(write, graph_file):
    graph = graph_file(
        "name: ways\n"
        "nodes:\n"
        "  root: {type: sequence, steps: [{model: router}, {node: pick}]}\n"
        "  pick:\n"
        "    type: switch\n"
        "    steps:\n"
        "      - {model: a, condition: router.outputs.left}\n"
        "      - {model: b, condition: router.outputs.right}\n"
    )
    (spec,) = specs(write("--kind", "seldon", "--graph", graph)).values()
    assert spec == {
        "steps": [
            {"name": "router"},
            {"name": "a", "inputs": ["router.outputs"], "triggers": ["router.outputs.left"]},
            {"name": "b", "inputs": ["router.outputs"], "triggers": ["router.outputs.right"]},
        ],
        "output": {"steps": ["a", "b"], "stepsJoin": "any"},
    }


def test_a_splitter_of_nodes_is_an_experiment_of_pipelines(write, graph_file):
    graph = graph_file(
        "name: split\n"
        "nodes:\n"
        "  root: {type: splitter, steps: [{node: left, weight: 90}, {node: right, weight: 10}]}\n"
        "  left: {type: sequence, steps: [{model: a}, {model: b, data: request}]}\n"
        "  right: {type: ensemble, steps: [{model: c}, {model: d}]}\n"
    )
    found = specs(write("--kind", "seldon", "--graph", graph))
    assert found == {
        ("Pipeline", "split-left"): {
            "steps": [
                {"name": "a"},
                {"name": "b", "inputs": ["split-left.inputs"], "triggers": ["a.outputs"]},
            ],
            "output": {"steps": ["b"]},
        },
        ("Pipeline", "split-right"): {
            "steps": [{"name": "c"}, {"name": "d"}],
            "output": {"steps": ["c", "d"], "stepsJoin": "inner"},
        },
        ("Experiment", "split"): {
            "resourceType": "pipeline",
            "candidates": [
                {"name": "split-left", "weight": 90},
                {"name": "split-right", "weight": 10},
            ],
        },
    }


def test_tensors_are_named_otherwise_and_chosen(write, graph_file):
    graph = graph_file(
        "name: g\n"
        "nodes:\n"
        "  root:\n"
        "    type: sequence\n"
        "    steps:\n"
        "      - {model: a, outputs: [score]}\n"
        "      - {model: b, map: {x: $request.age, y: score}}\n"
        "      - {model: c}\n"
    )
    (spec,) = specs(write("--kind", "seldon", "--graph", graph)).values()
    assert spec["steps"] == [
        {"name": "a"},
        {
            "name": "b",
            "inputs": ["g.inputs.age", "a.outputs.score"],
            "inputsJoinType": "inner",
            "tensorMap": {"g.inputs.age": "x", "a.outputs.score": "y"},
        },
        {"name": "c", "inputs": ["b.outputs"]},
    ]


REFUSED = {
    "a splitter below the root": (
        "name: g\nnodes:\n  root: {type: sequence, steps: [{node: s}]}\n"
        "  s: {type: splitter, steps: [{model: a, weight: 100}]}\n",
        "dovetail: Seldon shares requests by weight at the root of a graph only. a Pipeline has no"
        " weights, and an Experiment stands before pipelines. make the splitter the root.\n",
    ),
    "a model twice": (
        "name: g\nnodes:\n  root: {type: sequence, steps: [{model: a}, {model: a}]}\n",
        "dovetail: model 'a' is in two steps. a Pipeline has each model once. serve it a second"
        " time under another name.\n",
    ),
    "a condition on the request": (
        "name: g\nnodes:\n"
        "  root: {type: switch, steps: [{model: a, condition: big}, {model: b}]}\n",
        "dovetail: the condition of 'a' is not a tensor. a step of a Seldon Pipeline is taken when"
        " a tensor is there that another step gives or does not give. write"
        " MODEL.outputs.TENSOR.\n",
    ),
    "a mixture": (
        "name: g\nnodes:\n"
        "  root: {type: splitter, steps: [{model: a, weight: 50}, {node: n, weight: 50}]}\n"
        "  n: {type: sequence, steps: [{model: b}]}\n",
        "dovetail: an Experiment shares requests between models or between pipelines, not between"
        " both. put the model into a node of its own, of the type sequence.\n",
    ),
    "a step named as the pipeline": (
        "name: a\nnodes:\n  root: {type: sequence, steps: [{model: a}]}\n",
        "dovetail: a Pipeline cannot be named 'a' as one of its steps is. give another --name.\n",
    ),
    "a tensor of nobody": (
        "name: g\nnodes:\n  root:\n    type: switch\n    steps:\n"
        "      - {model: a, condition: lost.outputs.x}\n"
        "      - {model: b, condition: a.outputs.y}\n",
        "dovetail: the condition 'lost.outputs.x' names 'lost', which is no step of the Pipeline."
        " known: a, b.\n",
    ),
}


@pytest.mark.parametrize(("graph", "message"), REFUSED.values(), ids=REFUSED)
def test_what_a_pipeline_cannot_do_is_refused(refuse, graph_file, graph, message):
    assert refuse("--kind", "seldon", "--graph", graph_file(graph)) == (2, message)


def test_a_model_of_a_registry_is_where_its_version_lies_now(write, registry):
    registry.aliases["flights", "champion"] = "1"
    registry.sources["flights", "1"] = "s3://models/flights/1"
    (model,) = write("models:/flights@champion", "--registry", registry.url, "--kind", "seldon")
    assert model["spec"]["storageUri"] == "s3://models/flights/1"
    assert model["spec"]["requirements"] == ["mlflow"]


def test_files_that_only_the_registry_reads_are_refused(refuse, registry):
    registry.sources["flights", "2"] = "mlflow-artifacts:/1/x/artifacts/model"
    code, message = refuse("models:/flights/2", "--registry", registry.url, "--kind", "seldon")
    assert code == 2
    assert message == (
        "dovetail: the files of 'models:/flights/2' are not in a bucket. they lie at"
        " 'mlflow-artifacts:/1/x/artifacts/model', which only the registry can read. copy them to"
        " one and give flights=s3://BUCKET/PATH, or use --kind kserve.\n"
    )


def test_a_version_that_the_registry_lacks_is_named(refuse, registry):
    code, message = refuse("models:/flights@gone", "--registry", registry.url, "--kind", "seldon")
    assert code == 1
    assert message.startswith("dovetail: models:/flights@gone is not in the registry.")
