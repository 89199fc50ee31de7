"""Our MLflow messages against the protobuf messages that MLflow itself is made of."""

import math
import re

import msgspec
import pytest

from dovetail.wire import mlflow as wire

pytestmark = pytest.mark.compat

service_pb2 = pytest.importorskip("mlflow.protos.service_pb2", reason="MLflow is not installed")
model_registry_pb2 = pytest.importorskip("mlflow.protos.model_registry_pb2")
webhooks_pb2 = pytest.importorskip("mlflow.protos.webhooks_pb2")
artifacts_pb2 = pytest.importorskip("mlflow.protos.mlflow_artifacts_pb2")
databricks_pb2 = pytest.importorskip("mlflow.protos.databricks_pb2")
json = pytest.importorskip("mlflow.utils.proto_json_utils")

NOT_OURS = re.compile(
    r"/mlflow/(traces|datasets/|datasets$|label-schemas|review-queues|scorers|gateway|secrets|jobs"
    r"|workspaces|issues|prompt|endpoints|artifacts/presigned"
    r"|model-versions/(log|.*-trace)|experiments/.*-traces|runs/search-traces|.*trace)"
)
SHARED = {  # one message for several endpoints, of which some lack the field
    ("GetLoggedModel", "allow_deleted"),  # in the query string only, not in the message
    ("GetRun", "run_uuid"),
    ("Metric", "dataset_digest"),
    ("Metric", "dataset_name"),
    ("Metric", "model_id"),
    ("MetricsResponse", "next_page_token"),
    ("ModelVersionsResponse", "next_page_token"),
}


def table():
    """Every (method, path) of MLflow's classic REST API with its protobuf request."""
    rows = {}
    for module in (service_pb2, model_registry_pb2, webhooks_pb2):
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                for entry in method.GetOptions().Extensions[databricks_pb2.rpc].endpoints:
                    path = "/" + entry.path.lstrip("/")
                    if not NOT_OURS.search(path):
                        rows[entry.method, path.removeprefix("/mlflow")] = method.input_type
    return rows


TABLE = table()
WITHOUT_MESSAGE = {"/metrics/get-history-bulk"}  # MLflow reads its query by hand
OURS = {
    (entry.method, entry.path): entry
    for entry in wire.ENDPOINTS
    if entry.path not in WITHOUT_MESSAGE
}
IDS = [f"{method} {path}" for method, path in OURS]


@pytest.mark.parametrize(("key", "entry"), OURS.items(), ids=IDS)
def test_an_endpoint_and_its_fields_are_mlflows(key, entry):
    proto = TABLE[key]
    response = next(kind for kind in proto.nested_types if kind.name == "Response")
    check(entry.request, proto)
    check(entry.response, response)


def check(struct, proto):
    theirs = {field.name: field for field in proto.fields}
    for field in msgspec.structs.fields(struct):
        name = field.encode_name
        if name not in theirs and (struct.__name__, name) in SHARED:
            continue
        assert name in theirs, f"{struct.__name__}.{name}"
        inner = inner_struct(field.type)
        if inner is not None:
            check(inner, theirs[name].message_type)


def inner_struct(kind):
    for part in (kind, *getattr(kind, "__args__", ())):
        if isinstance(part, type) and issubclass(part, msgspec.Struct):
            return part
    return None


TRANSFERS = [
    (wire.CreateMultipartUpload, "CreateMultipartUpload"),
    (wire.CreateMultipartUploadResponse, "CreateMultipartUpload.Response"),
    (wire.CompleteMultipartUpload, "CompleteMultipartUpload"),
    (wire.AbortMultipartUpload, "AbortMultipartUpload"),
    (wire.MultipartUploadCredential, "MultipartUploadCredential"),
    (wire.MultipartUploadPart, "MultipartUploadPart"),
    (wire.PresignedDownloadUrl, "GetPresignedDownloadUrl.Response"),
]


