from datetime import UTC, datetime

import pytest

from dovetail.wire import governance, http


@pytest.fixture
def client(script):
    with governance.Client(script.url) as opened:
        yield opened


def test_evidence_and_approvals_are_recorded(client, script):
    client.put_evidence(
        governance.Evidence(
            model="m", version="2", kind="evaluation", verdict="pass", facts={"auc": 0.7}
        )
    )
    script.say(b"", 204)
    client.approve(governance.Approval(model="m", version="2", alias="champion", reason="better"))
    assert [(call.path, call.json) for call in script.calls] == [
        (
            "/governance/evidence",
            {
                "model": "m",
                "version": "2",
                "kind": "evaluation",
                "verdict": "pass",
                "facts": {"auc": 0.7},
            },
        ),
        (
            "/governance/approvals",
            {"model": "m", "version": "2", "alias": "champion", "reason": "better"},
        ),
    ]


def test_an_approval_of_ones_own_work_is_refused(client, script):
    script.say({"title": "Forbidden", "detail": "four eyes", "code": "forbidden"}, 403)
    with pytest.raises(http.Refused, match="four eyes"):
        client.approve(governance.Approval(model="m", version="2", alias="champion"))


def test_the_log_is_read_and_checked(client, script):
    entry = {
        "number": 1,
        "at": "2013-05-03T00:00:00Z",
        "actor": "ana",
        "kind": "alias.set",
        "subject": "m@champion",
        "body": {"version": "2"},
        "previous": "0",
        "hash": "a",
    }
    script.say([entry])
    assert client.log(subject="m@champion", after=0) == [governance.Entry(**entry)]
    assert script.last.query == [("subject", "m@champion"), ("after", "0")]
    script.say({"ok": False, "entries": 9, "broken_at": 4})
    assert client.verify() == governance.Verification(ok=False, entries=9, broken_at=4)


def test_an_alias_is_known_at_any_time(client, script):
    script.say({"model": "m", "alias": "champion", "version": "2"})
    found = client.alias_at("m", "champion", datetime(2013, 5, 3, tzinfo=UTC))
    assert found.version == "2"
    assert script.last.path == "/governance/aliases/m/champion"
    assert script.last.query == [("at", "2013-05-03T00:00:00+00:00")]
    script.say({"model": "m", "alias": "champion", "version": None})
    assert client.alias_at("m", "champion").version is None
