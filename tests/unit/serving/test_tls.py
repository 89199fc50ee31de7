"""TLS on both ports: clients that know the authority, those that do not, a renewed certificate."""

import contextlib
import shutil
import ssl
import subprocess
import time

import grpc
import httpx
import pytest
from tests.unit.serving.test_grpc import M, raw, rows

from dovetail.base.errors import SettingsError
from dovetail.base.settings import ServerSettings
from dovetail.serving.piece import piece
from dovetail.serving.settings import ServingSettings
from dovetail.web.testing import run_piece
from dovetail.web.tls import Tls
from dovetail.wire.open_inference.grpc import SERVICE

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="it makes certificates")


def make(folder, name):
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate,
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return make(tmp_path_factory.mktemp("tls"), "first")


@pytest.fixture
def files(first, tmp_path):
    """Copies, because a certificate that was read is remembered by its name."""
    return tuple(shutil.copy(file, tmp_path / file.name) for file in first)


@pytest.fixture
def server(tmp_path, files):
    (tmp_path / "echo.identity").touch()
    settings = ServingSettings(models=(str(tmp_path / "echo.identity"),), isolate=False)
    certificate, key = map(str, files)
    with run_piece(
        piece, settings, state=tmp_path / "state", tls_cert=certificate, tls_key=key
    ) as running:
        yield running


def wait_ready(url, client):
    """Ask until the models are loaded, each time over a new connection."""
    for _ in range(200):
        with client, contextlib.suppress(httpx.ConnectError):
            if client.get(f"{url}/v2/health/ready").status_code == 200:
                return
        client = knowing(client.authority)
        time.sleep(0.05)
    raise AssertionError("the server did not become ready")


def knowing(file):
    client = httpx.Client(verify=ssl.create_default_context(cafile=str(file)), trust_env=False)
    client.authority = file
    return client


def test_both_ports_speak_tls(server, files):
    assert server.url.startswith("https://")
    body = {"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [1.0]}]}
    wait_ready(server.url, knowing(files[0]))
    with knowing(files[0]) as client:
        for _ in range(2):
            answer = client.post(f"{server.url}/v2/models/echo/infer", json=body)
            assert answer.json()["outputs"][0]["data"] == [1.0]
    trusted = grpc.ssl_channel_credentials(files[0].read_bytes())
    with grpc.secure_channel(server.addresses["gRPC"], trusted) as channel:
        call = channel.unary_unary(f"/{SERVICE}/ModelInfer")
        asked = raw("echo", rows(40_000))
        told = M("ModelInferResponse").FromString(call(asked.SerializeToString(), timeout=20))
        assert list(told.raw_output_contents) == list(asked.raw_input_contents)


def test_who_does_not_know_the_authority_is_not_answered(server):
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(server.url, trust_env=False)
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(server.url.replace("https", "http"), trust_env=False)
    with grpc.insecure_channel(server.addresses["gRPC"]) as channel:
        call = channel.unary_unary(f"/{SERVICE}/ServerLive")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"", timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_renewed_certificate_is_taken_up(tmp_path, files, monkeypatch):
    monkeypatch.setattr("dovetail.web.serve.GUARD_SECONDS", 0.05)
    certificate, key = files
    settings = ServingSettings()
    more = {"tls_cert": str(certificate), "tls_key": str(key)}
    second, second_key = make(tmp_path, "second")
    with run_piece(piece, settings, state=tmp_path / "state", **more) as server:
        wait_ready(server.url, knowing(certificate))
        old = shutil.copy(certificate, tmp_path / "old.pem")
        certificate.write_text("half of a certificate")
        time.sleep(0.3)
        wait_ready(server.url, knowing(old))
        shutil.copy(second, certificate)
        shutil.copy(second_key, key)
        wait_ready(server.url, knowing(second))
        trusted = grpc.ssl_channel_credentials(second.read_bytes())
        with grpc.secure_channel(server.addresses["gRPC"], trusted) as channel:
            channel.unary_unary(f"/{SERVICE}/ServerLive")(b"", timeout=20)


def test_what_cannot_be_read_is_said_before_anything_listens(tmp_path, first):
    other = make(tmp_path, "other")
    for more, text in (
        ({"tls_cert": str(tmp_path / "none")}, "No such file"),
        ({"tls_cert": str(first[0]), "tls_key": str(other[1])}, "belong together"),
        ({"tls_key": str(other[1])}, "tls_cert is not"),
    ):
        with pytest.raises(SettingsError, match=text):
            Tls.of(ServerSettings(**more))
