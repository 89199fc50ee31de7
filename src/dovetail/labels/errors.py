"""What can be wrong with a labelling request.

    InvalidInputError
    `- FieldError              label-field         one field of a request
       |- LabelConfigError     label-config        the labelling interface
       |- OutboundError        label-outbound      an address that may not be called
       |  `- UnknownHostError  label-unknown-host  a host that cannot be looked up now
       |- BackendError         label-backend       an ML backend that does not answer as one
       `- TasksError           label-tasks         tasks that are to be imported
    NotFoundError
    |- AbsentError             label-absent        no such project, task, annotation...
    `- NothingLeftError        label-nothing-left  no task remains for this annotator
    ConflictError
    `- DuplicateError          label-duplicate     an annotation with this unique_id exists

A field's error is written as Label Studio writes it, under `validation_errors`.
"""

from dovetail.base.errors import ConflictError, InvalidInputError, NotFoundError

__all__ = [
    "AbsentError",
    "BackendError",
    "DuplicateError",
    "FieldError",
    "LabelConfigError",
    "NothingLeftError",
    "OutboundError",
    "TasksError",
    "UnknownHostError",
]


class FieldError(InvalidInputError):
    """A field of a request cannot be used.

    Args:
        what: what is wrong with it.
        field: its name; `non_field_errors` for the whole.
        why: the likely cause.
        fix: the next step.
    """

    code = "label-field"

    def __init__(
        self, what: str, field: str = "non_field_errors", *, why: str = "", fix: str = ""
    ) -> None:
        self.field = field
        super().__init__(what, why=why, fix=fix)


class LabelConfigError(FieldError):
    """A label config cannot be used."""

    code = "label-config"

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what, "label_config", why=why, fix=fix)


class OutboundError(FieldError):
    """An address may not be called from here."""

    code = "label-outbound"

    def __init__(self, what: str) -> None:
        fix = "name its host under [labels] outbound_allow, if it is to be called"
        super().__init__(what.replace("Webhook URL", "URL"), "url", fix=fix)


class UnknownHostError(OutboundError):
    """The name server does not say where a host is; that may pass."""

    code = "label-unknown-host"


class BackendError(FieldError):
    """An ML backend cannot be used."""

    code = "label-backend"


class TasksError(FieldError):
    """Tasks cannot be imported; none of the request was."""

    code = "label-tasks"


class AbsentError(NotFoundError):
    """Something that was named does not exist.

    Args:
        kind: what it is, for example `project`.
        number: its id.
    """

    code = "label-absent"

    def __init__(self, kind: str, number: int | str) -> None:
        self.kind = kind
        super().__init__(f"there is no {kind} {number}", why="it was deleted, or never made")


class NothingLeftError(NotFoundError):
    """No task of a project remains for an annotator."""

    code = "label-nothing-left"

    def __init__(self, project: int, *, are_locked: bool) -> None:
        if are_locked:
            what = f"the tasks that remain in project {project} are with other annotators"
            super().__init__(what, fix="ask again in a few minutes")
        else:
            super().__init__(
                f"There are no tasks remaining to be annotated in project {project}",
                fix="import more tasks, or raise the annotations per task",
            )


class DuplicateError(ConflictError):
    """An annotation with this unique_id is there already."""

    code = "label-duplicate"

    def __init__(self, unique_id: str) -> None:
        super().__init__(
            f"an annotation with unique_id {unique_id!r} exists",
            why="it was sent before",
            fix="update it with PATCH, or send another unique_id",
        )
