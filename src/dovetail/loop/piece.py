"""What the app mounts: the loop's pages. The loop itself runs as a client of its own."""

from dovetail.loop.handlers import state_of
from dovetail.loop.routes import routes
from dovetail.loop.settings import LoopSettings
from dovetail.loop.store import LoopStore
from dovetail.loop.ui.pages import page_routes
from dovetail.web.piece import Attention, Context, Page, Piece, Service

__all__ = ["piece"]


def build(context: Context, settings: LoopSettings) -> Service:
    """Open the store for reading."""
    store = LoopStore(context.database_url("loop"), settings.model)

    def attention() -> list[Attention]:
        refused = state_of(store).refused
        if refused is None:
            return []
        return [Attention("warn", f"a promotion waits at the gate: {refused}", "/loop")]

    return Service(
        routes=[*routes(store), *page_routes(store)],
        pages=[Page("/loop", "Loop")],
        stop=store.close,
        attention=attention,
    )


piece = Piece(
    name="loop",
    title="Loop",
    job="watch, retrain, compare, gate, canary, promote, roll back",
    joint="client of all the others",
    settings=LoopSettings,
    build=build,
)
