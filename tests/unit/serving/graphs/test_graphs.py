"""Graphs answer like models: in turn, by condition, together, by weight; in time, or not at all."""

import threading

import numpy as np
import pytest

ONE, TWO, ECHO = {"model": "one"}, {"model": "two"}, {"model": "echo"}


def sequence(*steps):
    return {"type": "sequence", "steps": list(steps)}


def ensemble(*steps, **parts):
    return {"type": "ensemble", "steps": list(steps), **parts}


def test_a_sequence_hands_each_answer_to_the_next_step(server):
    server.put({"root": sequence(ECHO, ONE)})  # echo gives the request back
    assert server.value() == server.value("one")
    answer = server.ask(id="mine")
    assert answer["model_name"] == "g"
    assert answer["model_version"] == "1"
    assert answer["id"] == "mine"


def test_a_map_names_tensors_of_the_request_and_of_the_answer_before(server):
    step = {"model": "echo", "map": {"score": "predict", "row": "$request.x"}}
    server.put({"root": sequence(ONE, step)})
    outputs = {o["name"]: o["data"] for o in server.ask()["outputs"]}
    assert outputs == {"score": [server.value("one")], "row": [0.5, -1, 3, 0.2]}
    server.put({"root": sequence(ONE, {"model": "echo", "map": {"a": "nothing"}})})
    error = server.ask(400)["error"]
    assert error == (
        "step 'echo' needs the tensor 'nothing', which is not there. there are: predict."
    )


def test_the_request_goes_to_a_later_step_where_it_says_so(server):
    server.put({"root": sequence(ONE, {**TWO, "data": "$request"})})
    assert server.value() == server.value("two")


def test_a_condition_that_does_not_hold_ends_a_sequence(server):
    last = {**TWO, "data": "request", "condition": "max(outputs.predict) > 2"}
    server.put({"root": sequence(ONE, last)})
    assert server.value() == server.value("one")


def test_a_switch_takes_the_first_step_whose_condition_holds(server):
    server.put(
        {"root": {"type": "switch", "steps": [
            {**ONE, "condition": 'parameters.tier == "gold" and inputs.x[0][0] > 0'},
            {**TWO, "condition": 'headers["x-way"] == "two"'},
        ]}}
    )  # fmt: skip
    assert server.value(parameters={"tier": "gold"}) == server.value("one")
    assert server.value(headers={"X-Way": "two"}) == server.value("two")
    assert "no condition of node 'root' of graph 'g' holds" in server.ask(400)["error"]


def test_an_ensemble_keeps_all_outputs_or_their_mean_or_their_vote(server):
    one, two = server.value("one"), server.value("two")
    server.put({"root": ensemble(ONE, TWO)})
    outputs = {o["name"]: o["data"][0] for o in server.ask()["outputs"]}
    assert outputs == {"one.predict": one, "two.predict": two}
    server.put({"root": ensemble({**ONE, "weight": 3}, {**TWO, "weight": 1}, combine="mean")})
    assert server.value() == pytest.approx((3 * one + two) / 4)
    again = {"model": "one", "name": "again"}
    server.put({"root": ensemble(TWO, ONE, again, combine="vote")})
    assert server.value() == one


def test_a_splitter_sends_one_key_to_one_step(server):
    one, two = server.value("one"), server.value("two")
    root = {"type": "splitter", "sticky_by": "header:x-user",
            "steps": [{**ONE, "weight": 50}, {**TWO, "weight": 50}]}  # fmt: skip
    server.put({"root": root})
    met = {f"u{i}": server.value(headers={"x-user": f"u{i}"}) for i in range(20)}
    assert set(met.values()) == {one, two}
    assert {server.value(headers={"x-user": "u3"}) for _ in range(5)} == {met["u3"]}


def test_nodes_lead_to_nodes_and_graphs_to_graphs(server):
    server.put({"root": sequence({"node": "both"}), "both": ensemble(ONE, TWO, combine="mean")})
    server.put({"root": sequence(ECHO, {"model": "g"})}, name="outer")
    assert server.value("outer") == pytest.approx((server.value("one") + server.value("two")) / 2)
    turned = server.put({"root": sequence({"model": "outer"})}, 400)
    assert "graph 'g' would ask itself" in turned["error"]
    kept = server.client.delete("/v2/graphs/g")
    assert kept.status_code == 409
    assert "graph 'outer' asks graph 'g'" in kept.json()["error"]


def test_a_graph_is_in_the_index_with_metadata_and_statistics(server):
    server.put({"root": ensemble(ONE, TWO)})
    before = succeeded(server)
    server.ask()
    assert succeeded(server) == before + 1
    index = server.client.post("/v2/repository/index").json()
    assert {"name": "g", "version": "1", "state": "READY", "reason": ""} in index
    metadata = server.client.get("/v2/models/g").json()
    assert metadata["platform"] == "dovetail_graph"
    assert [o["name"] for o in metadata["outputs"]] == ["one.predict", "two.predict"]
    assert [i["shape"] for i in metadata["inputs"]] == [[-1, 4]]
    assert server.client.get("/v2/models/g/ready").status_code == 200
    assert 'model_infer_request_success_total{model="g",version="1"}' in (
        server.client.get("/metrics").text
    )


def succeeded(server):
    stats = server.client.get("/v2/models/g/stats").json()["model_stats"][0]
    return stats["inference_stats"]["success"]["count"]


