"""What annotators may call, route by route; everything else of a project is closed to them."""

from dataclasses import dataclass

__all__ = ["HANDS_OUT", "LISTS", "OWN_PATHS", "READ_BY_POST", "RULES", "Rule"]


@dataclass(frozen=True)
class Rule:
    """How an annotator may call a route.

    Attributes:
        shown: What is shown of the answer: a task, an annotation...; `` for all of it.
        place: `none` where the route belongs to no project, `self` where it looks itself at who
            calls.
        is_own: Whether the annotation or the draft has to be theirs.
        is_answer: Whether it answers a task, which takes their qualification.
        has_answer: Whether the body is an answer, which may not be said to be gold or another's.
    """

    shown: str = ""
    place: str = "project"
    is_own: bool = False
    is_answer: bool = False
    has_answer: bool = False


_PROJECT, _TASK = "/api/projects/{project:int}", "/api/tasks/{task:int}"
_ANNOTATION, _DRAFT = "/api/annotations/{annotation:int}", "/api/drafts/{draft:int}"
_DESK = "/labels/projects/{project:int}"
_CHANGE = Rule("annotation", is_own=True, has_answer=True)

RULES: dict[tuple[str, str], Rule] = {
    ("GET", "/api/version"): Rule(place="none"),
    ("GET", "/api/current-user/whoami"): Rule(place="none"),
    ("GET", "/api/current-user"): Rule(place="none"),
    ("GET", "/api/projects"): Rule("projects", place="none"),
    ("GET", _PROJECT): Rule("project"),
    ("GET", f"{_PROJECT}/next"): Rule("task"),
    ("GET", "/data/upload/{project:int}/{name}"): Rule(),
    ("GET", _TASK): Rule("task"),
    ("GET", f"{_TASK}/annotations"): Rule("annotations"),
    ("POST", f"{_TASK}/annotations"): Rule("annotation", is_answer=True, has_answer=True),
    ("GET", f"{_TASK}/drafts"): Rule(),
    ("POST", f"{_TASK}/drafts"): Rule(),
    ("GET", f"{_TASK}/annotations/{{annotation:int}}/drafts"): Rule(is_own=True),
    ("POST", f"{_TASK}/annotations/{{annotation:int}}/drafts"): Rule(is_own=True),
    ("GET", _ANNOTATION): Rule("annotation", is_own=True),
    ("PATCH", _ANNOTATION): _CHANGE,
    ("PUT", _ANNOTATION): _CHANGE,
    ("DELETE", _ANNOTATION): Rule(is_own=True),
    ("GET", "/api/labels/projects/{project:int}/queue"): Rule("queue"),
    ("GET", f"{_DESK}/label"): Rule(),
    ("GET", f"{_DESK}/label.json"): Rule(),
    ("GET", "/labels"): Rule(place="self"),
    ("GET", "/labels.json"): Rule(place="self"),
    ("POST", f"{_DESK}/review"): Rule(place="self"),
    ("POST", f"{_DESK}/people"): Rule(place="self"),
    ("GET", _DRAFT): Rule(is_own=True),
    ("PATCH", _DRAFT): Rule(is_own=True),
    ("DELETE", _DRAFT): Rule(is_own=True),
}

_ONE = "/api/labels/projects/{project:int}"
_SELF = {
    f"{_ONE}/{name}": methods
    for name, methods in {
        "members": "GET POST",
        "members/{user:int}": "DELETE",
        "members/{user:int}/requalify": "POST",
        "people": "GET PUT",
        "instructions": "GET",
        "qualification": "GET PUT",
        "gold": "GET POST",
        "gold/{task:int}": "DELETE",
        "reviews": "GET POST",
        "disagreements": "GET POST",
        "agreement": "GET",
        "annotators": "GET",
        "payments": "GET",
    }.items()
} | {"/api/comments": "GET POST", "/api/comments/{comment:int}": "GET PATCH DELETE"}
RULES |= {
    (method, path): Rule(place="self")
    for path, methods in _SELF.items()
    for method in methods.split()
}

READ_BY_POST = (
    "/api/projects/validate", "/api/projects/{project:int}/validate", "/api/labels/config/preview",
    "/api/labels/files/peek",
)  # fmt: skip

HANDS_OUT = (
    f"{_PROJECT}/next", "/api/labels/projects/{project:int}/queue", f"{_DESK}/label",
    f"{_DESK}/label.json",
)  # fmt: skip
"""Routes that hand out items, which are then kept for who asked: who only looks takes none."""

LISTS = ("/api/tasks", "/api/predictions", "/api/dm/views", "/api/dm/columns")
"""Routes that list what is in the project which their query names."""

OWN_PATHS = (
    r"/api/(projects|tasks|annotations|predictions|drafts|comments)(/.*)?",
    r"/api/labels/projects/.*",
    r"/labels/projects/.*",
)
"""Paths whose changes need no editor's token, because the guard decides who may."""
