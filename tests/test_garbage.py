import gc

import pytest

from sknets._garbage import garbage_collector_paused


@pytest.fixture(autouse=True)
def _as_it_was():
    before = gc.isenabled()
    yield
    (gc.enable if before else gc.disable)()


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
