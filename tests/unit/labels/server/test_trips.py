"""What the hot requests cost a database: statements sent, and how PostgreSQL finds their rows."""

import re
import threading
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from dovetail.labels.store import NAME, choosing, open_store, statistics
from dovetail.labels.store import tasks as task_rows
from dovetail.labels.store.tables import POSTGRES_INDEXES

GOOD = [{"from_name": "mood", "to_name": "text", "type": "choices", "value": {"choices": ["good"]}}]
LOOKED_AT_EACH_SECOND = ("members", "ml_backends", "webhooks")
BEHIND = ("labels-ledger", "labels-webhooks", "labels_people")  # threads


@contextmanager
def sent():
    """What is sent meanwhile to have something answered, by any engine of this process."""
    statements = []

    def note(statement):
        others = any(f"FROM {name}" in statement for name in LOOKED_AT_EACH_SECOND)
        if not others and not threading.current_thread().name.startswith(BEHIND):
            statements.append(statement)

    def execute(_c, _cursor, statement, *_more):
        note(statement)

    def commit(_c):
        note("COMMIT")

    listened = [("before_cursor_execute", execute), ("commit", commit)]
    for name, listener in listened:
        sa.event.listen(sa.engine.Engine, name, listener)
    try:
        yield statements
    finally:
        for name, listener in listened:
            sa.event.remove(sa.engine.Engine, name, listener)


def test_few_statements_are_sent(on_database, database_url):
    project = on_database.project()
    on_database.load(project, [{"text": f"t{i}"} for i in range(300)])
    on_database.get(f"/api/projects/{project}/next")
    with sent() as next_task:
        task = on_database.get(f"/api/projects/{project}/next")["id"]
    with sent() as save:
        on_database.post(f"/api/tasks/{task}/annotations/", {"result": GOOD})
    with sent() as page:
        on_database.get(f"/api/tasks?project={project}&page=2&page_size=100&fields=all")
    asked = (next_task, save, page)
    most = 4 if database_url.startswith("postgresql") else 7
    assert [len(one) for one in asked] == [3, most, 2], asked
    assert [one.count("COMMIT") for one in asked] == [0, 1, 0]


@pytest.fixture
def crowded(postgres_url):
    """A project of five thousand tasks behind another of as many that are finished."""
    database = open_store(postgres_url)

    def fill(c):
        for project in (1, 2):
            values = f"{project}, '', '', '{{}}', false, '{{}}', 1, '', 1, ''"
            c.exec_driver_sql(
                "INSERT INTO projects (id, title, label_config, parsed, is_bulk, options,"
                f" maximum_annotations, skip_queue, created_by, created_at) VALUES ({values})"
            )
            c.exec_driver_sql(
                "INSERT INTO tasks (project_id, inner_id, overlap, is_labeled, predictions_score,"
                " created_at, updated_at, meta, data) SELECT"
                f" {project}, i, 1, {project == 1}, random(), '', '', '{{}}', repeat('x', 200)"
                " FROM generate_series(1, 5000) AS i"
            )
        c.exec_driver_sql(
            "INSERT INTO annotations (task_id, project_id, completed_by, was_cancelled,"
            " ground_truth, result_count, created_at, updated_at, result)"
            " SELECT id, project_id, 1, false, false, 1, '', '', '[]' FROM tasks"
            " WHERE project_id = 1"
        )

    database.write(fill)
    yield database
    database.close()


MODES = pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])


@MODES
@pytest.mark.parametrize(
    ("ask", "most"),
    [
        (lambda c: choosing.bounds(c, 2), 2),
        (lambda c: choosing.is_open(c, 2, 1, 5001, requeues_own=False), 1),
        (lambda c: _open(c, by_score=False), 1),
        (lambda c: _open(c, by_score=True), 1),
        (lambda c: task_rows.find_for(c, 5001, 1), 1),
        (lambda c: task_rows.held_flags(c, 5001), 1),
        (lambda c: task_rows.page(c, 2, 1, after=7000, limit=100, offset=0), 200),
    ],
    ids=["bounds", "is open", "next", "next by score", "task", "held", "page"],
)
def test_postgresql_reads_no_more_tasks_than_it_gives(crowded, mode, ask, most):
    crowded.read(lambda c: statistics.learn(c, {"tasks": 10_000, "annotations": 5000}))
    assert _read_by(crowded, mode, ask) <= most


@MODES
@pytest.mark.parametrize("by_score", [False, True], ids=["in order", "by score"])
def test_the_next_task_is_found_before_postgresql_knows_its_tables(crowded, mode, by_score):
    assert _read_by(crowded, mode, lambda c: _open(c, by_score=by_score)) == 1


def test_an_import_of_many_tells_postgresql_of_its_tables(postgres_url, start, api_of):
    known = "SELECT reltuples FROM pg_class WHERE oid = 'tasks'::regclass"
    with start(database=postgres_url) as server:
        labels = api_of(server)
        project = labels.project()
        store = open_store(postgres_url)
        for count, expected in ((1500, 1500), (20, 1500), (1000, 2520)):
            labels.load(project, [{"text": f"t{i}"} for i in range(count)])
            assert store.read(lambda c: c.exec_driver_sql(known).scalar()) == expected
        store.close()


def _read_by(database, mode, ask):
    """Return how many rows of tasks a question has PostgreSQL look at."""
    seen = []

    def explain(c):
        def before(_c, cursor, statement, parameters, *_more):
            names = list(parameters)
            body = re.sub(r"%\((\w+)\)s", lambda one: f"${names.index(one[1]) + 1}", statement)
            values = ", ".join(str(parameters[name]) for name in names)
            cursor.execute(f"SET plan_cache_mode = {mode}")
            cursor.execute(f"PREPARE asked AS {body}")
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked({values})")
            seen.append(cursor.fetchone()[0][0]["Plan"])
            cursor.execute("DEALLOCATE asked")

        sa.event.listen(c, "before_cursor_execute", before)
        ask(c)

    database.read(explain)
    return sum(read for plan in seen for read in _tasks_read(plan))


def _open(c, *, by_score):
    wanted = {"requeues_own": False, "by_score": by_score, "after": 0, "limit": 1}
    assert len(choosing.open_tasks(c, 2, 1, **wanted)) == 1


def _tasks_read(plan):
    if plan.get("Relation Name") == "tasks":
        passed = plan.get("Rows Removed by Filter", 0)
        yield (plan["Actual Rows"] + passed) * plan["Actual Loops"]
    for below in plan.get("Plans", ()):
        yield from _tasks_read(below)


def test_a_database_of_an_older_version_gets_the_indexes(postgres_url):
    names = {str(index.name) for index in POSTGRES_INDEXES}

    def found(c):
        return {one["name"] for one in sa.inspect(c).get_indexes("tasks", schema=NAME)} & names

    database = open_store(postgres_url)
    assert database.read(found) == names

    def age(c):
        for name in names:
            c.exec_driver_sql(f"DROP INDEX {name}")
        c.exec_driver_sql("UPDATE schema_revisions SET revision = 3 WHERE name = 'labels'")

    database.write(age)
    database.close()
    again = open_store(postgres_url)
    assert again.read(found) == names
    again.close()
