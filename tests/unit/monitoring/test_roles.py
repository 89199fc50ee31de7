"""Who may look and who may change: a viewer sees everything and changes nothing."""

from tests.unit.monitoring.test_alert_content import raise_drift, shifted


def test_a_viewer_sees_the_page_but_no_form_and_may_try_rules(start, log):
    with start() as server:
        alert, _ = raise_drift(server, log, shifted)
        assert "Mark as expected" in server.http.get("/monitoring/flights").text
    with start(auth=True, anonymous="viewer") as server:
        page = server.http.get("/monitoring/flights").text
        assert "Inputs have changed" in page
        assert "takes the role of an editor" in page
        assert 'method="post" action="/monitoring' not in page
        path = f"/monitoring/alerts/{alert['id']}"
        asking = server.http.get(f"{path}/expected?reason=x").text
        assert "You may look, but not change this" in asking
        assert server.http.post(f"{path}/change", data={"do": "resolve"}).status_code == 403
        assert server.http.post(f"{path}/resolve").status_code == 403
        assert [one.status for one in server.client.alerts()] == ["open"]
        assert server.client.plan_rules("").unused == []
