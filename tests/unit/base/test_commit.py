"""Quick writes where syncing takes long: the loop goes on while another thread syncs."""

import asyncio
import threading
import time

import pytest
import sqlalchemy as sa
from tests.unit.base.test_sql import add, metadata, notes, texts

from dovetail.base import commit
from dovetail.base.sql import Database


@pytest.fixture
def slow(tmp_path, monkeypatch):
    """A store whose disk counts as slow from the second commit on."""
    monkeypatch.setattr(commit, "SLOW_SECONDS", -1.0)
    database = Database(f"sqlite:///{tmp_path / 'notes.db'}", metadata, name="notes")
    asyncio.run(quick(database, "first"))
    yield database
    database.close()


async def quick(database, text):
    return await database.write_quick(put(text))


def put(text):
    return lambda c: (c.execute(sa.insert(notes).values(text=text)), threading.current_thread())[1]


def test_the_loop_turns_while_another_thread_syncs(slow, monkeypatch):
    ended = []

    def end(self, how, real=commit.GroupCommit._end):
        ended.append(threading.current_thread().name)
        time.sleep(0.2)
        real(self, how)

    monkeypatch.setattr(commit.GroupCommit, "_end", end)

    async def run():
        writing = asyncio.ensure_future(quick(slow, "a"))
        turns = 0
        while not writing.done():
            await asyncio.sleep(0.01)
            turns += 1
        return await writing, turns

    where, turns = asyncio.run(run())
    assert turns > 5
    assert ended == ["notes-writer-sync"]
    assert where is threading.main_thread()  # its statements were run on the loop
    assert texts(slow) == ["first", "a"]


def test_writes_of_a_slow_disk_are_durable_when_told_and_fail_alone(slow):
    async def one(text):
        await quick(slow, text)
        return text in texts(slow)

    async def many():
        return await asyncio.gather(*(one(f"{k % 40}") for k in range(50)), return_exceptions=True)

    told = asyncio.run(many())
    assert told.count(True) == 40
    assert [type(x) for x in told if x is not True] == [sa.exc.IntegrityError] * 10
    assert len(texts(slow)) == 41


def test_a_slow_disk_loses_nothing_of_threads_and_loop(slow):
    def of_thread(writer):
        for i in range(25):
            add(slow, f"{writer}-{i}")

    async def of_loop():
        for i in range(20):
            await asyncio.gather(*(quick(slow, f"loop-{i}-{k}") for k in range(5)))

    writers = [threading.Thread(target=of_thread, args=(n,)) for n in range(3)]
    for writer in writers:
        writer.start()
    asyncio.run(of_loop())
    for writer in writers:
        writer.join()
    assert len(texts(slow)) == 176


def test_who_is_told_by_a_slow_disk_may_write_himself(slow):
    async def chain():
        first = slow.write_quick(put("a"))
        second = []
        first.then(lambda *_: second.append(slow.submit(put("b")).result(timeout=10)))
        while not second:
            await asyncio.sleep(0.01)

    asyncio.run(chain())
    assert texts(slow) == ["first", "a", "b"]


def test_a_store_that_is_closed_finishes_what_is_being_synced(tmp_path, monkeypatch):
    monkeypatch.setattr(commit, "SLOW_SECONDS", -1.0)
    database = Database(f"sqlite:///{tmp_path / 'notes.db'}", metadata, name="notes")

    async def run():
        await quick(database, "a")
        writing = asyncio.ensure_future(quick(database, "b"))
        while not database._writer._own.locked():
            await asyncio.sleep(0)
        database.close()
        await writing

    asyncio.run(run())
    again = Database(f"sqlite:///{tmp_path / 'notes.db'}", metadata, name="notes")
    assert texts(again) == ["a", "b"]
    again.close()


def test_a_transaction_that_cannot_be_ended_is_told_and_the_next_goes_on(slow):
    def ends_it(connection):
        connection.execute(sa.insert(notes).values(text="lost"))
        connection.connection.driver_connection.execute("ROLLBACK")

    async def run():
        with pytest.raises(sa.exc.OperationalError, match="no transaction is active"):
            await slow.write_quick(ends_it)
        await quick(slow, "next")

    asyncio.run(run())
    assert texts(slow) == ["first", "next"]
