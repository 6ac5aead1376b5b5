import asyncio
import threading
import time

import pytest

from dialer.telephony.errors import NotRunning, StartFailed
from dialer.telephony.sip_thread import SipThread


class FakeLibrary:
    """Polls by waiting for the bell, as the real one does."""

    def __init__(self, fault=None):
        self.bell = threading.Event()
        self.fault = fault
        self.closed = False
        self.threads = set()

    def open(self):
        self.threads.add(threading.current_thread().name)
        if self.fault:
            raise self.fault

    def poll(self, timeout_ms):
        self.bell.wait(timeout_ms / 1000)
        self.bell.clear()

    def after_poll(self):
        self.threads.add(threading.current_thread().name)

    def close(self, deadline, poll):
        poll()
        self.closed = True


@pytest.fixture
async def thread():
    library = FakeLibrary()
    thread = SipThread(library, asyncio.get_running_loop())
    thread.library = library
    await thread.start()
    thread.use_bell(library.bell.set)
    yield thread
    await thread.stop(1)
    assert library.closed
    assert library.threads == {"sip"}


async def test_a_call_runs_on_the_thread_and_gives_its_result(thread):
    assert await thread.call(lambda x: (threading.current_thread().name, x), 5) == ("sip", 5)


async def test_an_error_comes_back_to_the_caller(thread):
    with pytest.raises(ZeroDivisionError):
        await thread.call(lambda: 1 / 0)
    assert await thread.call(lambda: 7) == 7


async def test_a_posted_error_is_counted_and_the_thread_lives_on(thread, caplog):
    thread.post(lambda: 1 / 0)
    assert await thread.call(lambda: 7) == 7
    assert thread.faults == 1
    assert "failed" in caplog.text


async def test_what_is_told_comes_in_order(thread):
    heard = []

    def tell_many():
        for n in range(100):
            thread.tell(heard.append, n)

    await thread.call(tell_many)
    assert heard == list(range(100))


async def test_an_observer_that_fails_does_not_keep_others_from_hearing(thread, caplog):
    heard = []

    def tell():
        thread.tell(lambda: 1 / 0)
        thread.tell(heard.append, 1)

    await thread.call(tell)
    assert heard == [1]
    assert "observer" in caplog.text


async def test_timers_run_by_their_time_and_can_be_cancelled(thread):
    heard = []
    done = asyncio.get_running_loop().create_future()

    def set_timers():
        thread.after(0.02, lambda: thread.tell(done.set_result, None))
        thread.after(0.01, lambda: heard.append("second"))
        thread.after(0.0, lambda: heard.append("first"))
        thread.after(0.005, lambda: heard.append("never")).cancel()

    await thread.call(set_timers)
    await asyncio.wait_for(done, 2)
    assert heard == ["first", "second"]


async def test_a_command_does_not_wait_for_the_poll_to_end(thread):
    await thread.call(lambda: None)
    took = []
    for _ in range(20):
        start = time.monotonic()
        await thread.call(lambda: None)
        took.append(time.monotonic() - start)
    assert sorted(took)[10] < 0.005  # the poll lasts 20 ms


async def test_who_comes_too_late_is_told():
    library = FakeLibrary()
    thread = SipThread(library, asyncio.get_running_loop())
    await thread.start()
    thread.use_bell(library.bell.set)
    stopping = asyncio.create_task(thread.stop(1))
    calls = []
    while not stopping.done():
        calls.append(asyncio.create_task(thread.call(lambda: 1)))
        await asyncio.sleep(0)
    results = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 2)
    assert all(result == 1 or isinstance(result, NotRunning) for result in results)
    with pytest.raises(NotRunning):
        await thread.call(lambda: 1)
    thread.post(lambda: 1 / 0)


async def test_a_library_that_does_not_open_fails_the_start():
    thread = SipThread(FakeLibrary(StartFailed("port taken")), asyncio.get_running_loop())
    with pytest.raises(StartFailed, match="port taken"):
        await thread.start()
    await thread.stop(1)
