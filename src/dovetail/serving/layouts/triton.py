"""Triton's layout: a folder per model, in it `config.pbtxt` and a folder per version.

Field names are those of Triton's published `model_config.proto`. What has a meaning here is read;
what Triton knows and we do not do is named in the log, and so is what neither knows. A
configuration that asks for something that would change answers (an ensemble, a decoupled model, a
backend that is not here) is refused.
"""

from pathlib import Path

from dovetail.serving.errors import BadModelError
from dovetail.serving.layouts.card import Batching, Card, Declared, Fil, Placed
from dovetail.serving.layouts.pbtxt import Message, PbtxtError, parse, texts
from dovetail.serving.layouts.placing import place
from dovetail.serving.layouts.settings import check_name, read_text
from dovetail.serving.tensors import DATATYPES

__all__ = ["CONFIG", "is_model", "read", "versions_of"]

CONFIG = "config.pbtxt"
_READ = {
    "name", "platform", "backend", "version_policy", "max_batch_size", "input", "output",
    "default_model_filename", "dynamic_batching", "parameters",
}  # fmt: skip
_REFUSED = {
    "ensemble_scheduling": "it is an ensemble of other models",
    "sequence_batching": "it keeps state between requests",
    "model_repository_agents": "its files are to be changed by an agent before they are loaded",
}
_BATCHING_READ = {"preferred_batch_size", "max_queue_delay_microseconds", "default_queue_policy"}
_QUEUE_READ = {"max_queue_size", "default_timeout_microseconds"}
_FIL_READ = {"model_type", "predict_proba", "output_class", "threshold"}
_TENSOR_READ = {"name", "data_type", "dims", "reshape"}
_BACKENDS = {
    "onnxruntime": ("onnx", ("model.onnx",)),
    "onnxruntime_onnx": ("onnx", ("model.onnx",)),
    "pytorch": ("torch", ("model.pt", "model.pt2")),
    "pytorch_libtorch": ("torch", ("model.pt", "model.pt2")),
}
_FOREST = {
    "xgboost": ("xgboost", "xgboost.model"),
    "xgboost_json": ("xgboost", "xgboost.json"),
    "xgboost_ubj": ("xgboost", "xgboost.ubj"),
    "lightgbm": ("lightgbm", "model.txt"),
}
_USUAL = (
    "model.onnx", "model.pt2", "model.pt", "xgboost.json", "xgboost.ubj", "model.txt",
    "model.json", "model.ubj", "model.bst", "model.cbm", "model.skops", "model.joblib",
)  # fmt: skip


def is_model(folder: Path) -> bool:
    """Whether a folder holds `config.pbtxt`, or a folder named by a number."""
    return (folder / CONFIG).exists() or bool(versions_of(folder))


def versions_of(folder: Path) -> tuple[int, ...]:
    """Return the versions below a model's folder, as numbers, in order."""
    return tuple(
        sorted(int(e.name) for e in folder.iterdir() if _is_version(e.name) and e.is_dir())
    )


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdecimal() and name[0] != "0" and len(name) < 19


def read(folder: Path, root: Path, folders: tuple[Path, ...] = ()) -> list[Placed]:
    """Return the versions of a model that its policy asks for.

    Args:
        folder: of the model.
        root: of the repository; no link may leave it.
        folders: where else links may lead.

    Raises:
        BadModelError: the configuration cannot be read, or asks for what is not served.
    """
    file = folder / CONFIG
    try:
        config = parse(read_text(file)) if file.exists() else Message()
        name = check_name(config.text("name") or folder.name, folder)
        if name != folder.name:
            raise BadModelError(file, f"it names the model {name!r}, its folder {folder.name!r}")
        _refuse(config, file)
        kind, names = _backend(config, file)
        card = _card(config, kind, file)
        versions = _chosen(config, versions_of(folder), file)
        ignored = _ignored(config)
    except PbtxtError as error:
        raise BadModelError(file, str(error)) from error
    if not versions:
        raise BadModelError(
            folder, "it has no version", fix="put the model's file into a folder named 1"
        )
    return [
        place(
            name, str(version), _file(folder / str(version), names), card,
            within=(root, *folders), ignored=ignored,
        )
        for version in versions
    ]  # fmt: skip


def _refuse(config: Message, file: Path) -> None:
    for key, why in _REFUSED.items():
        if key in config:
            raise BadModelError(file, f"{why} ({key}), which is not served here")
    policy = config.message("model_transaction_policy")
    if policy is not None and policy.one("decoupled") is True:
        raise BadModelError(file, "it answers one request with many (decoupled)")


def _backend(config: Message, file: Path) -> tuple[str, tuple[str, ...]]:
    """Return the format and the names under which its file is looked for."""
    said = config.text("backend") or config.text("platform")
    own = config.text("default_model_filename")
    if own and (own in (".", "..") or "/" in own or "\\" in own or "\0" in own):
        raise BadModelError(file, f"its default_model_filename {own!r} is not a file's name")
    if said == "fil":
        kind, name = _forest(config, file)
        return kind, (own or name,)
    if said and said not in _BACKENDS:
        raise BadModelError(
            file,
            f"its backend {said!r} is not here",
            fix="served are onnxruntime, pytorch and fil; convert the model to ONNX",
        )
    kind, names = _BACKENDS.get(said, ("", _USUAL))
    return kind, (own,) if own else names


