"""What Label Studio's REST API says of webhooks and connected ML backends."""

from typing import Any, Literal

from msgspec import UNSET, Raw, Struct, UnsetType

__all__ = ["HookTask", "MLBackend", "MLBackendChange", "Webhook", "WebhookChange"]


class HookTask(Struct, frozen=True, kw_only=True):
    """A task in the body of a webhook."""

    id: int
    data: Raw
    meta: Raw
    created_at: str
    updated_at: str
    is_labeled: bool
    allow_skip: bool
    overlap: int
    inner_id: int | None
    total_annotations: int
    cancelled_annotations: int
    total_predictions: int
    comment_count: int
    unresolved_comment_count: int
    last_comment_updated_at: str | None
    project: int
    updated_by: int | None
    file_upload: str | None
    comment_authors: list[int] = []


class WebhookChange(Struct, frozen=True, kw_only=True):
    """What may be set of a webhook; what is not given stays as it is.

    Attributes:
        secret: what bodies are signed with; ours, Label Studio has none.
    """

    project: int | UnsetType | None = UNSET
    url: str | UnsetType = UNSET
    send_payload: bool | UnsetType = UNSET
    send_for_all_actions: bool | UnsetType = UNSET
    headers: dict[str, str] | UnsetType | None = UNSET
    is_active: bool | UnsetType = UNSET
    actions: list[str] | UnsetType | None = UNSET
    secret: str | UnsetType | None = UNSET


class Webhook(Struct, frozen=True, kw_only=True):
    """A webhook as the API shows it; never its secret."""

    id: int
    organization: int = 1
    project: int | None
    url: str
    send_payload: bool
    send_for_all_actions: bool
    headers: dict[str, str]
    is_active: bool
    actions: list[str]
    created_at: str
    updated_at: str


class MLBackendChange(Struct, frozen=True, kw_only=True):
    """What may be set of a connected ML backend; what is not given stays as it is."""

    url: str | UnsetType = UNSET
    project: int | UnsetType | None = UNSET
    title: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    is_interactive: bool | UnsetType = UNSET
    auth_method: Literal["NONE", "BASIC_AUTH"] | UnsetType | None = UNSET
    basic_auth_user: str | UnsetType | None = UNSET
    basic_auth_pass: str | UnsetType | None = UNSET
    extra_params: Any = UNSET
    timeout: float | UnsetType | None = UNSET
    auto_update: bool | UnsetType = UNSET


class MLBackend(Struct, frozen=True, kw_only=True):
    """A connected ML backend as the API shows it; never its password.

    Attributes:
        state: `CO` connected, `DI` disconnected, `ER` error, `TR` training, `PR` predicting.
        timeout: seconds.
    """

    id: int
    state: str
    readable_state: str
    is_interactive: bool
    url: str
    error_message: str | None
    title: str | None
    auth_method: str
    basic_auth_user: str | None
    basic_auth_pass_is_set: bool
    description: str | None
    extra_params: Raw
    model_version: str | None
    timeout: float
    created_at: str
    updated_at: str
    auto_update: bool
    project: int
