"""What the app finds through the `dovetail.pieces` entry point."""

from pathlib import Path

import anyio.from_thread
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dovetail.base.telemetry import logger
from dovetail.serving import metrics  # noqa: F401  shows what is counted at /metrics
from dovetail.serving.cache import Cache
from dovetail.serving.direct import direct_answers
from dovetail.serving.engine import Engine, answer_by
from dovetail.serving.files import Files
from dovetail.serving.follow import AT_ONCE, Follower
from dovetail.serving.graphs.desk import GraphDesk
from dovetail.serving.graphs.routes import make_graph_routes
from dovetail.serving.graphs.store import GraphStore
from dovetail.serving.grpc import GrpcServer
from dovetail.serving.grpc.ports import OFF, Address, address_for
from dovetail.serving.handlers import Handlers
from dovetail.serving.isolation import Forms
from dovetail.serving.layouts.catalog import Catalog, is_repository
from dovetail.serving.layouts.keeper import Keeper
from dovetail.serving.opening import Opener
from dovetail.serving.payload import PayloadLog, PayloadSink
from dovetail.serving.rates import Rates
from dovetail.serving.repository import Repository
from dovetail.serving.routes import make_routes, render_error
from dovetail.serving.routing.desk import Desk
from dovetail.serving.routing.handlers import RoutingHandlers
from dovetail.serving.routing.ledger import Ledger
from dovetail.serving.routing.observing import Observing
from dovetail.serving.routing.routes import make_routing_routes
from dovetail.serving.routing.shadow import Shadows
from dovetail.serving.settings import ServingSettings
from dovetail.serving.sources import Sources
from dovetail.serving.store import Store
from dovetail.serving.transports import counted
from dovetail.serving.trust import Trust
from dovetail.serving.ui.pages import make_pages
from dovetail.serving.watch import Watch
from dovetail.serving.workers import ALONE, Fleet
from dovetail.serving.workers.settled import settled
from dovetail.web.piece import Attention, Context, ErrorShape, Page, Piece, Service
from dovetail.web.tls import Tls

__all__ = ["build", "piece"]

log = logger("serving")


class _Server:
    """The parts of a running server, and their start and stop.

    Args:
        context: what the app gives.
        settings: the table `[serving]`.
        fleet: the other processes of this server.
    """

    def __init__(self, context: Context, settings: ServingSettings, fleet: Fleet) -> None:
        self.fleet = fleet
        self.store = Store(context.database_url("serving"))
        sources = Sources(
            lambda: context.connect("tracking"), [Path(folder) for folder in settings.folders]
        )
        folders, models = _split(settings)
        allowed = [Path(folder) for folder in settings.folders]
        catalog = Catalog(folders, allowed) if folders else None
        self.payload_log = _payload_log(context, settings)
        self.watch = Watch.of(settings)
        observers = [self.payload_log.offer] if self.payload_log is not None else []
        self.observing = Observing(
            Ledger(self.store.database, context.clock, settings.feedback_hours),
            Shadows(tuple(observers), answer_by),
        )
        observers += [self.watch.observe] if self.watch is not None else []
        self.forms = Forms(context.state / "serving" / "compiled") if settings.isolate else None
        files = Files(context.state / "serving" / "models", tidy=fleet.leads)
        self.repository = Repository(
            self.store,
            files,
            sources,
            opener=_opener(settings, files, self.forms),
            clock=context.clock,
            catalog=catalog,
            observers=self.observing,
        )
        self.store.on_change = fleet.announce
        fleet.follow(self._catch_up)
        self.desk = Desk(self.repository, self.store)
        self.routing = RoutingHandlers(self.repository, self.desk, self.observing)
        # Where memory is bounded, one after the other: together they would go beyond it.
        at_once = 1 if settings.max_memory_mb else AT_ONCE
        self.keeper = Keeper(
            self.repository,
            catalog,
            settings.repository_seconds,
            loads=settings.repository_loads,
            at_once=at_once,
        )
        self.rates = Rates()
        log = self.payload_log
        engine = Engine(self.repository, observers, None if log is None else log.offer)
        self.handlers = Handlers(engine)
        self.graphs = GraphDesk(
            engine,
            GraphStore(self.store),
            settings.graph_servers,
            settings.limits(),
            context.clock,
        )
        self.follower = Follower(
            self.repository, self.desk, sources, models, settings.follow_seconds, at_once
        )
        self.repository.awaited = self._awaited
        self.grpc = _grpc(context, settings, self)
        self._restored = self._ends = False

    @property
    def waiting(self) -> str | None:
        """Why the server is not ready; None when it is."""
        if self._ends:
            return "the server was told to stop"
        return self.fleet.waiting if self.has_loaded else "models are being loaded"

    @property
    def has_loaded(self) -> bool:
        """Whether this process has loaded what it should."""
        looked = self.keeper.has_looked and self.follower.has_looked
        return self._restored and (looked or not self.fleet.leads)

    def _awaited(self) -> dict[str, str]:
        if not self.fleet.leads:  # who does not load cannot say what keeps a model
            return {}
        return {**dict.fromkeys(self.keeper.awaited(), ""), **self.follower.awaited()}

    async def enter(self) -> None:
        """Listen for gRPC; one of several processes has its models before it takes connections."""
        if self.fleet.shares:
            await anyio.to_thread.run_sync(self._restore)
        if self.grpc is not None:
            await self.grpc.start()

    def start(self) -> None:
        """Load what was loaded before; what the settings name follows in the background."""
        self._restore()
        self.observing.start()
        if self.payload_log is not None:
            self.payload_log.start()
        self.rates.start()
        if self.fleet.leads:
            self.keeper.start()
            self.follower.start()
        self.fleet.loading(lambda: self.has_loaded)

    def _restore(self) -> None:
        if not self._restored:
            if self.fleet.leads:
                self.store.forget_failures()
            self._catch_up()
            self._restored = True

    def _catch_up(self) -> None:
        """Become what the store says, however often it changes meanwhile."""
        while not self.repository.refresh():
            continue
        self.graphs.refresh()

    def drain(self) -> None:
        """Say from now on that the server is not ready."""
        self._ends = True
        if self.grpc is not None:
            self.grpc.drain()

    def stop(self) -> None:
        """Finish running calls, stop looking, send what is to be told, close the store."""
        if self.grpc is not None:
            anyio.from_thread.run(self.grpc.stop)
        if self.forms is not None:
            self.forms.stop()  # else what looks would wait for a model to be compiled
        self.keeper.stop()
        self.follower.stop()
        self.observing.stop()
        self.rates.stop()
        self.graphs.close()
        if self.payload_log is not None:
            self.payload_log.stop()
        if self.watch is not None:
            self.watch.stop()
        self.store.close()

    def attention(self) -> list[Attention]:
        """Return what a person should look at."""
        failed = [
            entry for entry in self.repository.index() if entry.reason not in ("", "unloaded")
        ]
        found = [
            Attention(
                "alarm", f"{e.name} version {e.version} is not served: {e.reason}", "/serving"
            )
            for e in failed
        ]
        for model in self.repository.loaded():
            if stuck := model.lane.stuck_seconds():
                text = f"{model.name} version {model.version} is stuck for {stuck:.0f} s"
                found.append(Attention("alarm", text, f"/serving/{model.name}"))
            if model.compilation.largest_difference is not None and not model.compilation.compiled:
                text = f"{model.name} version {model.version} serves uncompiled"
                href = f"/serving/{model.name}"
                found.append(Attention("info", f"{text}: {model.compilation.why}", href))
        if self.payload_log is not None and self.payload_log.problem:
            text = f"the payload log is not taken: {self.payload_log.problem}"
            found.append(Attention("warn", text, "/serving"))
        return found

    def health(self, _: Request) -> Response:
        """Say whether the models that are to be served are loaded."""
        waiting = self.waiting
        if waiting is None:
            return JSONResponse({"ready": True})
        return JSONResponse({"error": f"not ready: {waiting}"}, 503)


