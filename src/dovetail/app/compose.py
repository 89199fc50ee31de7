"""Builds the embedded pieces and puts them on one address.

Governance comes before tracking, because its guard answers the same paths first and passes on
what it allows.
"""

from starlette.applications import Starlette

from dovetail.app.configuration import Configuration, find_piece
from dovetail.app.home import home_routes
from dovetail.base.errors import MissingExtraError
from dovetail.web.alone import Surroundings
from dovetail.web.app import Mounted, create_app
from dovetail.web.piece import Page, Service

__all__ = ["compose"]

ORDER = ("data", "labels", "features", "governance", "tracking", "serving", "monitoring", "loop")


def compose(configuration: Configuration) -> Starlette:
    """Return the app with every piece whose joint is embedded.

    Raises:
        DovetailError: a piece cannot be built; the message says which and why.
    """
    around = Surroundings(configuration.server, configuration.joints, tokens=configuration.tokens)
    embedded = configuration.embedded
    known = [name for name in ORDER if name in embedded]
    mounted = [_build(name, configuration, around) for name in known]
    return create_app(
        mounted,
        transport=around.transport,
        tokens=around.tokens(),
        routes=home_routes(configuration, around, mounted),
        nav=[Page("/", "Circle"), Page("/year", "Year")],
    )


def _build(name: str, configuration: Configuration, around: Surroundings) -> Mounted:
    piece = find_piece(name)
    try:
        service: Service = piece.build(around.context(), configuration.settings_of(piece))
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"the piece {name!r}", str(error.name), name) from error
    return Mounted(piece, service)
