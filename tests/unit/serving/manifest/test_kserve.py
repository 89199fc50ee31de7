"""KServe's objects."""

import pytest
import yaml


def test_a_model_in_a_bucket_is_a_runtime_and_a_service(write):
    runtime, service = write("late=s3://models/late", "--format", "lightgbm", "--kind", "kserve")
    assert (runtime["apiVersion"], runtime["kind"]) == (
        "serving.kserve.io/v1alpha1",
        "ServingRuntime",
    )
    spec = runtime["spec"]
    assert spec["protocolVersions"] == ["v2", "grpc-v2"]
    assert spec["multiModel"] is False
    assert "lightgbm" in [one["name"] for one in spec["supportedModelFormats"]]
    (server,) = spec["containers"]
    assert server["name"] == "kserve-container"
    assert {"name": "DOVETAIL_SERVING__MODELS", "value": "{{.Name}}=/mnt/models"} in server["env"]
    assert service["apiVersion"] == "serving.kserve.io/v1beta1"
    assert service["metadata"]["annotations"] == {
        "serving.kserve.io/deploymentMode": "Standard",
        "serving.kserve.io/enable-prometheus-scraping": "true",
        "serving.kserve.io/autoscalerClass": "none",
    }
    assert service["spec"]["predictor"] == {
        "minReplicas": 1,
        "maxReplicas": 1,
        "model": {
            "modelFormat": {"name": "lightgbm"},
            "runtime": "dovetail",
            "protocolVersion": "v2",
            "storageUri": "s3://models/late",
            "ports": [{"name": "grpc", "containerPort": 8081, "protocol": "TCP"}],
            "env": [
                {"name": "DOVETAIL_SERVING__MODELS", "value": "late=/mnt/models"},
                {"name": "DOVETAIL_SERVER__ANONYMOUS", "value": "viewer"},
            ],
        },
    }


def test_the_format_of_a_service_is_one_of_the_runtime(write):
    runtime, *services = write(
        "a=s3://m/a.onnx", "b=gs://m/b.ubj", "c=s3://m/c.skops", "--kind", "kserve"
    )
    known = {one["name"] for one in runtime["spec"]["supportedModelFormats"]}
    asked = [s["spec"]["predictor"]["model"]["modelFormat"]["name"] for s in services]
    assert asked == ["onnx", "xgboost", "sklearn"]
    assert set(asked) <= known


