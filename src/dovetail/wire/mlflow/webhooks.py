"""Webhooks of the registry: the messages that manage them, and the events that they are sent.

From ``webhooks.proto``, ``mlflow/entities/webhook.py`` and ``mlflow/webhooks/types.py`` of MLflow
3. In requests an event's two parts are in capitals, in what a receiver gets they are in small
letters. ``EVENTS`` holds every pair that MLflow knows, with the body that a test of it sends.
"""

from typing import Literal

import msgspec

from dovetail.wire.mlflow.entities import Message

WebhookEntity = Literal[
    "REGISTERED_MODEL",
    "MODEL_VERSION",
    "MODEL_VERSION_TAG",
    "MODEL_VERSION_ALIAS",
    "PROMPT",
    "PROMPT_VERSION",
    "PROMPT_TAG",
    "PROMPT_VERSION_TAG",
    "PROMPT_ALIAS",
    "BUDGET_POLICY",
]
WebhookAction = Literal["CREATED", "UPDATED", "DELETED", "SET", "EXCEEDED"]
WebhookStatus = Literal["ACTIVE", "DISABLED"]


class WebhookEvent(Message, frozen=True):
    """What happens to what."""

    entity: WebhookEntity
    action: WebhookAction

    @property
    def name(self) -> str:
        """The event as people write it.

        Examples:
            >>> WebhookEvent("MODEL_VERSION_ALIAS", "CREATED").name
            'model_version_alias.created'
        """
        return f"{self.entity}.{self.action}".lower()


class Webhook(Message, frozen=True, kw_only=True):
    """Where events of the registry are sent; its secret is never told. Times in milliseconds."""

    webhook_id: str
    name: str
    description: str | None = None
    url: str
    events: tuple[WebhookEvent, ...] = ()
    status: WebhookStatus | None = None
    creation_timestamp: int | None = None
    last_updated_timestamp: int | None = None


class WebhookTestResult(Message, frozen=True, kw_only=True):
    """What a receiver answered to a test."""

    success: bool | None = None
    response_status: int | None = None
    response_body: str | None = None
    error_message: str | None = None


class CreateWebhook(Message, frozen=True, kw_only=True):
    """Have events sent to a URL; with a secret they are signed."""

    name: str
    description: str | None = None
    url: str
    events: tuple[WebhookEvent, ...]
    secret: str | None = None
    status: WebhookStatus | None = None


class ListWebhooks(Message, frozen=True, kw_only=True):
    """List webhooks, newest first."""

    max_results: int = 100
    page_token: str | None = None


class GetWebhook(Message, frozen=True):
    """Get or delete a webhook."""

    webhook_id: str


class UpdateWebhook(Message, frozen=True, kw_only=True):
    """Change what is given of a webhook."""

    webhook_id: str
    name: str | None = None
    description: str | None = None
    url: str | None = None
    events: tuple[WebhookEvent, ...] = ()
    secret: str | None = None
    status: WebhookStatus | None = None


class TestWebhook(Message, frozen=True, kw_only=True):
    """Send an example of an event, of the webhook's first one if none is named."""

    __test__ = False  # pytest takes the name for a class of tests

    webhook_id: str
    event: WebhookEvent | None = None


class WebhookResponse(Message, frozen=True):
    """One webhook."""

    webhook: Webhook


class WebhooksResponse(Message, frozen=True, kw_only=True):
    """One page of webhooks."""

    webhooks: tuple[Webhook, ...] = ()
    next_page_token: str | None = None


class TestWebhookResponse(Message, frozen=True):
    """What became of a test."""

    __test__ = False

    result: WebhookTestResult


class Happening(msgspec.Struct, frozen=True):
    """The base of what an event says; every field is written, also one that is null."""


class ModelCreated(Happening, frozen=True):
    """A registered model or a prompt was created."""

    name: str
    tags: dict[str, str]
    description: str | None


class VersionCreated(Happening, frozen=True):
    """A version of a model was created."""

    name: str
    version: str
    source: str
    run_id: str | None
    tags: dict[str, str]
    description: str | None