def _forest(config: Message, file: Path) -> tuple[str, str]:
    kind = texts(config.messages("parameters")).get("model_type", "xgboost")
    if kind not in _FOREST:
        raise BadModelError(
            file, f"its model_type {kind!r} is not served", fix=f"one of {', '.join(_FOREST)}"
        )
    return _FOREST[kind]


def _file(folder: Path, names: tuple[str, ...]) -> Path:
    """Return a version's file; the folder where it has another name, or is an MLflow model."""
    return next((folder / name for name in names if (folder / name).exists()), folder)


def _chosen(config: Message, found: tuple[int, ...], file: Path) -> tuple[int, ...]:
    policy = config.message("version_policy") or Message()
    if "all" in policy:
        return found
    specific = policy.message("specific")
    if specific is not None:
        wanted = specific.numbers("versions")
        missing = [str(version) for version in wanted if version not in found]
        if missing:
            raise BadModelError(
                file,
                f"its version_policy names versions that are not there: {', '.join(missing)}",
                fix=f"there are: {', '.join(map(str, found)) or 'none'}",
            )
        return tuple(sorted(wanted))
    latest = policy.message("latest")
    most = latest.number("num_versions", 1) if latest is not None else 1
    return found[-max(most, 1) :]


def _card(config: Message, kind: str, file: Path) -> Card:
    rows = config.number("max_batch_size")
    if rows < 0:
        raise BadModelError(file, f"its max_batch_size is {rows}")
    outputs = _tensors(config, "output", rows > 0, file)
    fil = _fil(config) if config.text("backend") == "fil" else None
    if fil is not None and not outputs:
        outputs = (Declared(name="output__0", datatype="FP32", shape=(-1, -1)),)
    return Card(
        layout="triton",
        format=kind,
        inputs=_tensors(config, "input", rows > 0, file),
        outputs=outputs,
        batching=_batching(config, rows),
        fil=fil,
    )


def _tensors(config: Message, key: str, batched: bool, file: Path) -> tuple[Declared, ...]:
    first = (-1,) if batched else ()
    found = []
    for tensor in config.messages(key):
        said = tensor.text("data_type").removeprefix("TYPE_")
        datatype = "BYTES" if said == "STRING" else said
        if datatype not in DATATYPES:
            raise BadModelError(
                file, f"the data_type of its {key} {tensor.text('name')!r} is {said or 'not set'}"
            )
        dims, reshape = tensor.numbers("dims"), tensor.message("reshape")
        if any(size < -1 for size in dims):
            raise BadModelError(file, f"the dims of its {key} {tensor.text('name')!r} are negative")
        found.append(
            Declared(
                name=check_name(tensor.text("name"), file),
                datatype=datatype,
                shape=first + dims,
                reshape=first + reshape.numbers("shape") if reshape is not None else None,
            )
        )
    return tuple(found)


def _batching(config: Message, rows: int) -> Batching:
    asked = config.message("dynamic_batching")
    if asked is None or rows < 1:
        return Batching()
    policy = asked.message("default_queue_policy") or Message()
    delay = asked.number("max_queue_delay_microseconds")
    timeout = policy.number("default_timeout_microseconds")
    return Batching(
        batch_rows=rows,
        delay_s=delay * 1e-6 if delay else None,
        queue=policy.number("max_queue_size") or None,
        timeout_s=timeout * 1e-6 if timeout else None,
    )


def _fil(config: Message) -> Fil:
    said = texts(config.messages("parameters"))
    try:
        threshold = float(said.get("threshold", "0.5"))
    except ValueError as error:
        raise PbtxtError(f"the parameter threshold is no number: {said['threshold']!r}") from error
    return Fil(
        classes=said.get("output_class", "false").lower() == "true",
        probabilities=said.get("predict_proba", "false").lower() == "true",
        threshold=threshold,
    )


def _ignored(config: Message) -> tuple[str, ...]:
    """Name each field that is set and has no meaning here, nested ones by path."""
    found = set(config) - _READ
    batching = config.message("dynamic_batching") or Message()
    found |= {f"dynamic_batching.{key}" for key in set(batching) - _BATCHING_READ}
    if "preferred_batch_size" in batching:
        found.add("dynamic_batching.preferred_batch_size")
    queue = batching.message("default_queue_policy") or Message()
    found |= {f"dynamic_batching.default_queue_policy.{key}" for key in set(queue) - _QUEUE_READ}
    for key in ("input", "output"):
        for tensor in config.messages(key):
            found |= {f"{key}.{name}" for name in set(tensor) - _TENSOR_READ}
    read = _FIL_READ if config.text("backend") == "fil" else set()
    found |= {f"parameters.{key}" for key in set(texts(config.messages("parameters"))) - read}
    return tuple(sorted(found))
