"""A promise tells its one listener on the loop, whoever settles it, and never twice."""

import asyncio
import threading

import pytest

from dovetail.base.promise import Promise, promised


def test_who_listens_is_told_at_once_and_once():
    told = []

    async def ask():
        before, after = Promise(), Promise()
        before.then(lambda *what: told.append(what))
        before.set_result(1)
        before.set_result(2)
        after.set_exception(KeyError("x"))
        after.then(lambda _value, error: told.append(type(error)))
        assert before.done()

    asyncio.run(ask())
    assert told == [(1, None), KeyError]


def test_a_thread_settles_it_on_the_loop():
    async def ask():
        promise = Promise()
        threads = []
        promise.then(lambda *_: threads.append(threading.get_ident()))
        threading.Thread(target=promise.set_result, args=("x",)).start()
        while not threads:
            await asyncio.sleep(0.001)
        return threads, await promise

    assert asyncio.run(ask()) == ([threading.get_ident()], "x")


def test_it_is_awaited_like_a_future_and_can_be_cancelled():
    async def ask():
        promise = Promise()
        asyncio.get_running_loop().call_soon(promise.set_exception, KeyError("x"))
        with pytest.raises(KeyError):
            await promise
        given_up = Promise()
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        given_up.set_result("too late")
        assert await promised(asyncio.ensure_future(asyncio.sleep(0, "y"))) == "y"

    asyncio.run(ask())


def test_a_listener_that_fails_harms_nobody():
    async def ask():
        faults = []
        asyncio.get_running_loop().set_exception_handler(lambda _, about: faults.append(about))
        promise = Promise()
        promise.then(lambda *_: 1 / 0)
        promise.set_result(1)
        return [type(fault["exception"]) for fault in faults]

    assert asyncio.run(ask()) == [ZeroDivisionError]
