import asyncio
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from dovetail.base.errors import ConflictError, InvalidInputError, UnavailableError
from dovetail.base.migrations import Migration
from dovetail.base.sql import Database, insert, rows_of

metadata = sa.MetaData()
notes = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("text", sa.Text, unique=True),
)


@pytest.fixture
def database(database_url):
    opened = Database(database_url, metadata, name="notes")
    yield opened
    opened.close()


def texts(database):
    return [row["text"] for row in database.read(lambda c: rows_of(c, sa.select(notes)))]


def add(database, text):
    return database.write(lambda c: c.execute(sa.insert(notes).values(text=text)))


def test_what_was_written_is_read(database):
    add(database, "a")
    assert texts(database) == ["a"]


def test_a_failing_write_undoes_only_itself(database):
    add(database, "a")

    def fail(connection):
        connection.execute(sa.insert(notes).values(text="b"))
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        database.write(fail)
    with pytest.raises(sa.exc.IntegrityError):
        add(database, "a")
    add(database, "c")
    assert texts(database) == ["a", "c"]


def test_many_writers_lose_nothing(database):
    def many(writer):
        for i in range(25):
            add(database, f"{writer}-{i}")

    threads = [threading.Thread(target=many, args=(w,)) for w in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(texts(database)) == sorted(f"{w}-{i}" for w in range(8) for i in range(25))


def test_insert_or_ignore_is_the_same_on_both(database):
    add(database, "a")
    statement = insert(notes, database.dialect).values(text="a").on_conflict_do_nothing()
    database.write(lambda c: c.execute(statement))
    assert texts(database) == ["a"]


def test_close_finishes_waiting_writes(tmp_path):
    url = f"sqlite:///{tmp_path / 'x.db'}"
    database = Database(url, metadata, name="notes")
    waiting = [
        database.submit(lambda c, i=i: c.execute(sa.insert(notes).values(text=str(i))))
        for i in range(50)
    ]
    database.close()
    assert all(done.result().rowcount == 1 for done in waiting)
    with pytest.raises(UnavailableError, match="the store is closed"):
        add(database, "late")


def test_an_older_store_is_migrated(database_url):
    Database(database_url, metadata, name="notes").close()
    newer = sa.MetaData()
    sa.Table(
        "notes",
        newer,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("text", sa.Text, unique=True),
        sa.Column("stars", sa.Integer),
    )
    steps = [
        Migration("add stars", lambda op: op.add_column("notes", sa.Column("stars", sa.Integer)))
    ]
    migrated = Database(database_url, newer, name="notes", migrations=steps)
    migrated.write(lambda c: c.execute(sa.insert(newer.tables["notes"]).values(text="a", stars=3)))
    migrated.close()
    with pytest.raises(ConflictError, match="revision 1, this version knows 0"):
        Database(database_url, metadata, name="notes")


def test_an_unknown_database_is_refused():
    with pytest.raises(InvalidInputError, match="mysql://x' is not supported"):
        Database("mysql://x", metadata, name="notes")


def test_an_unreachable_postgres_is_named_without_its_password(free_port):
    url = f"postgresql://me:secret@127.0.0.1:{free_port()}/x"
    with pytest.raises(UnavailableError) as caught:
        Database(url, metadata, name="notes")
    assert "cannot be opened" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_acknowledged_writes_survive_kill(tmp_path: Path):
    script = """
import sys, sqlalchemy as sa
from dovetail.base.sql import Database
m = sa.MetaData()
t = sa.Table("notes", m, sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text))
d = Database(sys.argv[1], m, name="notes")
for i in range(10_000):
    d.write(lambda c: c.execute(sa.insert(t).values(text=str(i))))
    print(i, flush=True)
"""
    url = f"sqlite:///{tmp_path / 'x.db'}"
    writer = subprocess.Popen(
        [sys.executable, "-c", script, url], stdout=subprocess.PIPE, text=True
    )
    lines = [writer.stdout.readline() for _ in range(60)]
    writer.kill()
    lines += writer.stdout.read().splitlines()
    writer.wait()
    writer.stdout.close()
    acknowledged = {int(line) for line in lines if line.strip()}
    database = Database(url, metadata, name="notes")
    kept = {int(text) for text in texts(database)}
    database.close()
    assert acknowledged <= kept
    assert len(kept - acknowledged) <= 1


def test_a_place_that_cannot_be_opened_is_reported_in_a_sentence(tmp_path):
    (tmp_path / "text").write_text("no database at all, but some text that is long enough")
    (tmp_path / "folder").mkdir()
    for path, words in (
        ("text/x.db", "the folder of the database .* cannot be made"),
        ("folder", "cannot be opened"),
        ("text", "file is not a database"),
    ):
        with pytest.raises(UnavailableError, match=words):
            Database(f"sqlite:///{tmp_path / path}", metadata, name="notes")
    with pytest.raises(InvalidInputError, match="is not a URL"):
        Database("sqlite:/x.db", metadata, name="notes")


def test_quick_writes_of_one_turn_share_a_commit_and_fail_alone(database):
    def put(text):
        return lambda c: (c.execute(sa.insert(notes).values(text=text)), text)[1]

    async def many():
        first = await asyncio.gather(
            *(database.write_quick(put(text)) for text in ("a", "b", "a", "c")),
            return_exceptions=True,
        )
        seen = texts(database)  # durable as soon as it is told
        alone = await database.write_quick(put("d"))
        return first, seen, alone

    first, seen, alone = asyncio.run(many())
    assert [type(one) for one in first].count(sa.exc.IntegrityError) == 1
    assert (sorted(seen), alone) == (["a", "b", "c"], "d")
    assert sorted(texts(database)) == ["a", "b", "c", "d"]


def test_quick_writes_and_those_of_threads_lose_nothing(database):
    def of_thread(writer):
        for i in range(25):
            add(database, f"{writer}-{i}")

    async def of_loop():
        for i in range(50):
            await database.write_quick(
                lambda c, i=i: c.execute(sa.insert(notes).values(text=f"loop-{i}"))
            )

    writers = [threading.Thread(target=of_thread, args=(n,)) for n in range(3)]
    for writer in writers:
        writer.start()
    asyncio.run(of_loop())
    for writer in writers:
        writer.join()
    assert len(texts(database)) == 125


def test_who_is_told_of_a_quick_write_may_write_himself(database):
    async def chain():
        first = database.write_quick(lambda c: c.execute(sa.insert(notes).values(text="a")))
        second = []
        first.then(
            lambda *_: second.append(
                database.submit(lambda c: c.execute(sa.insert(notes).values(text="b"))).result(
                    timeout=10
                )
            )
        )
        await asyncio.sleep(0.05)
        while not second:
            await asyncio.sleep(0.01)

    asyncio.run(chain())
    assert sorted(texts(database)) == ["a", "b"]


def test_a_transaction_that_sqlite_ended_by_itself_is_not_acknowledged(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'notes.db'}", metadata, name="notes")

    def ends_it(connection):
        connection.execute(sa.insert(notes).values(text="lost"))
        connection.connection.driver_connection.execute("ROLLBACK")

    with pytest.raises(sa.exc.OperationalError, match="no transaction is active"):
        database.write(ends_it)
    add(database, "next")
    assert texts(database) == ["next"]
    database.close()


def test_a_quick_write_to_a_closed_store_is_refused(database_url):
    database = Database(database_url, metadata, name="notes")

    async def late():
        database.close()
        await database.write_quick(lambda c: c.execute(sa.insert(notes).values(text="x")))

    if database.dialect == "sqlite":
        with pytest.raises(UnavailableError):
            asyncio.run(late())
    else:
        database.close()


def test_the_loop_does_not_wait_for_another_process_that_writes(tmp_path):
    file = tmp_path / "notes.db"
    database = Database(f"sqlite:///{file}", metadata, name="notes")
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def write_beside():
        asked = database.write_quick(lambda c: c.execute(sa.insert(notes).values(text="a")))
        begun = time.perf_counter()
        await asyncio.sleep(0.05)
        turned = time.perf_counter() - begun
        assert not asked.done()
        other.execute("COMMIT")
        await asked
        return turned

    assert asyncio.run(write_beside()) < 1
    assert texts(database) == ["a"]
    other.close()
    database.close()


def test_a_block_of_reading_sees_one_moment(database):
    add(database, "a")
    count = sa.select(sa.func.count()).select_from(notes)
    with database.reading() as connection:
        before = connection.execute(count).scalar()
        add(database, "b")
        assert (before, connection.execute(count).scalar()) == (1, 1)
    assert texts(database) == ["a", "b"]


def test_a_read_on_postgresql_is_no_transaction(postgres_url):
    opened = Database(postgres_url, metadata, name="notes")
    state = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
    try:
        opened.read(lambda c: c.execute(sa.select(notes)).all())
        with opened.reading() as connection:
            connection.execute(sa.select(notes)).all()
            assert opened.read(lambda c: c.exec_driver_sql(state).scalar()) == 1
        assert opened.read(lambda c: c.exec_driver_sql(state).scalar()) == 0
    finally:
        opened.close()


def test_connections_that_the_server_closed_are_replaced(postgres_url):
    opened = Database(postgres_url, metadata, name="notes")
    others = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    try:
        with opened.reading(), opened.reading() as connection:  # three connections, all idle then
            opened.read(lambda c: c.execute(sa.select(notes)).all())
            connection.execute(sa.select(notes)).all()
        assert len(opened.read(lambda c: c.exec_driver_sql(others).all())) == 2
        for text in "abc":
            add(opened, text)
        with opened.reading(), opened.reading():
            assert texts(opened) == ["a", "b", "c"]
    finally:
        opened.close()


def test_a_database_that_restarted_is_used_again(postgres_alone):
    opened = Database(f"{postgres_alone.url}/postgres", metadata, name="notes")
    try:
        add(opened, "a")
        postgres_alone.kill()
        with pytest.raises(sa.exc.OperationalError):
            texts(opened)
        postgres_alone.start()
        add(opened, "b")
        assert texts(opened)[-1] == "b"
    finally:
        opened.close()
