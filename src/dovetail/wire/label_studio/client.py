"""A small client of a Label Studio, the original or ours.

Tasks, annotations and predictions come as the objects that they are on the wire, so that what a
newer server adds is kept; what every caller needs of them is typed beside.
"""

import base64
import binascii
import json
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any

import httpx
import msgspec

from dovetail.wire.http import JSON, BadAnswer, HttpClient, NotFound, Refused
from dovetail.wire.label_studio.config import LabelConfig, parse

__all__ = ["Client", "Imported", "Project", "User"]

Raw = dict[str, Any]
PAGE = 100
_REFRESH = "/api/token/refresh"


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Who a token belongs to."""

    id: int
    email: str = ""
    first_name: str = ""
    last_name: str = ""


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A project, as far as callers need it.

    Attributes:
        id: Its number.
        title: Its name.
        label_config: The XML.
        task_number: How many tasks it has.
        finished_task_number: How many of them have enough annotations.
        total_annotations_number: How many annotations there are.
        total_predictions_number: How many predictions there are.
    """

    id: int
    title: str = ""
    label_config: str = ""
    task_number: int = 0
    finished_task_number: int = 0
    total_annotations_number: int = 0
    total_predictions_number: int = 0

    @property
    def config(self) -> LabelConfig:
        """The label config, read.

        Raises:
            ConfigError: It cannot be.
        """
        return parse(self.label_config or "<View></View>")


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an import."""

    task_count: int = 0
    annotation_count: int = 0
    prediction_count: int = 0
    task_ids: list[int] = []


class _Page(msgspec.Struct, frozen=True):
    count: int = 0
    results: list[Project] = []


class _Tasks(msgspec.Struct, frozen=True):
    total: int = 0
    tasks: list[Raw] = []


class _Token(httpx.Auth):
    """Label Studio's two kinds of credentials: a key, or a token that is exchanged for a short one.

    A personal access token is a JWT of type "refresh"; what it is exchanged for lasts minutes, and
    is fetched anew when the server no longer takes it.
    """

    requires_response_body = True

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token
        self._kind = _token_type(token)
        self._access = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._kind != "refresh":
            scheme = "Bearer" if self._kind else "Token"
            request.headers["Authorization"] = f"{scheme} {self._token}"
            yield request
            return
        fresh = not self._access
        if fresh:
            self._keep((yield self._exchange()), request)
        request.headers["Authorization"] = f"Bearer {self._access}"
        response = yield request
        if response.status_code == 401 and not fresh:
            self._keep((yield self._exchange()), request)
            request.headers["Authorization"] = f"Bearer {self._access}"
            yield request

    def _exchange(self) -> httpx.Request:
        return httpx.Request("POST", self._url + _REFRESH, json={"refresh": self._token})

    def _keep(self, response: httpx.Response, request: httpx.Request) -> None:
        url = self._url + _REFRESH
        if not response.is_success:
            raise Refused(
                "the personal access token was not taken", status=response.status_code, url=url
            )
        try:
            self._access = str(response.json()["access"])
        except (ValueError, KeyError, TypeError) as error:
            raise BadAnswer("the answer holds no access token", url=url) from error


def _token_type(token: str) -> str:
    parts = token.split(".")
    if len(parts) != 3:
        return ""
    try:
        said = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error):
        return ""
    return str(said.get("token_type", "access")) if isinstance(said, dict) else ""


class Client(HttpClient):
    """A client of Label Studio's REST API.

    Args:
        url: Where the server is.
        transport: Reaches a server in this process; None for the network.
        token: An API token of ours, a legacy token or a personal access token of Label Studio.
        basic: User and password, where there is no token.
        timeout: Seconds for connecting, and for each wait on the other side.

    Examples:
        >>> with Client("http://localhost:8080", token="...") as studio:  # doctest: +SKIP
        ...     project = studio.create_project("Comments", "<View>...</View>")
        ...     studio.import_tasks(project.id, [{"data": {"text": "Well done"}}])
        ...     for task in studio.export(project.id):
        ...         print(task["data"], len(task["annotations"]))
    """

    def __init__(
        self,
        url: str,
        *,
        transport: httpx.BaseTransport | None = None,
        token: str | None = None,
        basic: tuple[str, str] | None = None,
        timeout: float = 120.0,
    ) -> None:
        super().__init__(url, transport=transport, basic=basic, timeout=timeout)
        if token:
            self._http.auth = _Token(self.url, token)

    def whoami(self) -> User:
        """Who the token belongs to."""
        return self.get("/api/current-user/whoami", User)

    def projects(self) -> Iterator[Project]:
        """All projects that the caller sees, page by page."""
        page, seen = 1, 0
        while True:
            query = [("page", str(page)), ("page_size", str(PAGE))]
            found = self.get("/api/projects", _Page, query)
            yield from found.results
            seen += len(found.results)
            page += 1
            if not found.results or seen >= found.count:
                return

    def project(self, number: int) -> Project:
        """One project.

        Raises:
            NotFound: There is none of that number.
        """
        return self.get(f"/api/projects/{number}", Project)

    def find_project(self, name: str | int) -> Project:
        """A project by its number or, if exactly one has it, its title.

        Raises:
            NotFound: None has it, or several have.
        """
        if isinstance(name, int) or name.isdigit():
            return self.project(int(name))
        found = [one for one in self.projects() if one.title == name]
        if len(found) == 1:
            return found[0]
        numbers = ", ".join(str(one.id) for one in found)
        said = f"the projects {numbers} are" if found else "no project is"
        raise NotFound(f"{said} named {name!r}", url=self.url)

    def create_project(self, title: str, label_config: str, **options: Any) -> Project:
        """Create a project.

        Args:
            title: 3 to 50 characters.
            label_config: The XML.
            options: Whatever else Label Studio takes, such as `maximum_annotations`.

        Raises:
            BadRequest: The label config, or an option, is at fault.
        """
        body = {"title": title, "label_config": label_config, **options}
        return self.post("/api/projects", body, Project)

    def change_project(self, number: int, **options: Any) -> Project:
        """Change some options of a project."""
        return self.post(f"/api/projects/{number}", options, Project, method="PATCH")

    def delete_project(self, number: int) -> None:
        """Delete a project with everything in it."""
        self.send("DELETE", f"/api/projects/{number}")

    def import_tasks(self, project: int, tasks: Sequence[Mapping[str, Any]]) -> Imported:
        """Add tasks; annotations and predictions in them are added too.

        Args:
            project: The project's number.
            tasks: Objects with `data`, and maybe `annotations`, `predictions`, `meta`.
        """
        answer = self.send(
            "POST",
            f"/api/projects/{project}/import",
            query=[("return_task_ids", "true")],
            content=msgspec.json.encode(tasks),
            headers=JSON,
        )
        return self.decode(answer, Imported)

    def upload(self, project: int, files: Sequence[tuple[str, bytes]]) -> Imported:
        """Upload files: tables and JSON are read, pictures and the like become tasks.

        Args:
            project: The project's number.
            files: Name and content of each.
        """
        request = self._http.build_request(
            "POST",
            f"{self.url}/api/projects/{project}/import",
            params=[("return_task_ids", "true")],
            # Label Studio takes one file of each field's name.
            files=[(f"file{n}", (name, content)) for n, (name, content) in enumerate(files)],
        )
        body = request.read()
        answer = self.send(
            "POST",
            f"/api/projects/{project}/import",
            query=[("return_task_ids", "true")],
            content=body,
            headers={"Content-Type": request.headers["Content-Type"]},
        )
        return self.decode(answer, Imported)

    def tasks(self, project: int, *, page_size: int = PAGE, fields: str = "all") -> Iterator[Raw]:
        """All tasks of a project, page by page, in the order of their numbers.

        Args:
            project: The project's number.
            page_size: How many a request brings.
            fields: "all", or "task_only" for those without annotations and predictions.
        """
        page, seen = 1, 0
        while True:
            query = [
                ("project", str(project)), ("page", str(page)), ("page_size", str(page_size)),
                ("fields", fields),
            ]  # fmt: skip
            found = self.get("/api/tasks", _Tasks, query)
            yield from found.tasks
            seen += len(found.tasks)
            page += 1
            if not found.tasks or seen >= found.total:
                return

    def task(self, number: int) -> Raw:
        """One task with its annotations and predictions."""
        return self.get(f"/api/tasks/{number}", Raw)

    def next_task(self, project: int) -> Raw | None:
        """The task that the caller should label next, None where there is none."""
        try:
            return self.get(f"/api/projects/{project}/next", Raw)
        except NotFound as error:
            if not error.message.startswith("There are no tasks"):
                raise
            return None

    def annotate(
        self,
        task: int,
        result: Sequence[Mapping[str, Any]],
        *,
        lead_time: float | None = None,
        was_cancelled: bool = False,
        ground_truth: bool = False,
    ) -> Raw:
        """Save an annotation of a task and return it.

        Args:
            task: The task's number.
            result: Its regions.
            lead_time: Seconds that it took.
            was_cancelled: Whether the task is skipped.
            ground_truth: Whether it is held to be true.
        """
        body = {
            "result": result,
            "was_cancelled": was_cancelled,
            "ground_truth": ground_truth,
            **({"lead_time": lead_time} if lead_time is not None else {}),
        }
        return self.post(f"/api/tasks/{task}/annotations/", body, Raw)

    def change_annotation(self, number: int, **changes: Any) -> Raw:
        """Change an annotation: `result`, `ground_truth`, ..."""
        return self.post(f"/api/annotations/{number}/", changes, Raw, method="PATCH")

    def delete_annotation(self, number: int) -> None:
        """Delete an annotation."""
        self.send("DELETE", f"/api/annotations/{number}/")

    def predict(
        self,
        task: int,
        result: Sequence[Mapping[str, Any]],
        *,
        model_version: str,
        score: float | None = None,
    ) -> Raw:
        """Save a prediction for a task and return it."""
        body = {"task": task, "result": result, "model_version": model_version, "score": score}
        return self.post("/api/predictions/", body, Raw)

    def export_formats(self, project: int) -> list[Raw]:
        """The formats that a project can be exported in."""
        return self.get(f"/api/projects/{project}/export/formats", list[Raw])

    def export(self, project: int, *, all_tasks: bool = True) -> list[Raw]:
        """All tasks with their annotations, as Label Studio's JSON export has them.

        Args:
            project: The project's number.
            all_tasks: Whether tasks without annotations are in it.
        """
        query = [("exportType", "JSON"), ("download_all_tasks", str(all_tasks).lower())]
        return self.get(f"/api/projects/{project}/export", list[Raw], query)

    def export_as(self, project: int, format: str, *, all_tasks: bool = True) -> Iterable[bytes]:
        """A project in any format, such as "CSV" or "YOLO", in parts.

        Raises:
            WireError: The format is unknown there, or the project is.
        """
        query = [("exportType", format), ("download_all_tasks", str(all_tasks).lower())]
        response = self.stream(f"/api/projects/{project}/export", query=query)
        return _parts(response)


def _parts(response: httpx.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_bytes()
    finally:
        response.close()