def test_a_wanted_output_is_selected(server):
    server.put({"root": ensemble(ONE, TWO)})
    answer = server.ask(outputs=[{"name": "two.predict"}])
    assert [o["name"] for o in answer["outputs"]] == ["two.predict"]
    error = server.ask(400, outputs=[{"name": "three"}])["error"]
    assert error == "graph 'g' gave no output 'three'. it gave: one.predict, two.predict."


def test_a_step_that_may_fail_is_left_out_and_one_that_must_not_fails_the_graph(server):
    server.put({"root": ensemble(ONE, {**TWO, "dependency": "soft"})})
    server.client.post("/v2/repository/models/two/unload")
    assert [o["name"] for o in server.ask()["outputs"]] == ["one.predict"]
    server.client.post("/v2/repository/models/two/load")
    server.put({"root": ensemble(ONE, TWO)})
    server.client.post("/v2/repository/models/two/unload")
    assert "model 'two' is unloaded" in server.ask(404)["error"]


REFUSED = {
    "no root": ({"a": sequence(ONE)}, "the graph has no node 'root'"),
    "a circle": (
        {"root": sequence({"node": "a"}), "a": sequence({"node": "root"})},
        "turns in a circle: root -> a -> root",
    ),
    "a node that is not there": ({"root": sequence({"node": "b"})}, "leads to node 'b'"),
    "a node that nobody asks": ({"root": sequence(ONE), "b": sequence(ONE)}, "leads to node 'b'"),
    "neither model nor node": ({"root": sequence({"name": "x"})}, "needs either a model or a node"),
    "a condition that is none": (
        {"root": sequence({**ONE, "condition": "os.system('x')"})}, "makes no sense",
    ),
    "a switch that cannot end": (
        {"root": {"type": "switch", "steps": [ONE, TWO]}}, "has no condition",
    ),
    "no weight": ({"root": {"type": "splitter", "steps": [ONE]}}, "has no weight"),
    "one name twice": ({"root": ensemble(ONE, ONE)}, "two steps of node 'root' are called 'one'"),
    "another server": (
        {"root": sequence({**ONE, "url": "http://169.254.169.254"})},
        "asks only servers that its operator names",
    ),
    "no steps": ({"root": sequence()}, "length >= 1"),
    "a type that is none": ({"root": {"type": "loop", "steps": [ONE]}}, "Invalid value 'loop'"),
    "too many steps": (
        {"root": sequence(*[{"node": "a"}] * 20), "a": sequence(*[ONE] * 20)}, "may take 420 steps",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("nodes", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_graph_that_cannot_run_is_refused_and_changes_nothing(server, nodes, message):
    assert message in server.put(nodes, 400)["error"]
    assert server.client.get("/v2/graphs").json() == {"graphs": []}


def test_names_of_graphs_and_models_do_not_clash(server):
    assert "'one' is a model" in server.put({"root": sequence(TWO)}, 409, name="one")["error"]
    assert "no version '9'" in server.put({"root": sequence({**ONE, "version": "9"})}, 404)["error"]
    server.put({"root": sequence(ONE)})
    for verb in ("load", "unload"):
        answer = server.client.post(f"/v2/repository/models/g/{verb}")
        assert answer.status_code == 409
        assert "'g' is a graph" in answer.json()["error"]


def test_a_graph_survives_a_restart_and_is_deleted(graphs):
    with graphs() as server:
        assert server.put({"root": sequence(ONE)})["revision"] == 1
        assert server.put({"root": sequence(ECHO, ONE)})["actor"] == "local"
        value = server.value()
    with graphs() as server:
        assert server.value() == value
        assert server.ask()["model_version"] == "2"
        assert server.client.get("/v2/graphs/g").json()["graph"]["nodes"]["root"]["steps"][0][
            "model"
        ] == "echo"  # fmt: skip
        assert server.client.delete("/v2/graphs/g").status_code == 200
        assert server.ask(404)["error"].startswith("model 'g' is not known")
        assert server.client.get("/v2/graphs/g").status_code == 404


def test_a_remote_step_is_asked_by_url_and_its_time_is_the_graph_s(graphs, server):
    import socket

    value = server.value("one")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, never answers
        deaf = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with graphs_beside(graphs, server.url, deaf, "http://127.0.0.1:9") as near:
            near.put({"root": sequence({**ONE, "url": server.url})})
            assert near.value() == value
            near.put({"root": sequence({"model": "nobody", "url": server.url})})
            assert "refuses the request" in near.ask(400)["error"]
            near.put({"root": sequence({**ONE, "url": "http://127.0.0.1:9"})})
            assert "is not available" in near.ask(503)["error"]
            near.put({"root": sequence({**ONE, "url": deaf})}, timeout_seconds=0.3)
            assert "model 'g' did not answer in time" in near.ask(504)["error"]


def graphs_beside(graphs, *allowed):
    return graphs(graph_servers=allowed)


def test_requests_that_run_are_finished_on_the_graph_that_they_began_with(server):
    server.put({"root": sequence(ONE)})
    failed, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            try:
                server.ask()
            except AssertionError as error:
                failed.append(error)

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for thread in asking:
        thread.start()
    for i in range(20):
        server.put({"root": sequence(ECHO, ONE) if i % 2 else sequence(ONE)})
    stop.set()
    for thread in asking:
        thread.join()
    assert failed == []


def test_a_table_of_votes_goes_to_the_majority():
    from dovetail.serving.graphs.combine import combine

    answers = [
        (name, 1.0, {"y": np.array(values, object)})
        for name, values in {"a": ["x", "y"], "b": ["z", "y"], "c": ["z", "x"]}.items()
    ]
    assert combine("vote", answers)["y"].tolist() == ["z", "y"]
