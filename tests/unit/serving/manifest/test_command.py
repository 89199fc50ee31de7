"""The command: its help, wrong use, and what it leaves on disk."""

import pytest
import yaml
from click.testing import CliRunner

from dovetail.serving.cli import commands
from dovetail.serving.manifest.options import FLAGS, ONLY

WRONG = {
    "no model": (
        ["--kind", "plain", "--anonymous"],
        "dovetail: no model is named. give [NAME=]MODEL, for example models:/flights@champion.\n",
    ),
    "no registry": (
        ["models:/flights@champion", "--kind", "kserve"],
        "dovetail: 'models:/flights@champion' is looked up in a registry, and none is named."
        " give the MLflow server as the cluster sees it: --registry http://mlflow:5000.\n",
    ),
    "who may call is not said": (
        ["late.txt", "--kind", "plain"],
        "dovetail: who may call the server is not said. on a cluster's address every caller needs"
        " an API token, kept in a database that all replicas share. give --secret NAME, a Secret"
        " with DOVETAIL_SERVER__DATABASE, or --anonymous to let callers without a token read and"
        " infer.\n",
    ),
    "a name for no cluster": (
        ["Late_1=late.txt", "--kind", "plain", "--anonymous"],
        "dovetail: 'Late_1' cannot name a Service. names in a cluster are at most 63 lower-case"
        " letters, digits and '-', and begin with a letter. call it 'late-1'.\n",
    ),
    "a scheme that nobody knows": (
        ["late=ftp://h/late.txt", "--kind", "kserve"],
        "dovetail: 'ftp://h/late.txt' is not a place to load a model from. the scheme 'ftp' is not"
        " known. give models:/NAME@ALIAS, s3://BUCKET/PATH, pvc://CLAIM/PATH, file:///PATH or a"
        " path.\n",
    ),
    "a model as a folder of models": (
        ["--repository", "late.txt", "--kind", "plain", "--anonymous"],
        "dovetail: 'late.txt' is not a folder of models. give pvc://CLAIM/PATH, s3://BUCKET/PATH,"
        " file:///PATH or a folder.\n",
    ),
    "half an address": (
        ["x=s3://bucket", "--kind", "kserve", "--format", "onnx"],
        "dovetail: 's3://bucket' is only half an address. give s3://BUCKET/PATH.\n",
    ),
    "no claim": (
        ["x=pvc:///late.txt", "--kind", "kserve"],
        "dovetail: 'pvc:///late.txt' is only half an address. give pvc://CLAIM/PATH.\n",
    ),
    "a registry that is no URL": (
        ["models:/a/1", "--kind", "kserve", "--registry", "mlflow:5000"],
        "dovetail: --registry 'mlflow:5000' is no URL. give --registry http://HOST:PORT.\n",
    ),
    "a registry on loopback": (
        ["models:/a/1", "--kind", "plain", "--anonymous", "--registry", "http://127.0.0.1:5000"],
        "dovetail: --registry 'http://127.0.0.1:5000' is the pod itself once it runs in the"
        " cluster. give the name that the cluster knows it by: --registry"
        " http://NAME.NAMESPACE:PORT.\n",
    ),
    "a file of this machine for KServe": (
        ["late.txt", "--kind", "kserve"],
        "dovetail: 'late.txt' is a file of this machine, which the cluster cannot see. copy it to a"
        " bucket and give late=s3://BUCKET/PATH, or to a volume and give late=pvc://CLAIM/PATH;"
        " --kind plain carries small files.\n",
    ),
    "a format that is not to be seen": (
        ["late=s3://m/late", "--kind", "kserve"],
        "dovetail: the format of 'late' is not to be seen from 's3://m/late'. KServe wants to be"
        " told. give --format late=FORMAT, one of ",
    ),
    "a format that nobody knows": (
        ["late=s3://m/late", "--kind", "kserve", "--format", "gif"],
        "dovetail: 'gif' is no format. known: ",
    ),
    "one name twice": (
        ["a=late.txt", "a=s3://m/late.txt", "--kind", "plain", "--anonymous"],
        "dovetail: two models are called 'a'. late.txt and s3://m/late.txt. call one otherwise:"
        " a-2=s3://m/late.txt.\n",
    ),
    "replicas backwards": (
        ["late.txt", "--kind", "plain", "--anonymous", "--replicas", "4:1"],
        "dovetail: '4:1' is no number of replicas. the most is below the least. give N or"
        " LEAST:MOST, for example 1:4.\n",
    ),
    "an autoscaler without a request": (
        ["late.txt", "--kind", "plain", "--anonymous", "--replicas", "1:4"],
        "dovetail: there is nothing to take a percentage of cpu of. the autoscaler compares with"
        " what a replica requests. give --cpu, for example --cpu 1.\n",
    ),
    "a quantity of nothing": (
        ["late.txt", "--kind", "plain", "--anonymous", "--memory", "512MB"],
        "dovetail: '512MB' is no quantity. write cores as 2 or 500m, memory as 512Mi.\n",
    ),
    "requests counted by nobody": (
        ["late=s3://m/l.onnx", "--kind", "kserve", "--scale-on", "rps=10"],
        "dovetail: --scale-on with these values needs Knative. add --mode knative.\n",
    ),
    "a metric of nothing": (
        ["late=s3://m/l.onnx", "--kind", "kserve", "--scale-on", "gpu=10"],
        "dovetail: 'gpu=10' is nothing to scale on. give cpu=PERCENT, memory=PERCENT,"
        " concurrency=REQUESTS or rps=REQUESTS.\n",
    ),
    "a percentage that KServe does not take": (
        ["late=s3://m/l.onnx", "--kind", "kserve", "--scale-on", "cpu=150"],
        "dovetail: KServe does not hold cpu at 150 percent. it takes 1 to 100. give --scale-on"
        " cpu=70.\n",
    ),
    "a percentage that Knative does not count": (
        ["a=s3://m/l.onnx", "--kind", "kserve", "--mode", "knative", "--scale-on", "cpu=70"],
        "dovetail: Knative does not scale on cpu. give --scale-on concurrency=N or rps=N, or --mode"
        " standard.\n",
    ),
    "a canary of nobody": (
        ["a=s3://m/l.onnx", "--kind", "kserve", "--canary", "b=10"],
        "dovetail: 'b' is not among the models. name one of: a.\n",
    ),
    "trust in nobody": (
        ["a=s3://m/l.onnx", "--kind", "kserve", "--trust", "b"],
        "dovetail: 'b' is not among the models. name one of: a.\n",
    ),
    "a canary alone": (
        ["a=s3://m/l.onnx", "--kind", "kserve", "--canary", "a=10"],
        "dovetail: 'a' takes a share of whose requests is not said. give the model that gets the"
        " rest before it, or --mode knative.\n",
    ),
    "a canary over a hundred": (
        ["a=s3://m/l.onnx", "--kind", "kserve", "--canary", "a=101"],
        "dovetail: 'a=101' is no share. give MODEL=PERCENT, from 0 to 100.\n",
    ),
    "a canary of Kubernetes alone": (
        ["late.txt", "--kind", "plain", "--anonymous", "--canary", "late=10"],
        "dovetail: --canary is not for --kind plain. only for kserve and seldon. give a running"
        " server the rule: dovetail serving route MODEL --canary 2=10.\n",
    ),
    "a storage that nobody fetches": (
        ["late=gs://m/late.txt", "--kind", "plain", "--anonymous"],
        "dovetail: 'gs://m/late.txt' is not fetched. without KServe or Seldon only s3:// is. copy"
        " it there, or to a volume and give pvc://CLAIM/PATH.\n",
    ),
    "a file for Seldon": (
        ["late.txt", "--kind", "seldon"],
        "dovetail: 'late.txt' is not seen by Seldon's servers. they fetch models themselves. copy"
        " it to a bucket and give late=s3://BUCKET/PATH.\n",
    ),
    "JSON into a folder": (
        ["late.txt", "--kind", "plain", "--anonymous", "--json", "--output", "deploy"],
        "dovetail: --json and --output do not go together. a folder holds YAML. leave one of them"
        " out.\n",
    ),
    "a variable without a value": (
        ["late.txt", "--kind", "plain", "--anonymous", "--env", "A"],
        "dovetail: 'A' is no variable. give NAME=VALUE.\n",
    ),
    "a variable of no name": (
        ["late.txt", "--kind", "plain", "--anonymous", "--env", "A B=1"],
        "dovetail: the Deployment 'late' would not be valid. Expected `str` matching regex",
    ),
    "a line in a name": (
        ["late\n=late.txt", "--kind", "plain", "--anonymous"],
        "names no model. give [NAME=]PLACE.\n",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG)
def test_wrong_use_says_what_why_and_what_to_do(refuse, arguments, message):
    code, said = refuse(*arguments)
    assert code == 2
    assert said == message or message in said
    if message.endswith("\n") and message.startswith("dovetail"):
        assert said == message


def test_a_path_where_nothing_is_is_not_found(refuse):
    assert refuse("gone.txt", "--kind", "plain", "--anonymous") == (
        1,
        "dovetail: 'gone.txt' does not exist here. if it lies in the container, write"
        " file:///gone.txt.\n",
    )


def test_a_large_file_does_not_travel(refuse, folder):
    (folder / "late.txt").write_text("tree\n" + "x" * (701 << 10))
    code, said = refuse("late.txt", "--kind", "plain", "--anonymous")
    assert code == 2
    assert said == (
        "dovetail: 'late.txt' does not fit into the manifest. files of this machine travel in a"
        " ConfigMap, up to 700 KiB in all. copy it to a bucket and give late=s3://BUCKET/PATH, or"
        " to a volume of the cluster and give late=pvc://CLAIM/PATH, or into the image and give"
        " late=file:///PATH.\n"
    )


VALUES = {
    "scale_on": "cpu=1", "cpu": "1", "concurrency": "1", "timeout": "1", "env": "A=1",
    "service_account": "a", "payload_log": "http://a", "mode": "knative", "protocol": "v2",
    "canary": "a=1", "mirror": "a=1", "graph": "graph.yaml", "server": "a", "image": "a",
    "repositories": "s3://a/b", "trust": "a",
}  # fmt: skip


@pytest.mark.parametrize("option", sorted(ONLY))
@pytest.mark.parametrize("kind", ["kserve", "seldon", "plain"])
def test_an_option_of_another_kind_is_refused_and_not_ignored(refuse, folder, option, kind):
    if kind in ONLY[option]:
        return
    (folder / "graph.yaml").write_text("")
    flag = f"--{FLAGS.get(option, option).replace('_', '-')}"
    code, said = refuse(
        "a=s3://m/a.onnx", "--kind", kind, flag, *([VALUES[option]] if option in VALUES else [])
    )
    assert code == 2
    assert said.startswith(f"dovetail: {flag} is not for --kind {kind}. only for ")


def test_a_folder_gets_a_file_for_each_object(write, folder):
    said = write("late.txt", "--kind", "plain", "--anonymous")
    assert write("late.txt", "--kind", "plain", "--anonymous", "--output", "deploy") == []
    files = sorted((folder / "deploy").iterdir())
    assert [file.name for file in files] == [
        "configmap-late.yaml",
        "deployment-late.yaml",
        "service-late.yaml",
    ]
    assert [yaml.safe_load(file.read_text()) for file in files] == said


def test_json_is_one_list_of_the_same_objects(write):
    (listed,) = write("late.txt", "--kind", "plain", "--anonymous", "--json")
    assert listed == {
        "apiVersion": "v1",
        "kind": "List",
        "items": write("late.txt", "--kind", "plain", "--anonymous"),
    }


def test_what_is_refused_leaves_no_file(refuse, folder):
    refuse("late.txt", "--kind", "plain", "--anonymous", "--env", "A B=1", "--output", "deploy")
    assert not (folder / "deploy").exists()


def test_writing_again_replaces(write, folder):
    for replicas in ("1", "2"):
        write(
            "late.txt", "--kind", "plain", "--anonymous", "--replicas", replicas,
            "--output", "deploy",
        )  # fmt: skip
    deployment = yaml.safe_load((folder / "deploy/deployment-late.yaml").read_text())
    assert deployment["spec"]["replicas"] == 2


@pytest.mark.parametrize("verb", ["manifest", "fetch"])
def test_help_shows_examples_that_keep_their_lines(verb):
    said = CliRunner().invoke(commands, [verb, "--help"])
    assert said.exit_code == 0
    assert f"\n    dovetail serving {verb}" in said.output or f"\n    dovetail serving {verb}" in (
        said.output.replace("      dovetail", "    dovetail")
    )
