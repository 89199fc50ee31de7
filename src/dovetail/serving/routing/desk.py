"""How rules of routing change: put, taken back, followed, and what was in force before.

Every change is an entry of the model's history, which holds the whole rule and the aliases. So one
step back is always the entry that was in force before, with the versions that it named.
"""

import re
from collections.abc import Mapping

import msgspec

from dovetail.base.errors import ConflictError, InvalidInputError, NotFoundError
from dovetail.base.telemetry import logger
from dovetail.serving.repository import Repository
from dovetail.serving.routing.document import (
    Fixed,
    Routing,
    Split,
    State,
    names_in,
)
from dovetail.serving.sources import parse_uri
from dovetail.serving.store import Store
from dovetail.serving.traffic import check_weights

__all__ = ["Desk"]

log = logger("serving")
_ALIAS = re.compile(r"[A-Za-z_][\w.-]{0,99}")
_TRIES = 3
_MOST = 1000


class Desk:
    """Changes the rules of a repository's models.

    Args:
        repository: the models.
        store: where the history is.
    """

    def __init__(self, repository: Repository, store: Store) -> None:
        self._repository, self._store = repository, store

    def routing(self, model: str) -> State:
        """Return the rule and the aliases in force.

        Raises:
            UnknownModelError: there is no such model.
        """
        return self._repository.state(model)

    def put(self, model: str, routing: Routing, actor: str = "") -> State:
        """Put a rule in force; versions that it has URIs for are loaded first.

        Raises:
            UnknownModelError: it names a version that is not loaded.
            InvalidInputError: it makes no sense.
        """
        for version in dict.fromkeys(names_in(routing)):
            uri = routing.uris.get(version)
            if uri and version not in self._repository.versions(model):
                self._repository.load(model, _at(uri, version), version=version)
        with self._repository.changing():
            return self._change(model, routing, actor=actor, cause="put")

    def put_weights(self, model: str, weights: Mapping[str, float], actor: str = "") -> State:
        """Divide unversioned requests by weights; overrides and shadow stay.

        Raises:
            UnknownModelError: the model or a version is not loaded.
            InvalidInputError: a weight is not one, or nothing would be left to answer.
        """
        with self._repository.changing():
            old = self._repository.state(model)
            known = {*self._repository.versions(model), *old.aliases}
            checked = check_weights(model, weights, known)
            rule = Split(weights=checked)
            if len(checked) > 1 and isinstance(old.routing.rule, Split):
                rule = msgspec.structs.replace(rule, sticky_by=old.routing.rule.sticky_by)
            only = Fixed(version=next(iter(checked))) if len(checked) == 1 else rule
            routing = msgspec.structs.replace(old.routing, rule=only)
            return self._change(model, routing, actor=actor, cause="traffic")

    def delete(self, model: str, actor: str = "") -> State:
        """End whatever rule a model has: the version with the largest share answers everything.

        Raises:
            UnknownModelError: there is no such model.
        """
        with self._repository.changing():
            weights = self._repository.weights(model)
            main = max(weights, key=lambda version: weights[version])
            return self._change(model, Routing(rule=Fixed(version=main)), actor, "delete")

    def rollback(self, model: str, actor: str = "") -> State:
        """Go back to the rule and the versions in force before; a second time, further back.

        Raises:
            UnknownModelError: there is no such model.
            ConflictError: nothing was in force before.
            DovetailError: a version that answered then cannot be loaded again.
        """
        before = self._repository.state(model).before
        target = self._store.state(model, before) if before is not None else None
        if target is None:
            raise ConflictError(
                f"nothing was in force before for model {model!r}",
                fix=f"GET /v2/models/{model}/routing/history lists what was",
            )
        named = {target.aliases.get(n, n) for n in names_in(target.routing)}
        wanted = {*named, *target.aliases.values()}
        # An alias that is just being followed may unload a version between load and lock.
        for _ in range(_TRIES):
            for version in sorted(wanted - {*self._repository.versions(model)}):
                self._repository.load(model, version=version)
            with self._repository.changing():
                if wanted <= {*self._repository.versions(model)}:
                    return self._repository.put_state(
                        msgspec.structs.replace(target, actor=actor, cause="rollback")
                    )
        raise ConflictError(
            f"versions of model {model!r} come and go while it is rolled back",
            fix="try again, or stop following the alias first",
        )

    def history(self, model: str, most: int = 100) -> list[State]:
        """Return what was in force, newest first.

        Raises:
            UnknownModelError: nothing is known of the model.
        """
        found = self._store.history(model, min(most, _MOST))
        if not found:
            self._repository.state(model)
        return found

    def put_alias(self, model: str, alias: str, version: str, actor: str = "") -> State:
        """Let an alias stand for a version, wherever a version may be named.

        Raises:
            UnknownModelError: the version is not loaded.
            InvalidInputError: the alias is not a name that an alias can have.
        """
        with self._repository.changing():
            state = self._repository.state(model)
            if not _ALIAS.fullmatch(alias) or alias in self._repository.versions(model):
                raise InvalidInputError(
                    f"{alias!r} cannot be an alias",
                    why="it begins with a letter and is no version's name",
                )
            if state.aliases.get(alias) == version:
                return state
            aliases = {**state.aliases, alias: version}
            return self._change(model, state.routing, actor, "alias", aliases)

    def delete_alias(self, model: str, alias: str, actor: str = "") -> State:
        """Forget an alias.

        Raises:
            NotFoundError: there is no such alias.
            ConflictError: the rule in force names it.
        """
        with self._repository.changing():
            state = self._repository.state(model)
            if alias not in state.aliases:
                raise NotFoundError(f"model {model!r} has no alias {alias!r}")
            if alias in names_in(state.routing):
                raise ConflictError(
                    f"the rule of model {model!r} names the alias {alias!r}",
                    fix=f"PUT another rule to /v2/models/{model}/routing first",
                )
            aliases = {a: v for a, v in state.aliases.items() if a != alias}
            return self._change(model, state.routing, actor, "alias", aliases)

    def follow(self, uri: str, model: str, version: str) -> bool:
        """Serve the version that a registry's alias names now, if it moved.

        All traffic goes to it, unless the rule in force names the alias itself. The version that
        the alias brought before is let go, unless someone asked for it or the rule names it.

        Args:
            uri: the followed URI.
            model: the model's name here.
            version: what the alias names now.

        Returns:
            Whether something changed.
        """
        repository, before = self._repository, self._store.followed(uri)
        if before == version and version in repository.versions(model):
            return False
        named = parse_uri(uri)
        if named is None or not named.alias:
            raise InvalidInputError(f"{uri!r} names no alias to follow")
        repository.load(model, named.at(version), pinned=False)
        if before != version:
            with repository.changing():
                old = self._move(model, named.alias, version)
            self._store.put_followed(uri, version)
            for gone in {before, old} - {version, ""}:
                if self._is_idle(model, gone):
                    repository.unload(model, gone)
        log.info("alias followed", uri=uri, version=version, before=before or None)
        return True

    def _move(self, model: str, alias: str, version: str) -> str:
        """Move an alias, and traffic with it; return the version that it stood for."""
        state = self._repository.state(model)
        old = state.aliases.get(alias, "")
        usable = _ALIAS.fullmatch(alias) and alias not in self._repository.versions(model)
        aliases = {**state.aliases, alias: version} if usable else state.aliases
        routing = state.routing
        if alias not in names_in(routing) or not usable:
            routing = Routing(rule=Fixed(version=alias if usable else version))
        fresh = state.cause == "load" and state.routing.rule == Fixed(version=version)
        before = state.before if fresh else state.id
        moved = State(model=model, routing=routing, aliases=aliases, cause="follow", before=before)
        self._repository.put_state(moved)
        return old

    def _is_idle(self, model: str, version: str) -> bool:
        """Whether a version is there only because an alias brought it once."""
        state = self._repository.state(model)
        named = {*names_in(state.routing), *state.aliases.values()}
        return version not in named and self._repository.may_go(model, version)

    def _change(
        self,
        model: str,
        routing: Routing,
        actor: str,
        cause: str,
        aliases: dict[str, str] | None = None,
    ) -> State:
        old = self._repository.state(model)
        state = State(
            model=model,
            routing=routing,
            aliases=old.aliases if aliases is None else aliases,
            actor=actor,
            cause=cause,
            before=old.id,
        )
        kept = self._repository.put_state(state)
        log.info("routing changed", model=model, cause=cause, actor=actor or None)
        return kept


def _at(uri: str, version: str) -> str:
    """Return a URI, checked that it is one of this version where it names one.

    Raises:
        InvalidInputError: it names another version.
    """
    named = parse_uri(uri)
    if named is not None and named.version not in ("", version):
        raise InvalidInputError(
            f"the URI of version {version!r} names version {named.version!r}",
            fix="name the version as the registry does",
        )
    return uri
