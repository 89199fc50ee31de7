from datetime import UTC, datetime

import pytest

from dovetail.wire import governance, http


@pytest.fixture
def client(script):
    with governance.Client(script.url) as opened:
        yield opened


ENTRY = {
    "number": 1,
    "at": "2013-05-03T00:00:00Z",
    "actor": "ana",
    "kind": "alias.set",
    "subject": "m@champion",
    "body": {"version": "2"},
    "previous": "0",
    "hash": "a",
}


def test_evidence_and_approvals_are_recorded(client, script):
    client.put_evidence(
        governance.Evidence(
            model="m", version="2", kind="evaluation", verdict="pass", facts={"auc": 0.7}
        )
    )
    script.say(ENTRY)
    approval = governance.Approval(model="m", version="2", alias="champion", reason="better")
    assert client.approve(approval) == governance.Entry(**ENTRY)
    assert [(call.path, call.json) for call in script.calls] == [
        (
            "/governance/evidence",
            {
                "model": "m",
                "version": "2",
                "kind": "evaluation",
                "verdict": "pass",
                "facts": {"auc": 0.7},
                "at": None,
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
    script.say([ENTRY])
    assert client.log(subject="m@champion", before=5) == [governance.Entry(**ENTRY)]
    assert script.last.query == [("subject", "m@champion"), ("before", "5"), ("limit", "100")]
    script.say({"ok": False, "entries": 9, "message": "broken"})
    assert client.verify() == governance.Verification(ok=False, entries=9, message="broken")


def test_an_alias_is_known_at_any_time(client, script):
    script.say({"model": "m", "alias": "champion", "version": "2"})
    found = client.alias_at("m", "champion", datetime(2013, 5, 3, tzinfo=UTC))
    assert found.version == "2"
    assert script.last.path == "/governance/aliases/m/champion"
    assert script.last.query == [("at", "2013-05-03T00:00:00+00:00")]
    script.say({"model": "m", "alias": "champion", "version": None})
    assert client.alias_at("m", "champion").version is None


def test_a_gate_says_what_is_missing(client, script):
    script.say({"open": False, "missing": ["an approval"], "evidence": [3]})
    verdict = client.check("m", "2", "champion")
    assert verdict == governance.GateVerdict(open=False, missing=["an approval"], evidence=[3])
    assert script.last.path == "/governance/gates/m/2/champion"