def _grpc(context: Context, settings: ServingSettings, server: _Server) -> GrpcServer | None:
    listening, fleet = context.server, server.fleet
    if fleet.shares:
        port = OFF if settings.grpc_port is None else settings.grpc_port
        address = Address(listening.host, port, shared=True) if port != OFF else None
    else:
        address = address_for(listening.host, settings.grpc_port, listening.port)
    if address is None:
        return None
    return GrpcServer(
        address,
        server.handlers,
        lambda: server.waiting,
        watch=server.watch,
        fleet=fleet,
        tokens=context.tokens,
        max_body=settings.max_body_mb << 20,
        drain_seconds=listening.drain_seconds,
        grace_seconds=listening.grace_seconds,
        tls=Tls.of(listening),
    )


def _split(settings: ServingSettings) -> tuple[list[Path], list[str]]:
    """Return the folders that are repositories, and the models that are named one by one."""
    folders = [Path(folder) for folder in settings.repository]
    models = []
    for entry in settings.models:
        if is_repository(Path(entry)):
            folders.append(Path(entry))
        else:
            models.append(entry)
    return folders, models


def _opener(settings: ServingSettings, files: Files, forms: Forms | None) -> Opener:
    return Opener(
        files,
        compile=settings.compile,
        forms=forms,
        trust=Trust.of(settings.trusted),
        limits=settings.limits(),
        cache=Cache(settings.max_memory_mb << 20),
        lazy=settings.load_lazily,
    )


def _payload_log(context: Context, settings: ServingSettings) -> PayloadLog | None:
    sinks = list(settings.payload_sinks)
    if settings.payload_log:
        sinks.insert(0, PayloadSink(to=settings.payload_log, queue=settings.payload_queue))
    return PayloadLog(sinks, context.connect, context.clock) if sinks else None


def build(context: Context, settings: ServingSettings, fleet: Fleet = ALONE) -> Service:
    """Return the service.

    Args:
        context: what the app gives.
        settings: the table `[serving]`.
        fleet: the other processes of this server.
    """
    if settings.workers > 1 and not fleet.shares:
        log.warning("workers is for 'dovetail serving run': here one process answers")
    server = _Server(context, settings, fleet)
    grpc = server.grpc
    routes = [
        Route("/v2/health/ready", server.health),
        *counted([*make_routing_routes(server.routing), *make_graph_routes(server.graphs)]),
        *make_routes(server.handlers, max_body=settings.max_body_mb << 20, watch=server.watch),
        *make_pages(server.repository, server.rates, server.follower, server.payload_log, settings),
    ]
    reads = [r"/v2/models/[^/]+(/versions/[^/]+)?/infer", r"/v2/repository/index"]
    return Service(
        routes=settled(routes, fleet, reads),
        pages=[Page("/serving", "Serving")],
        errors=[ErrorShape(("/v2",), render_error)],
        reads=reads,
        direct=direct_answers(server.handlers, server.watch),
        start=server.start,
        enter=server.enter,
        drain=server.drain,
        addresses=(lambda: {"gRPC": str(grpc.address)}) if grpc is not None else None,
        stop=server.stop,
        ready=lambda: server.waiting,
        attention=server.attention,
    )


piece = Piece(
    name="serving",
    title="Serving",
    job="models behind an API: versions, traffic, compiled forms, payload log",
    joint="Open Inference Protocol v2",
    settings=ServingSettings,
    build=build,
)
