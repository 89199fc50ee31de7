"""How a source is described: what a user writes, and what is stored of it.

No secret is in it: a token is named, and lies in an environment variable of the server whose name
begins with DOVETAIL_SOURCE_.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

__all__ = [
    "Endpoint",
    "Functions",
    "Inference",
    "MlBackend",
    "People",
    "Remote",
    "Spec",
    "decode",
    "encode",
]

Name = Annotated[str, Meta(min_length=1, max_length=80, pattern=r"^[\w.:@ -]+$")]
Cost = Annotated[float, Meta(ge=0, le=1e9)]
Url = Annotated[str, Meta(min_length=8, max_length=2000, pattern="^https?://")]
Secret = Annotated[str, Meta(pattern=r"^[A-Z0-9_]*$", max_length=60)]


class _Source(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What all have.

    Attributes:
        name: What its answers are stored under.
        cost: Of one answer, in the currency of the budget.
        seconds: Until one comes, as long as none was measured.
    """

    name: Name
    cost: Cost = 0.0
    seconds: Cost = 1.0

    @property
    def kind_of(self) -> str:
        """What it is, in a word."""
        return str(self.__struct_config__.tag)


class People(_Source, frozen=True, kw_only=True, tag="people"):
    """The people of the project, who are handed tasks."""

    name: Name = "people"
    cost: Cost = 1.0
    seconds: Cost = 60.0


class _Machine(_Source, frozen=True, kw_only=True):
    """What all machines have.

    Attributes:
        paused: Whether it is not asked for now; its answers count on.
    """

    paused: bool = False


class Functions(_Machine, frozen=True, kw_only=True, tag="function"):
    """A labelling function of the operator's file, by its name."""


class Remote(_Machine, frozen=True, kw_only=True):
    """What all machines have that are asked over the network.

    Attributes:
        concurrency: Calls that it takes at the same time.
    """

    concurrency: Annotated[int, Meta(ge=1, le=32)] = 1


class Inference(Remote, frozen=True, kw_only=True, tag="open_inference"):
    """A model behind an Open Inference server.

    Attributes:
        url: Of the server.
        model: Its name there.
        version: Of the model; the server chooses where it is empty.
        inputs: For each input tensor the field of the data, or a list of fields as columns.
        output: The tensor with the answer; the first one where it is empty.
        labels: The class of each column or code, or for each of the model's words our class.
        secret: Of the bearer token; see the module.
    """

    url: Url
    model: Annotated[str, Meta(min_length=1)]
    version: str = ""
    inputs: dict[str, str | list[str]]
    output: str = ""
    labels: list[str] | dict[str, str] = []
    secret: Secret = ""


class MlBackend(Remote, frozen=True, kw_only=True, tag="ml_backend"):
    """A Label Studio ML backend.

    Attributes:
        url: Of the backend.
    """

    url: Url


class Endpoint(Remote, frozen=True, kw_only=True, tag="http"):
    """Anything that answers POSTs of JSON.

    Attributes:
        url: Where to.
        template: The body; a text `$field` in it is replaced by the field's value, `$$` is `$`.
        label: JSON pointer (RFC 6901) to the answer.
        score: JSON pointer to how sure it is; none where empty.
        labels: For each of its words our class; its words are our classes where empty.
        secret: Of the bearer token; see the module.
    """

    url: Url
    template: Any
    label: str
    score: str = ""
    labels: dict[str, str] = {}
    secret: Secret = ""


Spec = People | Functions | Inference | MlBackend | Endpoint


def encode(spec: Spec) -> str:
    """Write a description as JSON."""
    return msgspec.json.encode(spec).decode()


def decode(text: str | bytes) -> Spec:
    """Read one.

    Raises:
        msgspec.ValidationError: it is none.
    """
    found: Spec = msgspec.json.decode(text, type=Spec)
    return found
