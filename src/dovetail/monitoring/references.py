"""Where the reference profiles of model versions are kept."""

import threading
from collections import OrderedDict

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.sql import Database, insert
from dovetail.monitoring import tables as t
from dovetail.monitoring.errors import ReferenceInvalidError
from dovetail.monitoring.reference import Reference

__all__ = ["References", "renamed"]


def renamed(reference: Reference, model: str, version: str) -> Reference:
    """A profile as that of a model's version, where it names none itself.

    Raises:
        ReferenceInvalidError: It is of another model or version.
    """
    for what, said, asked in (
        ("model", reference.model, model),
        ("version", reference.version, version),
    ):
        if said and asked and said != asked:
            raise ReferenceInvalidError(
                f"the profile is of the {what} '{said}', not '{asked}'",
                fix=f"make it with --{what} {asked} if it is of that one all the same",
            )
    model, version = model or reference.model, version or reference.version
    if (reference.model, reference.version) == (model, version):
        return reference
    return msgspec.structs.replace(reference, model=model, version=version).sealed()


_KEPT = 128


class References:
    """Reference profiles in a database; those used last are kept unpacked.

    Args:
        database: With the tables of `dovetail.monitoring.tables`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unpacked: OrderedDict[str, Reference] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, model: str, reference: Reference, now_ms: int) -> bool:
        """Keep a reference; returns False where the same one was there already."""
        c = t.references.c
        row = {
            "model": model,
            "version": reference.version,
            "digest": reference.digest,
            "body": reference.pack(),
            "put_ms": now_ms,
        }

        def work(connection: Connection) -> bool:
            here = (c.model == model) & (c.version == reference.version)
            before = connection.scalar(sa.select(c.digest).where(here))
            if before == reference.digest:
                return False
            statement = insert(t.references, self._database.dialect).values(row)
            connection.execute(
                statement.on_conflict_do_update(index_elements=[c.model, c.version], set_=row)
            )
            return True

        return self._database.write(work)

    def of(self, model: str) -> dict[str, Reference]:
        """The references of a model by version."""
        c = t.references.c
        names = sa.select(c.version, c.digest).where(c.model == model).order_by(c.version)
        digests = self._database.read(lambda x: [tuple(r) for r in x.execute(names)])
        return {version: self._one(model, version, digest) for version, digest in digests}

    def _one(self, model: str, version: str, digest: str) -> Reference:
        key = f"{model}\0{version}\0{digest}"
        with self._lock:
            if key in self._unpacked:
                self._unpacked.move_to_end(key)
                return self._unpacked[key]
        c = t.references.c
        query = sa.select(c.body).where(c.model == model, c.version == version)
        reference = Reference.unpack(self._database.read(lambda x: x.execute(query).scalar_one()))
        with self._lock:
            self._unpacked[key] = reference
            while len(self._unpacked) > _KEPT:  # of thousands of models few are looked at
                self._unpacked.popitem(last=False)
        return reference
