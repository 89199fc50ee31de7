"""Settings with one precedence: flags, then environment, then `dovetail.toml`, then defaults.

A group of settings is a frozen `msgspec.Struct` whose fields carry their description. The
environment names a field as `DOVETAIL_<TABLE>__<FIELD>`, for example `DOVETAIL_SERVER__PORT`.
Unknown keys are refused with the nearest known one, because a typo that is silently ignored is a
setting that is silently not in force.
"""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from dovetail.base.errors import SettingsError

__all__ = ["JointSettings", "ServerSettings", "SettingsFile", "read_file"]

S = TypeVar("S", bound=msgspec.Struct)
PREFIX = "DOVETAIL_"


def _about(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `[server]`: the one address and where state lies."""

    host: Annotated[str, _about("Address to listen on; anything but loopback needs tokens.")] = (
        "127.0.0.1"
    )
    port: Annotated[int, msgspec.Meta(ge=0, le=65535, description="Port; 0 takes a free one.")] = (
        8080
    )
    state: Annotated[str, _about("Folder for databases, tables and artifacts.")] = ".dovetail"
    database: Annotated[
        str, _about("PostgreSQL URL for every piece; empty means SQLite in `state`.")
    ] = ""
    synchronous: Annotated[
        Literal["full", "normal"],
        _about(
            "SQLite: `full` keeps what was acknowledged when the machine dies, "
            "`normal` when the process dies."
        ),
    ] = "full"
    auth: Annotated[
        bool, _about("Require API tokens on loopback too; elsewhere they always are.")
    ] = False
    tls_cert: Annotated[
        str,
        _about(
            "PEM file of a certificate; with it every port speaks TLS. A renewed one is taken up"
            " while the server runs."
        ),
    ] = ""
    tls_key: Annotated[
        str, _about("PEM file of its private key; empty where that is in `tls_cert` too.")
    ] = ""
    anonymous: Annotated[
        Literal["", "viewer"],
        _about(
            "Role of callers without a token where tokens are required: `viewer` may read and"
            " infer, for a network that the cluster guards; empty refuses them."
        ),
    ] = ""
    drain_seconds: Annotated[
        float,
        msgspec.Meta(
            ge=0,
            description="Seconds in which a server that was told to stop still takes new "
            "connections while its readiness says no, so that balancers notice.",
        ),
    ] = 0.0
    grace_seconds: Annotated[
        int,
        msgspec.Meta(
            ge=0, description="Seconds that it then waits for requests that run, at most."
        ),
    ] = 15
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], _about("How much is logged.")
    ] = "info"


class JointSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `[joints]`: `embedded`, `off`, or the URL of what the team already runs."""

    data: Annotated[str, _about("Tables: `embedded`, `off`, or the root folder of a lake.")] = (
        "embedded"
    )
    labels: Annotated[str, _about("Label Studio server.")] = "embedded"
    features: Annotated[str, _about("Feast feature server.")] = "embedded"
    tracking: Annotated[str, _about("MLflow tracking server and model registry.")] = "embedded"
    governance: Annotated[str, _about("Gate and record in front of the registry.")] = "embedded"
    serving: Annotated[str, _about("Open Inference server.")] = "embedded"
    monitoring: Annotated[str, _about("CloudEvents payload log.")] = "embedded"
    loop: Annotated[str, _about("The controller; `embedded` or `off`.")] = "embedded"


class SettingsFile:
    """What a `dovetail.toml` and the environment say, table by table.

    Args:
        tables: the parsed file.
        source: how to name the file in messages.
        environment: the process environment.
    """

    def __init__(
        self, tables: Mapping[str, Any], source: str, environment: Mapping[str, str]
    ) -> None:
        self.tables, self.source, self.environment = tables, source, environment

    def table(self, name: str, kind: type[S], flags: Mapping[str, Any] | None = None) -> S:
        """Return one group of settings.

        Args:
            name: the table's name.
            kind: its Struct.
            flags: values of command-line flags; None means not given.

        Raises:
            SettingsError: a key is unknown or a value does not fit.
        """
        values = self.tables.get(name, {})
        if not isinstance(values, dict):
            raise SettingsError(
                f"{self.source}: '{name}' must be a table",
                fix=f"write [{name}] on a line of its own and the settings below it",
            )
        known = {field.encode_name for field in msgspec.structs.fields(kind)}
        _refuse_unknown(values, known, f"{self.source}: [{name}]")
        merged = {**values, **self._from_environment(name, known, _lists(kind))}
        merged.update({key: value for key, value in (flags or {}).items() if value is not None})
        try:
            return msgspec.convert(merged, kind, strict=False)
        except msgspec.ValidationError as error:
            raise SettingsError(f"{self.source}: [{name}] is not valid", why=str(error)) from error

    def check_tables(self, known: Iterable[str]) -> None:
        """Refuse tables that no piece has.

        Raises:
            SettingsError: naming the table and the nearest known one.
        """
        _refuse_unknown(self.tables, set(known), self.source)

    def _from_environment(self, name: str, known: set[str], lists: set[str]) -> dict[str, Any]:
        prefix = f"{PREFIX}{name.upper()}__"
        found = {}
        for variable, value in self.environment.items():
            if variable.startswith(prefix):
                key = variable.removeprefix(prefix).lower()
                _refuse_unknown({key: value}, known, f"environment variable {variable}")
                found[key] = [v for v in value.split(",") if v] if key in lists else value
        return found


def read_file(path: Path | None, environment: Mapping[str, str]) -> SettingsFile:
    """Read `dovetail.toml`.

    Args:
        path: the file; None means `dovetail.toml` here, if there is one.
        environment: the process environment.

    Raises:
        SettingsError: the file was named and is missing, or is not TOML.
    """
    chosen = path or Path("dovetail.toml")
    if not chosen.exists():
        if path is not None:
            raise SettingsError(
                f"settings file {str(path)!r} does not exist", fix="name another with --config"
            )
        return SettingsFile({}, "settings", environment)
    try:
        with chosen.open("rb") as file:
            return SettingsFile(tomllib.load(file), str(chosen), environment)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{chosen} is not valid TOML", why=str(error)) from error
    except OSError as error:
        raise SettingsError(
            f"{chosen} cannot be read", why=error.strerror or type(error).__name__
        ) from error


def _lists(kind: type[msgspec.Struct]) -> set[str]:
    """Return the fields whose value in the environment is a comma-separated list."""
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    sequences = (msgspec.inspect.ListType, msgspec.inspect.VarTupleType)
    return {field.encode_name for field in info.fields if isinstance(_bare(field.type), sequences)}


def _bare(kind: msgspec.inspect.Type) -> msgspec.inspect.Type:
    return _bare(kind.type) if isinstance(kind, msgspec.inspect.Metadata) else kind


def _refuse_unknown(values: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            raise SettingsError(
                f"{where} has no setting '{key}'",
                fix=f"did you mean '{near[0]}'?" if near else f"known: {', '.join(sorted(known))}",
            )
