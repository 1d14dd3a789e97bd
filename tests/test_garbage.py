import gc
import threading
import weakref

import pytest

from sknets._garbage import garbage_collector_paused, old_objects_set_aside


@pytest.fixture(autouse=True)
def _as_it_was():
    before = gc.isenabled()
    assert not gc.get_freeze_count()
    yield
    (gc.enable if before else gc.disable)()
    gc.unfreeze()


def test_the_collector_rests_until_the_last_block_ends():
    gc.enable()

    with garbage_collector_paused():
        with garbage_collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()

    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off():
    gc.disable()

    with garbage_collector_paused():
        pass

    assert not gc.isenabled()


def test_the_collector_goes_on_after_an_error():
    gc.enable()

    with pytest.raises(LookupError), garbage_collector_paused():
        raise LookupError

    assert gc.isenabled()


def test_old_objects_stay_aside_until_the_last_block_ends():
    old = [[]]

    with old_objects_set_aside():
        with old_objects_set_aside():
            assert gc.get_freeze_count() > 1000
        assert gc.get_freeze_count() > 1000
        assert not is_looked_at(old)

    assert gc.get_freeze_count() == 0
    assert is_looked_at(old)


def is_looked_at(thing):
    return any(candidate is thing for candidate in gc.get_objects())


def test_garbage_that_comes_inside_is_found():
    class Circle:
        pass

    found = []
    with old_objects_set_aside():
        circle = Circle()
        circle.itself = circle
        weakref.finalize(circle, found.append, "circle")
        del circle
        gc.collect()

        assert found == ["circle"]


def test_what_the_user_has_frozen_stays_frozen():
    gc.freeze()
    n_frozen = gc.get_freeze_count()

    with old_objects_set_aside():
        # Nor is more frozen than the user wanted.
        assert gc.get_freeze_count() <= n_frozen

    assert n_frozen * 0.9 < gc.get_freeze_count() <= n_frozen


def test_nothing_stays_aside_after_an_error():
    with pytest.raises(LookupError), old_objects_set_aside():
        raise LookupError

    assert gc.get_freeze_count() == 0


def test_a_block_that_ends_first_in_another_thread_leaves_objects_aside():
    may_end, has_ended = threading.Event(), threading.Event()

    def work():
        with old_objects_set_aside():
            may_end.wait(5)
        has_ended.set()

    with old_objects_set_aside():
        thread = threading.Thread(target=work)
        thread.start()
        may_end.set()
        assert has_ended.wait(5)
        assert gc.get_freeze_count() > 1000
    thread.join()

    assert gc.get_freeze_count() == 0
