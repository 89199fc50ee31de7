"""`dovetail data`: put, get, list, check, snapshot and verify tables in a folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dovetail.base.errors import InvalidInputError
from dovetail.data.handlers import Handlers
from dovetail.data.lake import Lake
from dovetail.data.schema import from_json, to_json
from dovetail.web import commands as shared

if TYPE_CHECKING:
    import polars as pl

__all__ = ["commands"]

ROOT = click.option(
    "--root",
    default=".dovetail/tables",
    show_default=True,
    envvar="DOVETAIL_DATA__ROOT",
    help="Folder of the tables.",
)
FILE = click.Path(path_type=Path)


@click.group()
def commands() -> None:
    """Training tables that cannot be lost."""


@commands.command()
@click.option("--root", help="Folder of the tables.")
@shared.server_options
def run(root: str | None, server: Mapping[str, Any]) -> None:
    """Serve the pages of a folder of tables.

    Example: dovetail data run --root tables
    """
    from dovetail.data.piece import piece

    shared.run(piece, server, {"root": root} if root else {})


@commands.command()
@click.argument("file", type=FILE)
@click.option("--table", required=True, help="Table to write to.")
@click.option("--batch", help="Names the rows; the same batch is written once.")
@click.option("--overwrite", is_flag=True, help="Replace the rows instead of adding to them.")
@click.option("--upsert", help="Columns that identify a row, commas between; replace by them.")
@click.option("--evolve", is_flag=True, help="Allow columns to change.")
@ROOT
@shared.json_option
def put(
    file: Path,
    table: str,
    batch: str | None,
    overwrite: bool,
    upsert: str | None,
    evolve: bool,
    root: str,
    as_json: bool,
) -> None:
    """Write the rows of a CSV or Parquet file to a table, whole or not at all.

    Example: dovetail data put april.parquet --table flights --batch 2013-04
    """
    target = Lake(root).table(table)
    if upsert:
        done = target.upsert(_read(file), upsert.split(","), batch=batch)
    else:
        write = target.overwrite if overwrite else target.append
        done = write(_read(file), batch=batch, evolve=evolve)
    if as_json:
        return shared.print_json(done)
    said = "was there already" if done.repeated else f"{done.rows} rows written"
    click.echo(f"{table}: version {done.version}, {said}")


@commands.command()
@click.argument("table")
@click.option("--version", type=int, help="Version; the newest by default.")
@click.option("--snapshot", help="Read exactly the rows of a snapshot.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV or Parquet file.")
@ROOT
def get(table: str, version: int | None, snapshot: str | None, out: Path, root: str) -> None:
    """Write a version of a table to a file.

    Example: dovetail data get flights --version 3 --out flights.parquet
    """
    lake = Lake(root)
    rows = lake.read_snapshot(snapshot) if snapshot else lake.table(table).read(version=version)
    if out.suffix == ".csv":
        rows.write_csv(out)
    else:
        rows.write_parquet(out)
    click.echo(f"{rows.height} rows in {out}", err=True)


@commands.command("list")
@click.option("--snapshots", is_flag=True, help="List snapshots in place of tables.")
@ROOT
@shared.json_option
def list_(snapshots: bool, root: str, as_json: bool) -> None:
    """List tables, or snapshots.

    Example: dovetail data list --snapshots
    """
    lake = Lake(root)
    if snapshots:
        records = lake.snapshots.all()
        if as_json:
            return shared.print_json(records)
        columns = ("snapshot", "table", "version", "rows", "taken", "purpose")
        return shared.print_table(
            columns,
            [
                (r.id, r.table, r.version, r.rows, f"{r.at:%Y-%m-%d %H:%M}", r.purpose)
                for r in records
            ],
        )
    overview = Handlers(lake).overview()
    if as_json:
        return shared.print_json(overview)
    shared.print_table(
        ("table", "version", "rows", "files", "written", "last check"),
        [
            (t.name, t.version, t.rows, t.files, f"{t.written:%Y-%m-%d %H:%M}", t.verdict)
            for t in overview.tables
        ],
    )


@commands.command()
@click.argument("table")
@click.option("--schema", "file", type=FILE, help="Put the schema in this JSON file in force.")
@click.option("--infer", "should_infer", is_flag=True, help="Infer a schema from the rows there.")
@click.option("--key", multiple=True, help="Columns that identify a row, commas between.")
@click.option("--file", "rows", type=FILE, help="Check the rows of a file in place of the table's.")
@ROOT
@shared.json_option
@click.pass_context
def check(
    context: click.Context,
    table: str,
    file: Path | None,
    should_infer: bool,
    key: tuple[str, ...],
    rows: Path | None,
    root: str,
    as_json: bool,
) -> None:
    """Check rows with the table's schema; exit code 1 if they would be refused.

    Example: dovetail data check flights --infer --key flight,day
    """
    lake = Lake(root)
    if file is not None:
        lake.declare(table, from_json(_there(file).read_bytes()))
    elif should_infer:
        lake.declare(table, lake.infer(table, keys=[k.split(",") for k in key]))
    if lake.records.schema(table) is None:
        raise click.UsageError(f"table {table!r} has no schema; give --schema FILE or --infer")
    found = lake.check(table, None if rows is None else _read(rows))
    if as_json:
        shared.print_json(found)
    elif found:
        columns = ("column", "rule", "refuses", "finding")
        shared.print_table(columns, [(f.column, f.rule, str(f.refuses), f.text) for f in found])
    else:
        click.echo(f"{table}: all is as the schema says")
    if any(f.refuses for f in found):
        context.exit(1)


@commands.command()
@click.argument("table")
@ROOT
def schema(table: str, root: str) -> None:
    """Print the schema of a table as JSON, to be edited and given to check --schema.

    Example: dovetail data schema flights > flights.schema.json
    """
    found = Lake(root).records.schema(table)
    if found is None:
        raise click.UsageError(f"table {table!r} has no schema; see: dovetail data check --infer")
    click.echo(to_json(found).decode())


@commands.command()
@click.argument("table")
@click.option("--version", type=int, help="Version; the newest by default.")
@click.option("--query", default="", help="What was taken of the rows, and in which order.")
@click.option("--purpose", default="", help="What for, for example a run.")
@ROOT
@shared.json_option
def snapshot(
    table: str, version: int | None, query: str, purpose: str, root: str, as_json: bool
) -> None:
    """Record which files a version has, and hold copies of them.

    Example: dovetail data snapshot flights --purpose "run 4f2a"
    """
    record = Lake(root).snapshot(table, version=version, query=query, purpose=purpose)
    if as_json:
        return shared.print_json(record)
    click.echo(f"{record.id} {table} version {record.version}, {record.rows} rows")


@commands.command()
@click.argument("snapshots", nargs=-1)
@ROOT
@shared.json_option
@click.pass_context
def verify(context: click.Context, snapshots: tuple[str, ...], root: str, as_json: bool) -> None:
    """Hash the files of snapshots again; exit code 1 if rows are lost. All held ones by default.

    Example: dovetail data verify
    """
    lake = Lake(root)
    records = [lake.snapshots.get(s) for s in snapshots] or [
        r for r in lake.snapshots.all() if not lake.records.is_released(r.id)
    ]
    verdicts = [lake.verify(record) for record in records]
    if as_json:
        shared.print_json(verdicts)
    else:
        shared.print_table(
            ("snapshot", "intact", "damages"),
            [(v.snapshot, str(v.is_intact), _told(v.damages)) for v in verdicts],
        )
    if not all(v.is_intact for v in verdicts):
        context.exit(1)


def _told(damages: Any) -> str:
    return "; ".join(f"{d.what} ({d.where}): {d.text}" for d in damages) or "none"


def _there(file: Path) -> Path:
    if not file.is_file():
        raise InvalidInputError(f"There is no file {file}")
    return file


def _read(file: Path) -> "pl.DataFrame":
    from dovetail.base.extras import require

    pl = require("polars", extra="data", feature="reading files")
    _there(file)
    read = pl.scan_csv if file.suffix == ".csv" else pl.scan_parquet
    options: dict[str, Any] = {"try_parse_dates": True} if file.suffix == ".csv" else {}
    try:
        return read(file, **options).collect()  # type: ignore[no-any-return]
    except pl.exceptions.PolarsError as error:
        raise InvalidInputError(
            f"{str(file)!r} cannot be read",
            why=str(error).strip().partition("\n")[0],
            fix="give a Parquet file, or CSV with the ending .csv",
        ) from error