@pytest.mark.parametrize(("struct", "name"), TRANSFERS, ids=[name for _, name in TRANSFERS])
def test_a_message_about_large_files_is_mlflows(struct, name):
    outer, _, inner = name.partition(".")
    proto = artifacts_pb2.DESCRIPTOR.message_types_by_name[outer]
    proto = proto.nested_types_by_name[inner] if inner else proto
    ours = {field.encode_name for field in msgspec.structs.fields(struct)}
    assert ours == {field.name for field in proto.fields}


def test_no_classic_endpoint_of_mlflow_is_missing():
    assert sorted(set(TABLE) - set(OURS)) == []


SAMPLES = {
    "batch": (
        service_pb2.LogBatch,
        wire.LogBatch(
            run_id="r",
            metrics=(
                wire.Metric("a", math.nan, 2**53 + 1, 3),
                wire.Metric("b", -math.inf, 0),
                wire.Metric("c", 0.1, 1),
            ),
            params=(wire.Param("p", ""),),
            tags=(wire.Tag("t", "é"),),
        ),
    ),
    "run": (
        service_pb2.Run,
        wire.Run(
            info=wire.RunInfo(
                run_id="r", run_uuid="r", experiment_id="1", status="FINISHED", start_time=5
            ),
            data=wire.RunData(metrics=(wire.Metric("a", 1.5, 2),)),
            inputs=wire.RunInputs(
                dataset_inputs=(
                    wire.DatasetInput(
                        dataset=wire.Dataset(name="d", digest="x", source_type="local", source="s"),
                        tags=(wire.Tag("mlflow.data.context", "training"),),
                    ),
                )
            ),
        ),
    ),
    "experiment": (
        service_pb2.Experiment,
        wire.Experiment(experiment_id="1", name="e", creation_time=7, tags=(wire.Tag("a", "b"),)),
    ),
    "version": (
        model_registry_pb2.ModelVersion,
        wire.ModelVersion(name="m", version="3", status="READY", aliases=("champion",)),
    ),
    "file": (service_pb2.FileInfo, wire.FileInfo(path="a")),
    "webhook": (
        webhooks_pb2.Webhook,
        wire.Webhook(
            webhook_id="w",
            name="n",
            url="https://example.org",
            events=(wire.WebhookEvent("MODEL_VERSION_ALIAS", "CREATED"),),
            status="DISABLED",
            creation_timestamp=5,
        ),
    ),
}


@pytest.mark.parametrize(("proto", "message"), SAMPLES.values(), ids=list(SAMPLES))
def test_mlflow_reads_what_we_write_and_we_what_mlflow_writes(proto, message):
    body = wire.encode(message)
    theirs = proto()
    json.parse_dict(msgspec.json.decode(body), theirs)
    written = json.message_to_json(theirs).encode()
    assert repr(wire.decode(written, type(message))) == repr(message)
    as_text = json.message_to_json(theirs, convert_int64_to_number=False).encode()
    assert repr(wire.decode(as_text, type(message))) == repr(message)


def test_error_codes_have_mlflows_statuses():
    theirs = pytest.importorskip("mlflow.exceptions").ERROR_CODE_TO_HTTP_STATUS
    assert {str(code): code.status for code in wire.ErrorCode} == theirs


def test_the_events_and_their_bodies_are_mlflows():
    theirs = pytest.importorskip("mlflow.webhooks.types").EVENT_TO_PAYLOAD_CLASS
    ours = {
        (event.entity.lower(), event.action.lower()): msgspec.to_builtins(example)
        for event, example in wire.EVENTS.items()
    }
    assert ours == {
        (entity.value, action.value): dict(kind.example())
        for (entity, action), kind in theirs.items()
    }


def test_a_signature_is_mlflows():
    delivery = pytest.importorskip("mlflow.webhooks.delivery")
    theirs = delivery._generate_hmac_signature("s3cret", "id-1", "1700000000", '{"a": "é"}')
    assert wire.sign("s3cret", "id-1", "1700000000", '{"a": "é"}'.encode()) == theirs
