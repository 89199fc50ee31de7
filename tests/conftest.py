"""Fixtures that every test may use: a real PostgreSQL where it is installed."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import prometheus_client  # noqa: F401  before Feast, which changes how it keeps values
import pytest

# For every MLflow that a test starts or imports: no usage data, and none of the ten idle processes
# of its job runner.
os.environ.update(
    MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true", MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false"
)

SHARED_METRICS = ("PROMETHEUS_MULTIPROC_DIR", "PROMETHEUS_MULTIPROCESS_DIR")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Undo what importing Feast does to the process: metrics shared in files cannot be cleared."""
    for name in SHARED_METRICS:
        os.environ.pop(name, None)


def _postgres_bin() -> Path | None:
    found = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in [*folders, *([Path(found).parent] if found else [])]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


@pytest.fixture(scope="session")
def free_port():
    def take() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return take


class PostgresServer:
    """A PostgreSQL that can be stopped at once and started again."""

    def __init__(self, port: int, binaries: Path) -> None:
        self.port, self._binaries = port, binaries
        self.url = f"postgresql://postgres@127.0.0.1:{port}"
        self._as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self._folder = Path(tempfile.mkdtemp(prefix="dovetail-pg-"))
        self._folder.chmod(0o777)
        self._run("initdb", "-U", "postgres", "-A", "trust", "-N")
        self.start()

    def start(self) -> None:
        options = f"-p {self.port} -h 127.0.0.1 -k {self._folder} -c fsync=off"
        options += " -c max_connections=200"
        self._run("pg_ctl", "-w", "-o", options, "-l", str(self._folder / "log"), "start")

    def kill(self) -> None:
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, tool: str, *options: str) -> None:
        command = [str(self._binaries / tool), "-D", str(self._folder / "data"), *options]
        run = {"check": True, "stdout": subprocess.DEVNULL, "cwd": "/tmp"}
        subprocess.run([*self._as_user, *command], **run)


@pytest.fixture(scope="session")
def postgres_server(free_port) -> Iterator[str]:
    """A PostgreSQL of this test session; its URL without a database name."""
    with contextlib.contextmanager(_postgres)(free_port) as server:
        yield server.url


@pytest.fixture
def postgres_alone(free_port) -> Iterator[PostgresServer]:
    """A PostgreSQL of one test, which may stop it."""
    yield from _postgres(free_port)


def _postgres(free_port: Callable[[], int]) -> Iterator[PostgresServer]:
    binaries = _postgres_bin()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    server = PostgresServer(free_port(), binaries)
    try:
        yield server
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):  # a test may have stopped it
            server.kill()
        server.remove()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty database on the session's PostgreSQL."""
    import psycopg

    name = f"t{os.urandom(6).hex()}"
    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield f"{postgres_server}/{name}"
    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


class RedisServer:
    """A Redis that can be killed and started again with what it had acknowledged."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port, self.folder = port, folder
        self.url = f"redis://127.0.0.1:{port}/0"
        self.start()

    def start(self) -> None:
        binary = shutil.which("redis-server") or "/usr/bin/redis-server"
        options = f"--port {self.port} --bind 127.0.0.1 --dir {self.folder} --save"
        kept = "--appendonly yes --appendfsync always --daemonize no"
        command = [binary, *options.split(), "", *kept.split()]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(self.answers)

    def answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", self.port)):
                return False
            probe.sendall(b"PING\r\n")
            return probe.recv(5) == b"+PONG"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)


@pytest.fixture
def redis_server(free_port, tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of one test."""
    if not (shutil.which("redis-server") or Path("/usr/bin/redis-server").exists()):
        pytest.skip("Redis is not installed: apt-get install redis-server")
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(free_port(), folder)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def s3_server(free_port, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server on loopback that speaks S3; its URL."""
    pytest.importorskip("moto", reason="moto is not installed: requirements/test.txt")
    port, log = free_port(), tmp_path_factory.mktemp("s3") / "log"
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-p", str(port)]
    with log.open("wb") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None, log.read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="session")
def s3_bucket(s3_server: str) -> str:
    """The name of a bucket on it."""
    boto3 = pytest.importorskip("boto3", reason="boto3 is not installed: the extra s3")
    given = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    client = boto3.session.Session().client(
        "s3", endpoint_url=s3_server, region_name="us-east-1", **given
    )
    client.create_bucket(Bucket="artifacts")
    return "artifacts"


@pytest.fixture
def s3_url(s3_server: str, s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty place in the bucket; the environment leads there."""
    for name in [one for one in os.environ if one.startswith(("AWS_", "MLFLOW_S3_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return f"s3://{s3_bucket}/{os.urandom(6).hex()}/a"


@pytest.fixture
def fresh_s3_uploads(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto says 2010 of every upload, which a server would throw away as abandoned."""
    monkeypatch.setattr("dovetail.base.artifacts.s3_parts.S3Parts.sweep", lambda _: 0)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same test on both databases."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    return str(request.getfixturevalue("postgres_url"))


class Receiver:
    """A server that notes what it is sent and answers as told: `(status, headers)` in turn."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.pause = 0.0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.requests.append((self.path, dict(self.headers), body))
                time.sleep(receiver.pause)
                status, headers = receiver.answers.pop(0) if receiver.answers else (200, {})
                self.send_response(status)
                for name, value in {"Content-Length": "4", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(OSError):  # who asked may have gone
                    self.wfile.write(b"done")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def wait(self, count: int, seconds: float = 20) -> list[tuple[str, dict[str, str], bytes]]:
        """Return what came, once that many have."""
        wait_until(lambda: len(self.requests) >= count, seconds)
        return self.requests

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def wait_until(is_so: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody who is sent messages over HTTP."""
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    """Wait until something is so."""
    return wait_until
