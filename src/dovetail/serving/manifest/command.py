"""`dovetail serving manifest` and `dovetail serving fetch`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from dovetail.base.errors import InvalidInputError
from dovetail.serving.manifest.options import FLAGS, IMAGE, INSTEAD, ONLY, object_options
from dovetail.web.commands import json_option, print_json

__all__ = ["fetch", "manifest"]


@click.command()
@click.argument("models", nargs=-1, metavar="[[NAME=]MODEL]...")
@click.option(
    "--kind",
    type=click.Choice(["kserve", "seldon", "plain"]),
    required=True,
    help="Whose objects: KServe's, Seldon Core 2's, or those of Kubernetes alone.",
)
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), help="Folder for a file each."
)
@object_options
@json_option
def manifest(
    models: tuple[str, ...], kind: str, output: Path | None, as_json: bool, **given: Any
) -> None:
    """Write the objects that serve models on Kubernetes, as YAML or JSON.

    A MODEL is models:/NAME/VERSION, models:/NAME@ALIAS (followed when it moves), s3://BUCKET/PATH
    or another storage URI, pvc://CLAIM/PATH of a volume, file:///PATH in the image, or (plain) a
    small file or folder here, which travels in the manifest.

    \b
    Examples:
      dovetail serving manifest late.txt --kind plain --anonymous | kubectl apply --server-side -f -
      dovetail serving manifest models:/flights@champion --registry http://mlflow:5000 \\
          --kind plain --secret flights --replicas 2:8 --cpu 500m:2 --memory 512Mi
      dovetail serving manifest late=s3://models/late --format lightgbm --kind kserve \\
          --mode knative --replicas 0:4 --scale-on concurrency=20 --output deploy/
      dovetail serving manifest old=s3://models/1 new=s3://models/2 --format onnx \\
          --kind kserve --canary new=10
      dovetail serving manifest --kind seldon --graph graph.yaml

    \b
    A graph, as a file:
      name: triage
      nodes:
        root:   {type: sequence, steps: [{model: clean}, {node: scores}]}
        scores: {type: ensemble, steps: [{model: late}, {model: costs}]}
    Types: sequence, switch (steps have a condition), ensemble, splitter (steps have a weight).
    """
    from dovetail.serving.manifest import emit, write

    _refuse_foreign(kind, given)
    if as_json and output is not None:
        raise InvalidInputError(
            "--json and --output do not go together",
            why="a folder holds YAML",
            fix="leave one of them out",
        )
    objects = write.objects(models, kind, _filled(given))
    if as_json:
        print_json(emit.to_list(objects))
        return
    if output is None:
        click.echo(emit.to_text(objects), nl=False)
        return
    for file in emit.to_folder(objects, output):
        click.echo(f"wrote {file}", err=True)


def _filled(given: Mapping[str, Any]) -> dict[str, Any]:
    return {**given, "image": given["image"] or IMAGE}


def _refuse_foreign(kind: str, given: Mapping[str, Any]) -> None:
    """Refuse an option that the chosen kind does not have.

    Raises:
        InvalidInputError: naming the option and the kinds that have it.
    """
    for option, kinds in ONLY.items():
        value = given[option]
        is_given = value is not None and value != ()
        if is_given and kind not in kinds:
            raise InvalidInputError(
                f"--{FLAGS.get(option, option).replace('_', '-')} is not for --kind {kind}",
                why=f"only for {' and '.join(kinds)}",
                fix=INSTEAD.get(option, "leave it out") if kind == "plain" else "leave it out",
            )


@click.command()
@click.argument("uri")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def fetch(uri: str, folder: Path) -> None:
    """Bring a model from a bucket into a folder, whole or not at all.

    The pods of `dovetail serving manifest --kind plain` run it before they serve. Where the bucket
    is and who asks comes from the environment, as for boto3.

    \b
    Example:
      dovetail serving fetch s3://models/late.txt /models/late
    """
    from dovetail.serving.manifest.fetch import fetch_model

    click.echo(f"wrote {fetch_model(uri, folder)}", err=True)
