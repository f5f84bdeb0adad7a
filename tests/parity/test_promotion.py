"""The dtype of a result, for every pair of dtypes and every kind of operand: exactly PyTorch's."""

import operator

import numpy as np
import pytest
import torch
from oracle import ANY

import tinytorch

SCALARS = (True, 2, 2.5)
KINDS = ("tensor", "0-d", "scalar")
OPERATIONS = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "floor_divide": operator.floordiv,
    "remainder": operator.mod,
    "pow": operator.pow,
    "gt": operator.gt,
    "eq": operator.eq,
}


def operand(t, kind, name):
    """An operand of ones of the dtype: with dimensions, without, or the name read as a Python number."""
    if kind == "scalar":
        return name
    array = np.ones((2,) if kind == "tensor" else (), dtype=name)
    return t.tensor(array)


def operands():
    for left in KINDS:
        for right in KINDS:
            for a in SCALARS if left == "scalar" else ANY:
                for b in SCALARS if right == "scalar" else ANY:
                    yield left, a, right, b


def dtype_name(dtype):
    return str(dtype).removeprefix("torch.")


def attempt(function, t, *arguments):
    try:
        result = function(t, *arguments)
        return dtype_name(getattr(result, "dtype", result))
    except Exception as error:
        return type(error)


def differences(function, cases):
    found = []
    for left, a, right, b in cases:
        results = [attempt(function, t, operand(t, left, a), operand(t, right, b)) for t in (tinytorch, torch)]
        if results[1] is NotImplementedError:
            continue  # PyTorch has no kernel for it, and nobody is bound
        if results[0] != results[1]:
            found.append(f"{left} {a} with {right} {b}: {results[0]}, PyTorch has {results[1]}")
    return found


def report(found):
    assert not found, f"{len(found)} differ:\n" + "\n".join(found[:20])


def test_result_type():
    report(differences(lambda t, a, b: t.result_type(a, b), operands()))


@pytest.mark.parametrize("name", OPERATIONS)
def test_operators(name):
    cases = [c for c in operands() if "scalar" not in (c[0], c[2]) or c[0] != c[2]]
    report(differences(lambda t, a, b: OPERATIONS[name](a, b), cases))


@pytest.mark.parametrize("name", ["maximum", "minimum", "logical_and"])
def test_functions_of_two_tensors(name):
    cases = [c for c in operands() if "scalar" not in (c[0], c[2])]
    report(differences(lambda t, a, b: getattr(t, name)(a, b), cases))


def test_where():
    cases = [c for c in operands() if c[0] != "scalar"]
    report(differences(lambda t, a, b: t.where(t.tensor([True, False]), a, b), cases))


def test_cat_and_stack():
    cases = [c for c in operands() if (c[0], c[2]) == ("tensor", "tensor")]
    report(differences(lambda t, a, b: t.cat([a, b]), cases))
    report(differences(lambda t, a, b: t.stack([a, b]), cases))


def test_matmul_does_not_promote():
    cases = [("tensor", a, "tensor", b) for a in ANY for b in ANY if {"float16", "bool"}.isdisjoint((a, b))]
    report(differences(lambda t, a, b: a.reshape(1, 2) @ b.reshape(2, 1), cases))


@pytest.mark.parametrize("name", ["add_", "mul_", "div_", "copy_"])
def test_in_place_keeps_the_dtype_or_refuses(name):
    cases = [c for c in operands() if c[0] == "tensor" and not (name == "copy_" and c[2] == "scalar")]
    report(differences(lambda t, a, b: getattr(a, name)(b), cases))


@pytest.mark.parametrize(
    "name", ["sum", "prod", "mean", "cumsum", "exp", "sqrt", "abs", "neg", "var", "argmax", "any", "max"]
)
def test_one_tensor(name):
    def function(t, a, _):
        return getattr(t, name)(a, 0) if name == "cumsum" else getattr(t, name)(a)

    dtypes = ANY if name != "argmax" else ANY[:-1]  # PyTorch has no argmax of bools
    report(differences(function, [(kind, a, "scalar", 0) for kind in KINDS[:2] for a in dtypes]))


def test_python_numbers_become_the_default_dtypes():
    for value in (True, 3, 2.5, [True], [1, 2], [1, 2.5], [True, 2], [], np.float64(1), np.ones(2), np.arange(2)):
        assert dtype_name(tinytorch.tensor(value).dtype) == dtype_name(torch.tensor(value).dtype), value
