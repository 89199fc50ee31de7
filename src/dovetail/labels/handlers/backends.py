"""ML backends that users have: connected, asked for predictions, told to train.

A backend is given an API token of its own when it is connected, so that it can fetch and write. The
token is made anew at each `/setup`, which revokes the one before; only its digest is stored.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw
from sqlalchemy.engine import Row

from dovetail.base.vault import Vault
from dovetail.labels.backend import Backend
from dovetail.labels.errors import AbsentError, BackendError, FieldError
from dovetail.labels.handlers.predictions import Predictions
from dovetail.labels.handlers.projects import Projects, options_of
from dovetail.labels.handlers.webhooks import Webhooks
from dovetail.labels.store import backends as rows
from dovetail.labels.store import projects as project_rows
from dovetail.labels.store.reading import tasks_for_models
from dovetail.labels.webhooks.payloads import project_json
from dovetail.web.auth import Tokens
from dovetail.web.guarded import Guarded
from dovetail.web.outbound import Policy
from dovetail.wire.http import NotFound, WireError
from dovetail.wire.label_studio import backend as wire
from dovetail.wire.label_studio.connected import MLBackend, MLBackendChange, WebhookChange

__all__ = ["Backends"]

STATES = {"CO": "Connected", "DI": "Disconnected", "ER": "Error", "TR": "Training",
          "PR": "Predicting"}  # fmt: skip
COLUMNS = ("url", "title", "description", "is_interactive", "auth_method", "basic_auth_user",
           "timeout", "auto_update")  # fmt: skip
TIMEOUT, CHECK_TIMEOUT = 100.0, 5.0
BATCH = 100


class Backends:
    """Connected ML backends.

    Args:
        backend: the surroundings.
        projects: what they predict for.
        predictions: where their predictions go.
        webhooks: tells them what happens.
        policy: which addresses may be called.
        vault: seals their passwords.
        tokens: makes the token that they are given; None where nobody needs one.
    """

    def __init__(
        self,
        backend: Backend,
        projects: Projects,
        predictions: Predictions,
        webhooks: Webhooks,
        policy: Policy,
        vault: Vault,
        tokens: Callable[[], Tokens | None],
    ) -> None:
        self._backend, self._projects, self._predictions = backend, projects, predictions
        self._webhooks, self._policy, self._vault = webhooks, policy, vault
        self._tokens = tokens
        self.on_changed: list[Callable[[], None]] = []

    def all_of(self, project: int | None) -> list[MLBackend]:
        """Return the backends of a project, or all."""
        found = self._backend.database.read(lambda c: rows.list_some(c, project))
        return [_shown(row) for row in found]

    def get(self, number: int) -> MLBackend:
        """Return a backend.

        Raises:
            AbsentError: there is none.
        """
        return _shown(self.row(number))

    def create(self, change: MLBackendChange, hostname: str, actor: str) -> MLBackend:
        """Connect a backend, once it has shown that it is one, and tell it what happens.

        Args:
            change: what it is.
            hostname: where it finds us.
            actor: who connects it.

        Raises:
            AbsentError: there is no such project.
            BackendError: it does not answer as an ML backend does.
            OutboundError: its address may not be called.
        """
        if not isinstance(change.project, int):
            raise FieldError("This field is required", "project")
        if change.url is UNSET:
            raise FieldError("This field is required", "url")
        project, now = self._projects.row(change.project), self._backend.now()
        values = {
            "project_id": project.id, "title": "ML backend", "is_interactive": False,
            "auth_method": "NONE", "timeout": TIMEOUT, "auto_update": True, "extra_params": "null",
            "state": "CO", "created_at": now, **self._columns(change),
        }  # fmt: skip
        number = self._backend.database.write(lambda c: rows.add(c, values))
        try:
            self._set_up(self.row(number), hostname, actor)
        except Exception:
            self._backend.database.write(lambda c: rows.remove(c, number))
            self._revoke(number, actor)
            raise
        self._webhooks.create(
            WebhookChange(project=project.id, url=f"{change.url.rstrip('/')}/webhook")
        )
        self._show_first(project, values["title"])
        return self.get(number)

    def _show_first(self, project: Row[Any], title: Any) -> None:
        """Let annotators see the first backend's predictions, as Label Studio does."""
        options = options_of(project)
        if options.get("show_collab_predictions", True) and not options.get("model_version"):
            options["model_version"] = title or ""
            text = msgspec.json.encode(options).decode()
            self._backend.database.write(
                lambda c: project_rows.change(c, project.id, {"options": text})
            )

    def change(self, number: int, change: MLBackendChange, hostname: str, actor: str) -> MLBackend:
        """Change how a backend is reached, and set it up again.

        Raises:
            AbsentError: there is none.
            BackendError: it does not answer.
        """
        before = self.row(number)
        self._backend.database.write(lambda c: rows.change(c, number, self._columns(change)))
        try:
            self._set_up(self.row(number), hostname, actor)
        except Exception:
            old = dict(before._mapping)
            self._backend.database.write(lambda c: rows.change(c, number, old))
            raise
        return self.get(number)

    def remove(self, number: int, actor: str) -> None:
        """Disconnect a backend; its token is revoked, and it hears no more.

        Raises:
            AbsentError: there is none.
        """
        row = self.row(number)
        self._backend.database.write(lambda c: rows.remove(c, number))
        self._tell()
        self._revoke(number, actor)
        hook = f"{row.url.rstrip('/')}/webhook"
        for one in self._webhooks.all_of(row.project_id):
            if one.url == hook:
                self._webhooks.remove(one.id)

    def row(self, number: int) -> Row[Any]:
        """Return a backend as it is stored.

        Raises:
            AbsentError: there is none.
        """
        row = self._backend.database.read(lambda c: rows.find(c, number))
        if row is None:
            raise AbsentError("ML backend", number)
        return row

    def predict(self, number: int, tasks: Sequence[int], *, anew: bool = False) -> int:
        """Ask a backend about tasks, save what it says and return how much that was.

        Args:
            number: of the backend.
            tasks: ids.
            anew: whether also where it has said something already.

        Raises:
            BackendError: it does not answer.
        """
        row = self.row(number)
        project = self._projects.row(row.project_id)
        wanted = list(tasks)
        if not anew:
            version = row.model_version or ""
            wanted = self._backend.database.read(lambda c: rows.without_version(c, wanted, version))
        saved = 0
        for start in range(0, len(wanted), BATCH):
            saved += self._predict_some(row, project, wanted[start : start + BATCH])
        return saved

    def _predict_some(self, row: Row[Any], project: Row[Any], numbers: Sequence[int]) -> int:
        tasks = self._tasks(numbers)
        said = self._ask(
            row,
            lambda client: client.predict(
                tasks, project=_project_key(project), label_config=project.label_config
            ),
        )
        now = self._backend.now()
        found = [
            {
                "task_id": task.id,
                "result": msgspec.json.encode(one.result).decode(),
                "score": one.score,
                "model_version": one.model_version or row.model_version or row.title or "",
                "model": row.id,
                "model_run": None, "cluster": None, "neighbors": None, "mislabeling": 0.0,
                "extra": None, "created_at": now, "updated_at": now,
            }
            for task, several in zip(tasks, said, strict=True)
            for one in several
        ]  # fmt: skip
        newest = found[-1]["model_version"] if found else row.model_version
        if newest != row.model_version:  # it has learned since it was set up
            self._note(row.id, model_version=newest)
        return len(self._predictions.add(found, row.project_id))

    def annotate(self, number: int, task: int, context: Any) -> dict[str, Any]:
        """Ask a backend what a person's first strokes mean; nothing is saved.

        Returns:
            `data` with the prediction, or `errors`, as Label Studio's page reads them.

        Raises:
            AbsentError: there is no such backend, or no such task in its project.
        """
        row = self.row(number)
        project = self._projects.row(row.project_id)
        if not row.is_interactive:
            return {"errors": ["Model is not set to be used for interactive preannotations"]}
        try:
            said = self._ask_about(row, project, task, context)
        except BackendError as error:
            return {"errors": [str(error)]}
        return {"data": said[0] if said else {"result": [], "score": None}}

    def try_out(self, number: int, task: int) -> list[wire.Prediction]:
        """Return what a backend says of a task; nothing is saved.

        Raises:
            AbsentError: there is no such backend, or no such task in its project.
            BackendError: it does not answer.
        """
        row = self.row(number)
        return self._ask_about(row, self._projects.row(row.project_id), task, None)

    def _ask_about(
        self, row: Row[Any], project: Row[Any], task: int, context: Any
    ) -> list[wire.Prediction]:
        tasks = self._tasks([task])
        if not tasks or tasks[0].project != row.project_id:
            raise AbsentError("task", task)
        said: list[list[wire.Prediction]] = self._ask(
            row,
            lambda client: client.predict(
                tasks,
                project=_project_key(project),
                label_config=project.label_config,
                context=context,
            ),
        )
        return said[0]

    def train(self, number: int) -> None:
        """Tell a backend to train.

        Raises:
            AbsentError: there is none.
            BackendError: it does not answer.
        """
        row = self.row(number)
        project = self._projects.row(row.project_id)
        told = {
            "action": wire.START_TRAINING,
            "project": Raw(project_json(self._projects, project)),
        }
        self._ask(row, lambda client: client.notify(told))
        self._note(number, state="TR")

    def versions(self, number: int) -> list[str]:
        """Return the model versions that a backend has."""
        row = self.row(number)
        try:
            found: list[str] = self._ask(row, lambda client: client.versions())
            return found
        except BackendError as error:
            if isinstance(error.__cause__, NotFound):
                return [row.model_version] if row.model_version else []
            raise

    def _tasks(self, numbers: Sequence[int]) -> list[wire.Task]:
        return self._backend.database.read(lambda c: tasks_for_models(c, numbers))

    def _set_up(self, row: Row[Any], hostname: str, actor: str) -> None:
        """See whether it lives, and tell it the label config and where we are."""
        project = self._projects.row(row.project_id)

        def talk(client: wire.Client) -> str:
            client.health()
            return client.setup(
                _project_key(project),
                project.label_config,
                hostname=hostname,
                access_token=self._token(row.id, actor),
                extra_params=msgspec.json.decode(row.extra_params),
            )

        version = self._ask(row, talk, timeout=max(row.timeout, CHECK_TIMEOUT))
        self._note(row.id, state="CO", model_version=version, error_message=None)

    def _ask(
        self, row: Row[Any], talk: Callable[[wire.Client], Any], *, timeout: float | None = None
    ) -> Any:
        password = (
            self._vault.open("ml-backend", row.basic_auth_pass) if row.basic_auth_pass else ""
        )
        basic = (row.basic_auth_user or "", password) if row.auth_method == "BASIC_AUTH" else None
        transport = Guarded(self._policy)
        try:
            with wire.Client(
                row.url, transport=transport, basic=basic, timeout=timeout or row.timeout
            ) as client:
                return talk(client)
        except WireError as error:
            self._note(row.id, state="ER", error_message=str(error))
            raise BackendError(
                f"the ML backend at {row.url} does not answer as one",
                why=str(error),
                fix="look at its log, and whether this server can reach that address",
            ) from error

    def _note(self, number: int, **values: Any) -> None:
        self._backend.database.write(lambda c: rows.change(c, number, values))
        self._tell()

    def _tell(self) -> None:
        for told in self.on_changed:
            told()

    def _token(self, number: int, actor: str) -> str:
        tokens = self._tokens()
        if tokens is None:
            return ""
        self._revoke(number, actor)
        return tokens.create(_token_name(number), "editor", actor=actor)

    def _revoke(self, number: int, actor: str) -> None:
        tokens = self._tokens()
        for one in tokens.list() if tokens is not None else ():
            if one.name == _token_name(number) and one.revoked is None and tokens is not None:
                tokens.revoke(one.id, actor=actor)

    def _columns(self, change: MLBackendChange) -> dict[str, Any]:
        values: dict[str, Any] = {"updated_at": self._backend.now()}
        for name in COLUMNS:
            if getattr(change, name) is not UNSET:
                values[name] = getattr(change, name)
        if values.get("auth_method", "") is None:
            values["auth_method"] = "NONE"
        if values.get("timeout", 1) is None:
            values["timeout"] = TIMEOUT
        if change.extra_params is not UNSET:
            values["extra_params"] = msgspec.json.encode(change.extra_params).decode()
        if isinstance(change.basic_auth_pass, str) and change.basic_auth_pass:
            values["basic_auth_pass"] = self._vault.seal("ml-backend", change.basic_auth_pass)
        if values.get("auth_method") == "BASIC_AUTH" and "basic_auth_user" not in values:
            raise FieldError("basic authentication needs a user and a password", "basic_auth_user")
        return values


def _token_name(number: int) -> str:
    return f"ml-backend-{number}"


def _project_key(project: Row[Any]) -> str:
    from datetime import datetime

    made = datetime.fromisoformat(project.created_at)
    return f"{project.id}.{int(made.timestamp())}"


def _shown(row: Row[Any]) -> MLBackend:
    return MLBackend(
        id=row.id,
        state=row.state,
        readable_state=STATES.get(row.state, row.state),
        is_interactive=row.is_interactive,
        url=row.url,
        error_message=row.error_message,
        title=row.title,
        auth_method=row.auth_method,
        basic_auth_user=row.basic_auth_user,
        basic_auth_pass_is_set=bool(row.basic_auth_pass),
        description=row.description,
        extra_params=Raw(row.extra_params),
        model_version=row.model_version,
        timeout=row.timeout,
        created_at=row.created_at,
        updated_at=row.updated_at,
        auto_update=row.auto_update,
        project=row.project_id,
    )
