"""A file that belongs to a model version: among its run's artifacts, named by a tag.

A registry keeps no files of its own, and the version's source holds what serves. So a file beside
it goes to the version's run, and a tag of the version says where, as a `runs:/` address.
"""

from dovetail.wire.http import BadAnswer
from dovetail.wire.mlflow.client import Client, proxy_path

__all__ = ["attach", "put_in_run"]


def put_in_run(client: Client, run_id: str, path: str, content: bytes) -> str:
    """Write a file among a run's artifacts.

    Returns:
        Its address, as `runs:/<run>/<path>`.

    Raises:
        BadAnswer: The run's artifacts are not behind the server's artifact proxy.
    """
    root = client.get_run(run_id).info.artifact_uri or ""
    try:
        folder = proxy_path(root)
    except BadAnswer as error:
        raise BadAnswer(
            f"run '{run_id}' keeps its files at '{root}', not behind the artifact proxy: write "
            f"this one with mlflow.log_artifact as '{path}'"
        ) from error
    client.put_artifact(f"{folder}/{path}", content)
    return f"runs:/{run_id}/{path}"


def attach(
    client: Client,
    model: str,
    version: str,
    path: str,
    content: bytes,
    *,
    tag: str,
    run_id: str = "",
) -> str:
    """Keep a file with a model version; its address is returned, and is the value of the tag.

    Args:
        client: Of the registry.
        model: The registered model.
        version: Its version.
        path: Within the artifacts of its run.
        content: The file.
        tag: The version's tag that says where the file is; its name is also that of the experiment
            in which a version without a run gets one.
        run_id: Another run than the version's.
    """
    found = client.get_model_version(model, version)
    before = next((one.value for one in found.tags if one.key == tag), "")
    made = before.removeprefix("runs:/").partition("/")[0] if before.startswith("runs:/") else ""
    run = run_id or found.run_id or made
    if not run:
        experiment = client.ensure_experiment(tag)
        run = client.create_run(experiment, name=f"{model} {version}").info.run_id
        client.update_run(run, status="FINISHED")
    place = put_in_run(client, run, path, content)
    client.set_model_version_tag(model, version, tag, place)
    return place