def test_everything_that_is_asked_for_reaches_the_predictor(write):
    _, service = write(
        "late=s3://models/late.onnx", "--kind", "kserve", "--replicas", "1:4", "--scale-on",
        "cpu=70", "--cpu", "1:2", "--memory", "1Gi", "--payload-log", "http://sink", "--secret",
        "keys", "--timeout", "30", "--service-account", "reader", "--tokens",
    )  # fmt: skip
    predictor = service["spec"]["predictor"]
    model = predictor.pop("model")
    assert predictor == {
        "serviceAccountName": "reader",
        "minReplicas": 1,
        "maxReplicas": 4,
        "scaleMetric": "cpu",
        "scaleTarget": 70,
        "timeout": 30,
        "logger": {"mode": "all", "url": "http://sink"},
    }
    assert model["envFrom"] == [{"secretRef": {"name": "keys"}}]
    assert model["resources"]["limits"] == {"cpu": "2"}
    assert {"name": "DOVETAIL_SERVER__ANONYMOUS", "value": ""} in model["env"]
    assert service["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "hpa"


def test_a_model_of_a_registry_is_loaded_and_followed_by_the_server_itself(write):
    _, service = write(
        "models:/flights@champion", "--registry", "http://mlflow:5000", "--kind", "kserve"
    )
    model = service["spec"]["predictor"]["model"]
    assert "storageUri" not in model
    assert model["modelFormat"] == {"name": "mlflow"}
    assert model["env"] == [
        {"name": "DOVETAIL_SERVING__MODELS", "value": "flights=models:/flights@champion"},
        {"name": "DOVETAIL_SERVER__ANONYMOUS", "value": "viewer"},
        {"name": "DOVETAIL_JOINTS__TRACKING", "value": "http://mlflow:5000"},
    ]


@pytest.mark.parametrize(
    ("uri", "storage", "found"),
    [
        ("s3://m/dir/late.onnx", "s3://m/dir/late.onnx", "/mnt/models/late.onnx"),
        ("pvc://claim/dir/late.onnx", "pvc://claim/dir", "/mnt/models/late.onnx"),
        ("file:///models/late.onnx", None, "/models/late.onnx"),
        ("oci://images/late", "oci://images/late", "/mnt/models"),
    ],
)
def test_the_server_looks_where_kserve_puts_the_files(write, uri, storage, found):
    _, service = write(f"late={uri}", "--format", "onnx", "--kind", "kserve")
    model = service["spec"]["predictor"]["model"]
    assert model.get("storageUri") == storage
    assert model["env"][0]["value"] == f"late={found}"


def test_a_model_that_is_trusted_is_trusted_where_kserve_puts_it(write):
    _, service = write(
        "late=s3://m/late", "--format", "sklearn", "--kind", "kserve", "--trust", "late"
    )
    variables = service["spec"]["predictor"]["model"]["env"]
    assert {"name": "DOVETAIL_SERVING__TRUSTED", "value": "/mnt/models"} in variables


def test_knative_takes_one_port_and_scales_to_nothing(write):
    _, service = write(
        "late=s3://m/late.onnx", "--kind", "kserve", "--mode", "knative", "--replicas", "0:4",
        "--scale-on", "concurrency=20", "--concurrency", "40", "--canary", "late=10",
    )  # fmt: skip
    predictor = service["spec"]["predictor"]
    assert "ports" not in predictor["model"]
    assert {key: value for key, value in predictor.items() if key != "model"} == {
        "minReplicas": 0,
        "maxReplicas": 4,
        "scaleMetric": "concurrency",
        "scaleTarget": 20,
        "containerConcurrency": 40,
        "canaryTrafficPercent": 10,
    }
    assert "serving.kserve.io/autoscalerClass" not in service["metadata"]["annotations"]


def test_grpc_on_knative_has_a_runtime_of_its_own(write):
    runtime, service = write(
        "late=s3://m/late.onnx", "--kind", "kserve", "--mode", "knative", "--protocol", "grpc-v2"
    )
    assert runtime["metadata"]["name"] == "dovetail-grpc"
    assert service["spec"]["predictor"]["model"]["runtime"] == "dovetail-grpc"
    (server,) = runtime["spec"]["containers"]
    assert server["ports"] == [{"name": "h2c", "containerPort": 8081, "protocol": "TCP"}]
    assert server["readinessProbe"]["grpc"] == {"port": 8081}


def test_a_canary_answers_to_the_name_of_the_model_beside_it(write):
    _, service = write(
        "old=s3://m/1.onnx", "new=s3://m/2.onnx", "--kind", "kserve", "--canary", "new=10"
    )
    assert service["metadata"]["name"] == "old"
    (canary,) = service["spec"]["canary"]
    assert canary["trafficPercent"] == 10
    assert canary["predictor"]["name"] == "new"
    assert canary["predictor"]["model"]["name"] == "kserve-container"
    assert canary["predictor"]["model"]["env"][0]["value"] == "old=/mnt/models/2.onnx"
    assert "maxReplicas" not in canary["predictor"], "KServe gives canaries fixed replicas"
    assert "name" not in service["spec"]["predictor"]["model"], "nor may this one have a name"


GRAPH = """
name: triage
timeout_seconds: 60
nodes:
  root:
    type: sequence
    steps:
      - model: clean
        data: request
      - node: scores
      - {node: ways, data: $request, condition: outputs.certain < 0.9}
      - {node: shares, dependency: soft}
  scores: {type: ensemble, steps: [{model: late, name: a}, {model: costs, name: b}]}
  ways:
    type: switch
    steps:
      - {model: big, condition: parameters.tier == "gold"}
      - {model: old, condition: "inputs.age[1] >= 18"}
      - {model: raw, condition: "gjson:parameters.raw"}
      - {model: small}
  shares:
    type: splitter
    steps: [{model: old, weight: 9}, {model: new, weight: 1, url: "http://b:8080/", version: "2"}]
"""


def test_a_graph_keeps_its_nodes(write, graph_file):
    (graph,) = write("--kind", "kserve", "--graph", graph_file(GRAPH))
    assert (graph["apiVersion"], graph["kind"], graph["metadata"]["name"]) == (
        "serving.kserve.io/v1alpha1",
        "InferenceGraph",
        "triage",
    )
    hard = {"dependency": "Hard"}
    assert graph["spec"] == {
        "nodes": {
            "root": {
                "routerType": "Sequence",
                "steps": [
                    {"serviceName": "clean", **hard},
                    {"nodeName": "scores", "data": "$response", **hard},
                    {
                        "nodeName": "ways",
                        "data": "$request",
                        "condition": '[outputs.#(name=="certain").data.0]|#(<0.9)',
                        **hard,
                    },
                    {"nodeName": "shares", "data": "$response", "dependency": "Soft"},
                ],
            },
            "scores": {
                "routerType": "Ensemble",
                "steps": [
                    {"name": "a", "serviceName": "late", **hard},
                    {"name": "b", "serviceName": "costs", **hard},
                ],
            },
            "ways": {
                "routerType": "Switch",
                "steps": [
                    {
                        "serviceName": "big",
                        "condition": '[parameters.tier]|#(=="gold")',
                        **hard,
                    },
                    {
                        "serviceName": "old",
                        "condition": '[inputs.#(name=="age").data.1]|#(>=18)',
                        **hard,
                    },
                    {"serviceName": "raw", "condition": "parameters.raw", **hard},
                    {"serviceName": "small", "condition": "@this", **hard},
                ],
            },
            "shares": {
                "routerType": "Splitter",
                "steps": [
                    {"serviceName": "old", "weight": 90, **hard},
                    {
                        "serviceUrl": "http://b:8080/v2/models/new/versions/2/infer",
                        "weight": 10,
                        **hard,
                    },
                ],
            },
        },
        "timeout": 60,
    }


UNDECIDED = {
    "a header": 'headers.x == "a"',
    "two fields": "parameters.a == 1 and parameters.b == 2",
    "a difference, which null has too": "parameters.a != 1",
    "the answer, where the request is": "outputs.a > 1",
    "an element of a parameter": "parameters.a[1] > 1",
    "a quote that would end a text": """parameters.a == 'x"y'""",
}


@pytest.mark.parametrize("condition", UNDECIDED.values(), ids=UNDECIDED)
def test_a_condition_that_a_path_cannot_say_is_refused(refuse, folder, condition):
    step = {"model": "a", "condition": condition}
    graph = {"name": "g", "nodes": {"root": {"type": "switch", "steps": [step, {"model": "b"}]}}}
    (folder / "graph.yaml").write_text(yaml.safe_dump(graph))
    code, said = refuse("--kind", "kserve", "--graph", "graph.yaml")
    assert code == 2
    assert said.startswith("dovetail: KServe's router cannot decide ")
    assert said.endswith("write a GJSON path as gjson:PATH.\n")


def test_a_switch_behind_a_step_looks_at_its_answer(refuse, write, graph_file):
    text = (
        "name: g\nnodes:\n  root: {type: sequence, steps: [{model: a}, {node: ways}]}\n"
        "  ways: {type: switch, steps: [{model: b, condition: CONDITION}, {model: c}]}\n"
    )
    graph = graph_file(text.replace("CONDITION", "outputs.score > 0.5"))
    (written,) = write("--kind", "kserve", "--graph", graph)
    step, _ = written["spec"]["nodes"]["ways"]["steps"]
    assert step["condition"] == '[outputs.#(name=="score").data.0]|#(>0.5)'
    code, said = refuse(
        "--kind", "kserve", "--graph", graph_file(text.replace("CONDITION", "inputs.x > 1"))
    )
    assert (code, "the body here is the answer of the step before" in said) == (2, True)
