"""A trained labeller as one file: a zip of numpy arrays and one JSON document, never code.

What is read back is checked as far as it is used: a file from elsewhere can be wrong, not
dangerous.
"""

import io
import zipfile
from dataclasses import asdict
from typing import Any

import msgspec
import numpy as np

from dovetail.base.errors import IntegrityError
from dovetail.labels.learning.advice import Advice
from dovetail.labels.learning.columns import Categories, Column, Numbers, Vectors
from dovetail.labels.learning.encoding import Duel, Encoder
from dovetail.labels.learning.labeller import Labeller, Skill
from dovetail.labels.learning.learner import Learned
from dovetail.labels.learning.quality import Quality
from dovetail.labels.learning.questions import Question
from dovetail.labels.learning.texts import WIDTH

__all__ = ["load", "save"]

_FORMAT = "dovetail-labeller-1"
_PAIRED = "dovetail-labeller-2"
"""With fields that are compared, which those who read the first format only would not see."""
_KINDS: dict[str, type[Numbers] | type[Categories] | type[Vectors]] = {
    "numbers": Numbers,
    "categories": Categories,
    "vectors": Vectors,
}
_ARRAYS = ("weights", "used", "live", "base")


def save(labeller: Labeller) -> bytes:
    """Write a labeller."""
    encoder, arrays = _kept(labeller.encoder, "")
    skills = []
    for place, skill in enumerate(labeller.skills):
        facts = {key: value for key, value in vars(skill.learned).items() if key not in _ARRAYS}
        arrays |= {f"skill-{place}-{key}": getattr(skill.learned, key) for key in _ARRAYS}
        quality = None if skill.quality is None else asdict(skill.quality)
        parts = {"question": asdict(skill.question), "advice": asdict(skill.advice)}
        skills.append({**parts, "quality": quality, "learned": facts})
    facts = {
        "format": _PAIRED if labeller.encoder.duels else _FORMAT,
        "config": labeller.config,
        "answers": labeller.answers,
        "notes": labeller.notes,
        **encoder,
        "skills": skills,
    }
    arrays["facts"] = np.frombuffer(msgspec.json.encode(facts), np.uint8)
    body = io.BytesIO()
    np.savez_compressed(body, **arrays)
    return body.getvalue()


def load(body: bytes) -> Labeller:
    """Read a labeller.

    Raises:
        IntegrityError: The bytes are not what `save` wrote.
    """
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        facts = msgspec.json.decode(arrays["facts"].tobytes())
        if facts["format"] not in (_FORMAT, _PAIRED):
            raise IntegrityError(f"the labeller is of the format {facts['format']!r}")
        skills = tuple(_skill(one, arrays, place) for place, one in enumerate(facts["skills"]))
        return Labeller(
            facts["config"], _encoder(facts, arrays), skills, facts["answers"],
            tuple(facts["notes"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise IntegrityError(
            "the file is no labeller", why=str(error) or type(error).__name__, fix="train it anew"
        ) from error


def _name(column: Column) -> str:
    return next(name for name, kind in _KINDS.items() if isinstance(column, kind))


def _kept(encoder: Encoder, head: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What to keep of an encoder: JSON values, and arrays whose names begin with `head`."""
    arrays: dict[str, Any] = {}
    columns, duels = {}, []
    for place, (name, column) in enumerate(encoder.columns.items()):
        facts, blocks = column.state()
        columns[name] = {"kind": _name(column), "facts": facts}
        arrays |= {f"{head}column-{place}-{key}": block for key, block in blocks.items()}
    if encoder.texts:  # most hashed columns are in no text
        used = np.flatnonzero(encoder.kept)
        arrays |= {f"{head}text-used": used, f"{head}text-rarity": encoder.rarity[used]}
    for place, duel in enumerate(encoder.duels):
        facts, blocks = _kept(duel.encoder, f"{head}duel-{place}-")
        duels.append({"left": duel.left, "right": duel.right, "side": facts})
        arrays |= blocks
    kept = {"texts": encoder.texts, "scale": encoder.scale, "columns": columns}
    return {**kept, "duels": duels} if duels else kept, arrays


def _encoder(facts: dict[str, Any], arrays: dict[str, Any], head: str = "") -> Encoder:
    columns: dict[str, Column] = {}
    for place, (name, one) in enumerate(facts["columns"].items()):
        first = f"{head}column-{place}-"
        blocks = {key[len(first) :]: x for key, x in arrays.items() if key.startswith(first)}
        given = {**one["facts"], **blocks}
        if "levels" in given:
            given["levels"] = tuple(given["levels"])
        columns[name] = _KINDS[one["kind"]](**given)
    rarity, kept = np.zeros(0, np.float32), np.zeros(0, bool)
    if facts["texts"]:
        rarity, kept = np.zeros(WIDTH, np.float32), np.zeros(WIDTH, bool)
        rarity[arrays[f"{head}text-used"]] = arrays[f"{head}text-rarity"]
        kept[arrays[f"{head}text-used"]] = True
    duels = tuple(
        Duel(one["left"], one["right"], _encoder(one["side"], arrays, f"{head}duel-{place}-"))
        for place, one in enumerate(facts.get("duels", ()))
    )
    return Encoder(columns, tuple(facts["texts"]), rarity, kept, facts["scale"], duels)


def _skill(facts: dict[str, Any], arrays: dict[str, Any], place: int) -> Skill:
    blocks = {key: arrays[f"skill-{place}-{key}"] for key in _ARRAYS}
    learned = Learned(**facts["learned"], **blocks)
    quality = facts["quality"]
    return Skill(
        msgspec.convert(facts["question"], Question),
        learned,
        None if quality is None else msgspec.convert(quality, Quality),
        msgspec.convert(facts["advice"], Advice),
    )
