"""Ends what does not end by itself, once: the function that loops is closed, and fails at once when it is called again.

So a loop without an end costs its time limit one time, however many cells and tests run into it. The same code watches
the cells of a kernel (Validate, `tito test`) and the tests of pytest. It needs the alarm signal: where there is none, on
Windows, what starts the kernel interrupts it from outside.
"""

from __future__ import annotations

import gc
import re
import signal
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from inspect import CO_GENERATOR
from types import CodeType, FrameType, FunctionType

LOOKS = 40
"""How often the stack is looked at in the last second: what stands in it each time is what loops."""

ENDLESS = re.compile(r"(\S+) did not end within ")


NOWHERE = "this did not end"
"""How the words begin where no function was found that could be closed."""


class EndlessLoop(BaseException):
    """Something did not end within its time. Not an Exception, so that no `except Exception` goes on with the loop."""


def describe(name: str, seconds: float) -> str:
    return f"{name} did not end within {seconds:g} s: is there a loop without an end?"


class Watch:
    """Raises EndlessLoop in what lasts longer than `seconds`; `is_own` says which code may be closed for it.

    With `only_inside`, the alarm is ignored while no own code is on the stack: the cell has ended, its kernel has not.
    """

    def __init__(self, seconds: float, is_own: Callable[[CodeType], bool], only_inside: bool = False):
        self.seconds, self.is_own, self.only_inside = seconds, is_own, only_inside
        self.begun = 0.0
        self.samples: list[list[FrameType]] = []
        self.words = ""

    def start(self) -> None:
        if not hasattr(signal, "setitimer"):
            return
        self.begun = time.monotonic()
        self.samples, self.words = [], ""
        signal.signal(signal.SIGALRM, self._look)
        last = min(1.0, self.seconds / 2)
        signal.setitimer(signal.ITIMER_REAL, self.seconds - last, last / LOOKS)

    def stop(self) -> None:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        self.samples = []

    @contextmanager
    def watching(self):
        self.start()
        try:
            yield
        finally:
            self.stop()

    def _look(self, _signal, frame: FrameType | None) -> None:
        __tracebackhide__ = True  # noqa: F841  (IPython and pytest leave this frame out of what they show)
        stack = []
        while frame is not None:
            stack.append(frame)
            frame = frame.f_back
        if self.only_inside and not any(self.is_own(one.f_code) for one in stack):
            return
        self.samples.append(stack[::-1])
        if time.monotonic() - self.begun < self.seconds:
            return
        if not self.words:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.words = self._close()
            signal.setitimer(signal.ITIMER_REAL, 1, 1)  # again, for a loop that catches everything
        raise EndlessLoop(self.words)

    def _close(self) -> str:
        """Close what loops; the words to say."""
        code = looping(self.samples, self.is_own)
        self.samples = []  # frames hold the arrays of whoever runs in them
        if code:
            close([code], self.seconds)
        return describe(code.co_qualname if code else "this", self.seconds)


def looping(samples: list[list[FrameType]], is_own: Callable[[CodeType], bool]) -> CodeType | None:
    """The function that the program stays in: the deepest call that is on the stack each time, the very same call.

    Where that is no own function (a test that waits for a generator to end), it is the one found below each time, or a
    generator that is found there at all.
    """
    depth = 0
    while all(len(stack) > depth for stack in samples) and len({id(stack[depth]) for stack in samples}) == 1:
        depth += 1
    deepest = samples[0][depth - 1].f_code if depth else None
    if deepest and is_own(deepest) and deepest.co_name != "<module>":
        return deepest
    below = [[frame.f_code for frame in stack[depth:] if is_own(frame.f_code)] for stack in samples]
    generators = [code for codes in below for code in codes if code.co_flags & CO_GENERATOR]
    always = [code for code in below[0] if all(code in codes for codes in below)]
    return next(iter(always + generators), None)


def close(codes: Iterable[CodeType], seconds: float) -> None:
    """Let every function with one of these codes raise EndlessLoop as soon as it is called."""
    codes = set(codes)
    for function in [one for one in gc.get_objects() if isinstance(one, FunctionType) and one.__code__ in codes]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a generator function becomes an ordinary one
            function.__code__ = closed(function.__code__, seconds)


def close_by_name(names: Iterable[str], is_own: Callable[[CodeType], bool], seconds: float) -> None:
    """Close the own functions of these qualified names: they were found to loop in another process."""
    names = set(names)
    functions = [one for one in gc.get_objects() if isinstance(one, FunctionType)]
    close([f.__code__ for f in functions if f.__code__.co_qualname in names and is_own(f.__code__)], seconds)


def closed(code: CodeType, seconds: float) -> CodeType:
    """A code object in the place of `code`, with the same name, file and free variables, that only raises."""
    free = "".join(f"{name}, " for name in code.co_freevars)
    words = describe(code.co_qualname, seconds)
    body = f"raise __import__('tito.watch', fromlist=['EndlessLoop']).EndlessLoop({words!r}); ({free})"
    outer = compile(f"def outer({free}):\n    def inner(*args, **options): {body}", code.co_filename, "exec")
    inner = outer
    for _ in range(2):
        inner = next(const for const in inner.co_consts if isinstance(const, CodeType))
    return inner.replace(co_name=code.co_name, co_qualname=code.co_qualname, co_firstlineno=code.co_firstlineno)