class PromptVersionCreated(Happening, frozen=True):
    """A version of a prompt was created."""

    name: str
    version: str
    template: str | None
    tags: dict[str, str]
    description: str | None


class VersionTagSet(Happening, frozen=True):
    """A tag of a version was set."""

    name: str
    version: str
    key: str
    value: str


class VersionTagDeleted(Happening, frozen=True):
    """A tag of a version was deleted."""

    name: str
    version: str
    key: str


class TagSet(Happening, frozen=True):
    """A tag of a prompt was set."""

    name: str
    key: str
    value: str


class TagDeleted(Happening, frozen=True):
    """A tag of a prompt was deleted."""

    name: str
    key: str


class AliasCreated(Happening, frozen=True):
    """An alias was pointed at a version."""

    name: str
    alias: str
    version: str


class AliasDeleted(Happening, frozen=True):
    """An alias was deleted."""

    name: str
    alias: str


class BudgetExceeded(Happening, frozen=True):
    """A budget of MLflow's gateway was exceeded."""

    budget_policy_id: str
    budget_unit: str
    budget_amount: float
    current_spend: float
    duration_unit: str
    duration_value: int
    target_scope: str
    workspace: str
    target_value: str | None
    window_start: int


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a delivery.

    Attributes:
        entity: in small letters.
        action: in small letters.
        timestamp: when it happened, ISO 8601.
        data: what happened.
        actor: who did it, if that is known; MLflow does not say.
    """

    entity: str
    action: str
    timestamp: str
    data: Happening
    actor: str | None


_TAG = ("example_key", "example_value")
_TAGS = {"example_key": "example_value"}
_MODEL, _PROMPT = "example_model", "example_prompt"

EVENTS: dict[WebhookEvent, Happening] = {
    WebhookEvent("REGISTERED_MODEL", "CREATED"): ModelCreated(
        _MODEL, _TAGS, "An example registered model"
    ),
    WebhookEvent("MODEL_VERSION", "CREATED"): VersionCreated(
        _MODEL, "1", "models:/123", "abcd1234abcd5678", _TAGS, "An example model version"
    ),
    WebhookEvent("MODEL_VERSION_TAG", "SET"): VersionTagSet(_MODEL, "1", *_TAG),
    WebhookEvent("MODEL_VERSION_TAG", "DELETED"): VersionTagDeleted(_MODEL, "1", "example_key"),
    WebhookEvent("MODEL_VERSION_ALIAS", "CREATED"): AliasCreated(_MODEL, "example_alias", "1"),
    WebhookEvent("MODEL_VERSION_ALIAS", "DELETED"): AliasDeleted(_MODEL, "example_alias"),
    WebhookEvent("PROMPT", "CREATED"): ModelCreated(_PROMPT, _TAGS, "An example prompt"),
    WebhookEvent("PROMPT_VERSION", "CREATED"): PromptVersionCreated(
        _PROMPT, "1", "Hello {{name}}!", _TAGS, "An example prompt version"
    ),
    WebhookEvent("PROMPT_TAG", "SET"): TagSet(_PROMPT, *_TAG),
    WebhookEvent("PROMPT_TAG", "DELETED"): TagDeleted(_PROMPT, "example_key"),
    WebhookEvent("PROMPT_VERSION_TAG", "SET"): VersionTagSet(_PROMPT, "1", *_TAG),
    WebhookEvent("PROMPT_VERSION_TAG", "DELETED"): VersionTagDeleted(_PROMPT, "1", "example_key"),
    WebhookEvent("PROMPT_ALIAS", "CREATED"): AliasCreated(_PROMPT, "example_alias", "1"),
    WebhookEvent("PROMPT_ALIAS", "DELETED"): AliasDeleted(_PROMPT, "example_alias"),
    WebhookEvent("BUDGET_POLICY", "EXCEEDED"): BudgetExceeded(
        "bp-abc123",
        "USD",
        100.0,
        105.5,
        "MONTHS",
        1,
        "ENDPOINT",
        "default",
        "ep-abc123",
        1704067200000,
    ),
}
