"""What an annotator does with label-studio-sdk, in its own interpreter: prints what came of it."""

import json
import sys

from label_studio_sdk.client import LabelStudio
from label_studio_sdk.core.api_error import ApiError

RESULT = [
    {"from_name": "mood", "to_name": "text", "type": "choices", "value": {"choices": ["good"]}}
]


def refused(call):
    """The status with which a call is refused."""
    try:
        call()
    except ApiError as error:
        return error.status_code
    return "done"


def main(url, token, project, task):
    ls = LabelStudio(base_url=url, api_key=token)
    seen = ls.tasks.get(id=task)
    made = ls.annotations.create(id=task, result=RESULT, lead_time=2.0)
    comment = ls.comments.create(annotation=made.id, text="is it?")
    return {
        "who": ls.users.whoami().username,
        "projects": [one.id for one in ls.projects.list()],
        "title": ls.projects.get(id=project).title,
        "data": seen.data,
        "others": len(seen.annotations),
        "result": made.result,
        "comments": [one.text for one in ls.comments.list(annotation=made.id)],
        "resolved": ls.comments.update(id=comment.id, is_resolved=True).is_resolved,
        "changed": ls.annotations.update(id=made.id, result=RESULT * 2).result == RESULT * 2,
        "list": refused(lambda: list(ls.tasks.list(project=project))),
        "gold": refused(lambda: ls.annotations.create(id=task, result=[], ground_truth=True)),
        "rename": refused(lambda: ls.projects.update(id=project, title="mine now")),
        "delete": refused(lambda: ls.tasks.delete(id=task)),
    }


if __name__ == "__main__":
    address, secret, *numbers = sys.argv[1:]
    print(json.dumps(main(address, secret, *map(int, numbers))))
