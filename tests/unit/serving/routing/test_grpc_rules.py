"""Over gRPC a rule decides by metadata, and an alias stands for a version, as over REST."""

import numpy as np
import tritonclient.grpc as triton


def test_metadata_and_aliases_decide_over_grpc_too(run, at, free_port):
    port = free_port()
    with run(grpc_port=port) as server:
        late = at(server.url)
        late.load("1")
        late.load("2")
        late.do("PUT", "/aliases/canary", {"version": "2"})
        late.put(
            {"kind": "split", "weights": {"1": 1, "2": 1}, "sticky_by": "header:x-user"},
            overrides=[{"by": "header:x-group", "value": "testers", "version": "canary"}],
        )
        x = triton.InferInput("x", [1, 4], "FP64")
        x.set_data_from_numpy(np.zeros((1, 4)))
        with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:

            def ask(version="", **headers):
                named = {name.replace("_", "-"): value for name, value in headers.items()}
                answer = client.infer("late", [x], model_version=version, headers=named)
                return answer.get_response().model_version

            assert ask(version="canary") == "2"
            assert {ask(x_group="testers") for _ in range(5)} == {"2"}
            users = [f"u{i}" for i in range(12)]
            over_grpc = [ask(x_user=user) for user in users]
        over_rest = [late.ask(headers={"x-user": user}) for user in users]
        assert over_grpc == over_rest
        assert set(over_rest) == {"1", "2"}
