"""Objects of Kubernetes alone, and that a server runs with exactly what they say."""

import base64
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import tritonclient.grpc
import yaml

from dovetail.serving.manifest.plain import USER
from dovetail.serving.trust import Trust
from dovetail.web.serve import GRACE_SECONDS


def by_kind(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {document["kind"]: document for document in documents}


def pod(documents: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = by_kind(documents)["Deployment"]["spec"]["template"]["spec"]
    return found


def container(documents: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = pod(documents)["containers"]
    return dict(found)


def test_one_model_is_a_settings_file_a_deployment_and_a_service(write):
    written = write("late.txt", "--kind", "plain", "--anonymous")
    assert [(d["apiVersion"], d["kind"], d["metadata"]["name"]) for d in written] == [
        ("v1", "ConfigMap", "late"),
        ("apps/v1", "Deployment", "late"),
        ("v1", "Service", "late"),
    ]
    assert by_kind(written)["ConfigMap"]["data"]["dovetail.toml"] == (
        '[server]\nhost = "0.0.0.0"\nport = 8080\nstate = "/var/lib/dovetail"\n'
        'anonymous = "viewer"\ndrain_seconds = 5\n\n[serving]\nmodels = [\n'
        '  "late=/mnt/carried/late/late.txt",\n]\ngrpc_port = 8081\n'
    )


def test_a_pod_is_nobody_and_writes_nowhere_but_into_its_own_folders(write):
    written = write("late.txt", "--kind", "plain", "--anonymous")
    assert container(written)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod(written)["securityContext"]["runAsUser"] == USER
    assert pod(written)["automountServiceAccountToken"] is False
    writable = {m["name"] for m in container(written)["volumeMounts"] if not m.get("readOnly")}
    volumes = {v["name"]: v for v in pod(written)["volumes"]}
    assert {name: volumes[name] for name in writable} == {
        "state": {"name": "state", "emptyDir": {}},
        "tmp": {"name": "tmp", "emptyDir": {}},
    }


def test_a_pod_that_goes_leaves_the_service_first_and_finishes_what_it_began(write):
    written = write("late.txt", "--kind", "plain", "--anonymous")
    settings = tomllib.loads(by_kind(written)["ConfigMap"]["data"]["dovetail.toml"])["server"]
    assert settings["drain_seconds"] >= container(written)["readinessProbe"]["periodSeconds"]
    assert pod(written)["terminationGracePeriodSeconds"] > settings["drain_seconds"] + GRACE_SECONDS
    assert container(written)["readinessProbe"]["httpGet"] == {
        "path": "/v2/health/ready",
        "port": "http",
    }
    assert container(written)["livenessProbe"]["httpGet"]["path"] == "/v2/health/live"


def test_replicas_between_two_numbers_have_an_autoscaler_and_a_budget(write):
    written = by_kind(
        write(
            "models:/flights@champion", "--registry", "http://mlflow:5000", "--kind", "plain",
            "--secret", "flights", "--replicas", "2:8", "--cpu", "500m:2", "--memory", "512Mi",
            "--scale-on", "memory=80", "--namespace", "prod",
        )
    )  # fmt: skip
    assert written["HorizontalPodAutoscaler"]["spec"] == {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "flights"},
        "minReplicas": 2,
        "maxReplicas": 8,
        "metrics": [
            {
                "type": "Resource",
                "resource": {
                    "name": "memory",
                    "target": {"type": "Utilization", "averageUtilization": 80},
                },
            }
        ],
    }
    assert written["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1
    deployment = written["Deployment"]["spec"]
    assert "replicas" not in deployment, "the autoscaler says how many"
    (server,) = deployment["template"]["spec"]["containers"]
    assert server["resources"] == {
        "requests": {"cpu": "500m", "memory": "512Mi"},
        "limits": {"cpu": "2"},
    }
    assert server["envFrom"] == [{"secretRef": {"name": "flights"}}]
    assert {d["metadata"]["namespace"] for d in written.values()} == {"prod"}
    toml = written["ConfigMap"]["data"]["dovetail.toml"]
    assert 'anonymous = ""' in toml
    assert '[joints]\ntracking = "http://mlflow:5000"' in toml


def test_a_scraper_is_led_only_where_it_may_read(write):
    def annotations(*who: str) -> set[str]:
        template = by_kind(write("late.txt", "--kind", "plain", *who))["Deployment"]["spec"][
            "template"
        ]
        return {key.partition("/")[0] for key in template["metadata"]["annotations"]}

    assert annotations("--anonymous") == {"prometheus.io", "dovetail.dev"}
    assert annotations("--secret", "keys") == {"dovetail.dev"}


def test_each_place_reaches_the_container_its_own_way(write):
    written = write(
        "s=s3://m/a/late.txt", "p=pvc://claim/x/m.onnx", "f=file:///models/x.onnx", "late.txt",
        "--kind", "plain", "--anonymous", "--name", "all",
    )  # fmt: skip
    toml = by_kind(written)["ConfigMap"]["data"]["dovetail.toml"]
    assert [line.strip() for line in toml.splitlines() if line.startswith("  ")] == [
        '"s=/models/s/late.txt",',
        '"p=/mnt/claims/claim/x/m.onnx",',
        '"f=/models/x.onnx",',
        '"late=/mnt/carried/late/late.txt",',
    ]
    (fetch,) = pod(written)["initContainers"]
    assert fetch["args"] == ["serving", "fetch", "s3://m/a/late.txt", "/models/s"]
    assert {"name": "claim-claim", "mountPath": "/mnt/claims/claim", "readOnly": True} in container(
        written
    )["volumeMounts"]


def test_a_model_that_is_trusted_is_trusted_where_the_container_finds_it(write):
    written = write(
        "a=s3://m/a.joblib", "models:/b@champion", "c=file:///c.pkl", "--registry", "http://mlflow",
        "--kind", "plain", "--anonymous", "--trust", "a", "--trust", "b",
    )  # fmt: skip
    toml = tomllib.loads(by_kind(written)["ConfigMap"]["data"]["dovetail.toml"])
    assert toml["serving"]["trusted"] == ["/models/a/a.joblib", "models:/b"]
    Trust.of(toml["serving"]["trusted"])


def test_a_folder_of_many_models_is_served_whole(write):
    written = write(
        "--repository", "pvc://models/team-a", "--repository", "s3://models/team-b", "--kind",
        "plain", "--anonymous",
    )  # fmt: skip
    assert by_kind(written)["Service"]["metadata"]["name"] == "serving"
    toml = tomllib.loads(by_kind(written)["ConfigMap"]["data"]["dovetail.toml"])
    assert toml["serving"] == {
        "grpc_port": 8081,
        "repository": ["/mnt/claims/models/team-a", "/models/repository-2/team-b"],
    }
    (fetch,) = pod(written)["initContainers"]
    assert fetch["args"] == ["serving", "fetch", "s3://models/team-b", "/models/repository-2"]


def test_a_change_of_settings_or_of_the_model_replaces_the_pods(write, folder):
    def mark(*arguments: str) -> str:
        written = write(*arguments, "--kind", "plain", "--anonymous")
        template = by_kind(written)["Deployment"]["spec"]["template"]
        return str(template["metadata"]["annotations"]["dovetail.dev/config"])

    first = mark("late.txt")
    assert mark("late.txt") == first
    assert mark("late.txt", "--payload-log", "http://sink") != first
    (folder / "late.txt").write_text("tree\nversion=v4\nother=1\n")
    assert mark("late.txt") != first


def test_a_folder_travels_file_by_file(write, folder):
    (folder / "late/data").mkdir(parents=True)
    (folder / "late/MLmodel").write_text("flavors: {}\n")
    (folder / "late/data/model.lgb").write_text("tree\n")
    written = write("late", "--kind", "plain", "--anonymous")
    data = by_kind(written)["ConfigMap"]["binaryData"]
    carried = {
        mount["mountPath"]: base64.b64decode(data[mount["subPath"]])
        for mount in container(written)["volumeMounts"]
        if mount.get("subPath", "").startswith("model-")
    }
    assert carried == {
        "/mnt/carried/late/late/MLmodel": b"flavors: {}\n",
        "/mnt/carried/late/late/data/model.lgb": b"tree\n",
    }


@contextmanager
def started(
    place: Path, arguments: list[str], variables: dict[str, str], port: int
) -> Iterator[str]:
    """The server of a container, with its arguments and variables, on another port."""
    bare = {k: v for k, v in os.environ.items() if not k.startswith("DOVETAIL_")}
    flags = ["--host", "127.0.0.1", "--port", str(port), "--state", str(place / "state")]
    with subprocess.Popen(
        [sys.executable, "-m", "dovetail.cli", *arguments, *flags],
        cwd=place,
        env={**bare, **variables},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(600):
                assert process.poll() is None, process.stderr.read() if process.stderr else ""
                try:
                    if httpx.get(f"{url}/v2/models/late/ready").status_code == 200:
                        break
                except httpx.TransportError:
                    pass
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()
            process.communicate(timeout=30)


BODY = {"inputs": [{"name": "input", "shape": [1, 4], "datatype": "FP64", "data": [0.1, 1, 3, 0]}]}


def test_a_server_runs_with_what_the_config_map_says(
    write, model_file, tmp_path, free_port, folder
):
    written = write(str(model_file), "--kind", "plain", "--anonymous", "--timeout", "30")
    config = by_kind(written)["ConfigMap"]
    mounted, grpc = tmp_path / "container", free_port()
    for mount in container(written)["volumeMounts"]:
        if mount["name"] == "config":
            place = mounted / mount["mountPath"].lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            key = mount["subPath"]
            if key in config["binaryData"]:
                place.write_bytes(base64.b64decode(config["binaryData"][key]))
            else:
                text = config["data"][key].replace('"late=/', f'"late={mounted}/')
                text = text.replace("grpc_port = 8081", f"grpc_port = {grpc}")
                place.write_text(text)
    arguments = container(written)["args"]
    arguments[-1] = str(mounted / arguments[-1].lstrip("/"))
    with started(mounted, arguments, {}, free_port()) as url:
        answer = httpx.post(f"{url}/v2/models/late/infer", json=BODY)
        assert answer.status_code == 200, answer.text
        assert answer.json()["outputs"][0]["shape"] == [1, 1]
        with tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{grpc}") as client:
            assert client.is_model_ready("late")
        probes = container(written)
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert httpx.get(url + probes[probe]["httpGet"]["path"]).status_code == 200


def test_a_server_runs_with_the_variables_of_the_runtime_and_of_the_service(
    write, model_file, tmp_path, free_port
):
    runtime, service = write("late=s3://models/late.txt", "--kind", "kserve")
    variables = {}
    for said in (runtime["spec"]["containers"][0], service["spec"]["predictor"]["model"]):
        variables |= {one["name"]: one["value"] for one in said["env"]}
    place = variables["DOVETAIL_SERVING__MODELS"]
    assert place == "late=/mnt/models/late.txt"
    variables["DOVETAIL_SERVING__MODELS"] = place.replace("/mnt/models", str(model_file.parent))
    variables["DOVETAIL_SERVING__GRPC_PORT"] = str(free_port())
    arguments = runtime["spec"]["containers"][0]["args"]
    with started(tmp_path, arguments, variables, free_port()) as url:
        assert httpx.post(f"{url}/v2/models/late/infer", json=BODY).status_code == 200


def test_the_text_is_plain_yaml(write, capsys, folder):
    documents = write("late.txt", "--kind", "plain", "--anonymous", "--env", "A=true")
    text = yaml.safe_dump_all(documents, sort_keys=False)
    assert list(yaml.safe_load_all(text)) == documents
    assert container(documents)["env"] == [{"name": "A", "value": "true"}]
