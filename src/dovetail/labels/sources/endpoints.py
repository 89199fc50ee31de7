"""Any HTTP endpoint as a source: a template makes the request, a pointer finds the answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from dovetail.base.errors import DovetailError
from dovetail.labels.sources.seam import Question, Said, SourceError, Task, said_labels
from dovetail.labels.sources.specs import Endpoint
from dovetail.wire.http import HttpClient, WireError

__all__ = ["HttpSource", "filled", "pointed"]


class HttpSource:
    """Asks one task at a time, as such endpoints take them.

    Args:
        spec: Its description.
        client: Of the endpoint's address.
    """

    kind = "http"

    def __init__(self, spec: Endpoint, client: HttpClient) -> None:
        self.name, self._spec, self._client = spec.name, spec, client

    def answer(self, tasks: Sequence[Task], question: Question) -> list[Said | None]:
        """Answer tasks.

        Raises:
            SourceError: the endpoint does not answer, or not as described.
        """
        return said_labels([self._one(task) for task in tasks], question, self.name)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _one(self, task: Task) -> tuple[Any, Any]:
        body = filled(self._spec.template, task.data)
        try:
            answer = self._client.post("", body, Any)
        except (WireError, DovetailError) as error:
            raise SourceError(f"the source {self.name!r} did not answer", why=str(error)) from error
        label = pointed(answer, self._spec.label)
        score = pointed(answer, self._spec.score) if self._spec.score else None
        if isinstance(label, dict | list):
            raise SourceError(
                f"the source {self.name!r} answered no text at {self._spec.label!r}",
                fix="point `label` at the class itself",
            )
        if label is not None and self._spec.labels:
            label = self._spec.labels.get(str(label), label)
        return label, score


def filled(template: Any, data: Mapping[str, Any]) -> Any:
    """Return a template with `$field` replaced by the field's value.

    A text that is nothing but `$field` becomes the value itself, whatever its type.

    Example:
        >>> filled({"say": "Is $text fine?", "n": ["$n", "$$5"]}, {"text": "x", "n": 3})
        {'say': 'Is x fine?', 'n': [3, '$5']}
    """
    if isinstance(template, dict):
        return {key: filled(value, data) for key, value in template.items()}
    if isinstance(template, list):
        return [filled(value, data) for value in template]
    if not isinstance(template, str) or "$" not in template:
        return template
    whole = template[1:]
    if template.startswith("$") and whole in data:
        return data[whole]
    import string

    return string.Template(template).safe_substitute({k: str(v) for k, v in data.items()})


def pointed(value: Any, pointer: str) -> Any:
    """Return what a JSON pointer names, None where there is nothing.

    Example:
        >>> pointed({"choices": [{"a/b": 7}]}, "/choices/0/a~1b")
        7
    """
    for part in pointer.split("/")[1:] if pointer else []:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value
