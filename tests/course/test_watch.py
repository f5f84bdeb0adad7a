"""A loop without an end costs its time once: the function that loops is found, closed, and named when it is called again."""

import functools
import itertools
import time

import pytest

from tito.watch import ENDLESS, EndlessLoop, Watch, close_by_name


def is_own(code):
    return (
        code.co_name != "stopped"
        and code.co_filename == is_own.__code__.co_filename
        and not code.co_name.startswith(("test_", "use"))
    )


def helper(x):
    return x + 1


def stopped(call, seconds=0.4):
    """The words with which `call` is stopped, and how long it took."""
    begun = time.monotonic()
    with pytest.raises(EndlessLoop) as caught, Watch(seconds, is_own).watching():
        call()
    return str(caught.value), time.monotonic() - begun


def loops_in_a_helper():
    x = 0
    while True:
        x = helper(x)


def test_the_function_that_loops_is_named_and_closed_and_not_the_one_that_it_calls():
    words, took = stopped(loops_in_a_helper)
    assert ENDLESS.match(words)[1] == "loops_in_a_helper" and 0.3 < took < 2
    words, took = stopped(loops_in_a_helper)
    assert ENDLESS.match(words)[1] == "loops_in_a_helper" and took < 0.2
    assert helper(1) == 2


class Sampler:
    def __init__(self):
        self.__class__  # noqa: B018

    def __iter__(self):
        while True:
            yield 1


def test_a_generator_that_never_ends_is_closed_though_the_loop_stands_in_the_test():
    def use():
        for _ in Sampler():
            helper(0)

    assert ENDLESS.match(stopped(use)[0])[1] == "Sampler.__iter__"
    words, took = stopped(use)
    assert ENDLESS.match(words)[1] == "Sampler.__iter__" and took < 0.2


def test_a_function_with_free_variables_and_one_that_swallows_every_exception():
    start, step = 0, 1

    def make(start, step):
        def counts():
            x = start
            while True:
                try:
                    x += step
                except Exception:
                    pass

        return counts

    first, second = make(start, step), make(5, 5)
    assert "counts" in stopped(first)[0]
    words, took = stopped(second)
    assert "counts" in words and took < 0.2


def test_nothing_is_closed_where_no_own_function_loops():
    words, took = stopped(lambda: [0 for _ in itertools.count()])
    assert words.startswith(("this", "test_"))


def test_what_ends_in_time_is_left_alone():
    with Watch(0.5, is_own).watching():
        time.sleep(0.1)
    time.sleep(0.6)
    assert helper(1) == 2


@functools.cache
def loops_elsewhere():
    while True:
        pass


def test_a_loop_found_in_another_process_is_closed_by_its_name():
    close_by_name(["loops_elsewhere"], is_own, 20)
    words, took = stopped(loops_elsewhere)
    assert words.startswith("loops_elsewhere did not end within 20 s") and took < 0.2
