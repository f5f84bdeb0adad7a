"""Every public operation against PyTorch: values and gradients, over shapes, dtypes and layouts.

The calls are drawn by the rows of `table.py`; `oracle.py` runs each on both libraries. By default a row gets thirty calls, the same
in every run; `pytest -m slow` searches longer and elsewhere (PARITY_EXAMPLES=1000 for longer still).
"""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import LAYOUTS, Draw, compare, compare_twice
from table import CREATION, IN_PLACE, SMOOTH, TABLE


def drawn(table, name, twice=False):
    return st.composite(lambda draw: table[name](Draw(draw, name, twice)))()


@pytest.mark.parametrize("name", TABLE)
@given(data=st.data())
def test_values_and_gradients(name, data):
    call = data.draw(drawn(TABLE, name))
    layout = data.draw(st.sampled_from(LAYOUTS))
    compare(call, seed=data.draw(st.integers(0, 99)), layout=layout)


@pytest.mark.parametrize("name", CREATION)
@given(data=st.data())
def test_creation(name, data):
    compare(data.draw(drawn(CREATION, name)))


@pytest.mark.parametrize("name", IN_PLACE)
@given(data=st.data())
def test_in_place(name, data):
    compare(data.draw(drawn(IN_PLACE, name)), seed=data.draw(st.integers(0, 99)))


@pytest.mark.parametrize("name", SMOOTH)
@settings(max_examples=settings().max_examples // 3)
@given(data=st.data())
def test_second_derivative(name, data):
    compare_twice(data.draw(drawn(SMOOTH, name, twice=True)), seed=data.draw(st.integers(0, 99)))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*TABLE, *CREATION, *IN_PLACE])
@settings(max_examples=int(os.environ.get("PARITY_EXAMPLES", 200)), derandomize=False)
@given(data=st.data())
def test_for_longer(name, data):
    table = next(table for table in (TABLE, CREATION, IN_PLACE) if name in table)
    compare(data.draw(drawn(table, name)), data.draw(st.integers(0, 10**6)), data.draw(st.sampled_from(LAYOUTS)))
