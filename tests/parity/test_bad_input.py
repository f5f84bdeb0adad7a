"""Mistakes that people make, and what they are told.

Each message must say what was expected, what came, and what to try; and where PyTorch refuses too, the type of the error
is PyTorch's. `came` and `expected` are patterns that must occur; the advice is a sentence with a verb that asks for an action.
"""

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch

import tinytorch

ADVICE = re.compile(
    r"\b(use|using|try|call|calling|pass|give|check|set|convert|reshape|transpose|squeeze|unsqueeze|wrap|clone|detach|make|"
    r"did you mean|write|take|compute|choose|build|train|add|put|keep|create|cast|inherit|rename|turn|load|begin|divide|"
    r"copy|permute|expand|move|pad|match|retain|index|do it|name|remove|was anything|with \w+=|one of|between)\b",
    re.IGNORECASE,
)


@dataclass
class Case:
    do: Callable
    error: type
    came: str
    expected: str
    pytorch: bool = True  # PyTorch refuses as well, with this type or one above it


def shape(*sides):
    return r"[\(\[]" + ", ".join(map(str, sides)) + r",?[\)\]]"


def parameter(t, *sides):
    return t.ones(*sides).requires_grad_()


def twice(t):
    x = parameter(t, 3)
    y = (x * x).sum()
    y.backward()
    y.backward()


def changed_after_use(t):
    x = parameter(t, 3) * 1
    y = x * x
    x.mul_(2)
    y.sum().backward()


def changed_saved_output(t):
    y = parameter(t, 3).exp()
    y.add_(1)
    y.sum().backward()


def set_grad(t):
    x = parameter(t, 2)
    x.grad = t.ones(3)


def under_no_grad(t):
    x = parameter(t, 2)
    with t.no_grad():
        loss = (x * x).sum()
    loss.backward()


def leaf_in_place(t):
    parameter(t, 3).add_(1)


def leaf_setitem(t):
    parameter(t, 3)[0] = 1


def grad_of_unused(t):
    x, y = parameter(t, 2), parameter(t, 2)
    t.autograd.grad((x * x).sum(), (x, y))


def forgotten_super(t):
    class Net(t.nn.Module):
        def __init__(self):
            self.layer = t.nn.Linear(1, 1)

    Net()


def no_forward(t):
    class Net(t.nn.Module):
        pass

    Net()(t.ones(1))


def wrong_state(change):
    def do(t):
        layer = t.nn.Linear(3, 2)
        state = dict(layer.state_dict())
        change(t, state)
        layer.load_state_dict(state)

    return do


def assign_non_parameter(t):
    layer = t.nn.Linear(3, 2)
    layer.weight = t.ones(2, 3)


def assign_non_module(t):
    t.nn.Sequential(t.nn.Linear(1, 1), 3)


def two_minus_ones(t):
    t.zeros(4, 3).reshape(-1, -1)


def loader(*samples, **options):
    """Reads all batches of a DataLoader over these samples."""

    def do(t):
        data = [t.as_tensor(sample) if isinstance(sample, np.ndarray) else sample for sample in samples]
        list(t.utils.data.DataLoader(data, **options))

    return do


def token_file(t):
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"abcde"), file.flush()
        t.data.TokenFile(file.name, length=2)


def state_of_another_model(t):
    one, two = (t.optim.Adam([parameter(t, 2) for _ in range(n)]) for n in (1, 2))
    two.load_state_dict(one.state_dict())


def too_many_steps(t):
    schedule = t.optim.lr_scheduler.OneCycleLR(t.optim.SGD([parameter(t, 1)], 0.1), max_lr=0.1, total_steps=3)
    for _ in range(4):
        schedule.step()


def clip_nan(t):
    p = parameter(t, 2)
    p.grad = t.tensor([float("nan"), 1.0])
    t.nn.utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)


def optimizer(name, **options):
    return lambda t: getattr(t.optim, name)([parameter(t, 2)], **options)


def schedule(name, *arguments, **options):
    return lambda t: getattr(t.optim.lr_scheduler, name)(t.optim.SGD([parameter(t, 2)], 0.1), *arguments, **options)


RT, IE, TE, VE = RuntimeError, IndexError, TypeError, ValueError
CASES = {
    # shapes
    "add: shapes that do not broadcast": Case(lambda t: t.ones(2, 3) + t.ones(4), RT, r"4", r"broadcast|match"),
    "mul: shapes that do not broadcast": Case(lambda t: t.ones(2, 3) * t.ones(2), RT, shape(2, 3), r"broadcast|match"),
    "where: shapes that do not broadcast": Case(
        lambda t: t.where(t.ones(3) > 0, t.ones(2), t.zeros(2)), RT, r"3", r"broadcast|match"
    ),
    "matmul: inner sides": Case(
        lambda t: t.ones(2, 3) @ t.ones(4, 5), RT, shape(2, 3) + ".*" + shape(4, 5), r"inner|3.*4|last"
    ),
    "matmul: of a number": Case(
        lambda t: t.ones(2, 3) @ t.tensor(2.0), RT, r"0|\(\)", r"dimension|axis|1-D|1D|at least"
    ),
    "matmul: batch sides": Case(lambda t: t.ones(2, 3, 4) @ t.ones(5, 4, 3), RT, r"2.*5", r"batch|broadcast|match"),
    "mm: not matrices": Case(
        lambda t: t.mm(t.ones(3), t.ones(3, 2)), RT, shape(3) + "|1", r"2-?D|matrix|matrices|two|2 dim"
    ),
    "bmm: not batches": Case(
        lambda t: t.bmm(t.ones(3, 2), t.ones(2, 3)), RT, shape(3, 2) + "|2", r"3-?D|batch|three|3 dim"
    ),
    "dot: of matrices": Case(
        lambda t: t.dot(t.ones(2, 2), t.ones(2, 2)), RT, shape(2, 2) + "|2", r"1-?D|vector|one|1 dim"
    ),
    "dot: lengths": Case(lambda t: t.dot(t.ones(2), t.ones(3)), RT, r"2.*3", r"same|equal|length|match"),
    "reshape: another count": Case(lambda t: t.ones(2, 3).reshape(4), RT, r"4", r"6|(2, 3)"),
    "reshape: two open sides": Case(two_minus_ones, RT, r"-1", r"one|only|single"),
    "reshape: the open side is no whole number": Case(lambda t: t.ones(2, 3).reshape(4, -1), RT, r"4", r"6|divis"),
    "view: of a transposed tensor": Case(
        lambda t: t.ones(2, 3).t().view(6), RT, r"6|stride|contiguous", r"reshape|contiguous"
    ),
    "expand: a side that is not one": Case(lambda t: t.ones(2, 3).expand(4, 3), RT, r"4.*2|2.*4", r"1|match|expand"),
    "expand: fewer sides": Case(
        lambda t: t.ones(2, 3).expand(3), RT, shape(2, 3) + "|2", r"at least|dimension|sides|many"
    ),
    "squeeze and index out of the shape": Case(lambda t: t.ones(2, 3)[2], IE, r"2", r"size 2|0|range|-2"),
    "cat: sides that differ": Case(
        lambda t: t.cat([t.ones(2, 3), t.ones(2, 4)]), RT, r"3.*4", r"same|match|equal|except"
    ),
    "cat: of nothing": Case(lambda t: t.cat([]), (RT, VE), r"empty|no|0|nothing|got", r"non-empty|at least|one"),
    "stack: shapes that differ": Case(lambda t: t.stack([t.ones(2), t.ones(3)]), RT, r"2.*3", r"same|equal"),
    "split: sizes that do not sum up": Case(lambda t: t.ones(5).split([2, 2]), RT, r"\[2, 2\]|4", r"5|sum"),
    "t: of three axes": Case(lambda t: t.ones(2, 3, 4).t(), RT, r"3", r"2|transpose|permute"),
    "one element: item of many": Case(lambda t: t.ones(2, 3).item(), RT, r"6|" + shape(2, 3), r"one|single|1"),
    "one element: truth of many": Case(lambda t: bool(t.ones(2)), RT, r"2|more than one", r"any|all|ambiguous"),
    "gather: index of another rank": Case(
        lambda t: t.ones(2, 3).gather(1, t.tensor([0, 1])), RT, r"1|" + shape(2), r"2|same|dimension|axes"
    ),
    "gather: index out of range": Case(
        lambda t: t.ones(2, 3).gather(1, t.tensor([[0], [7]])), RT, r"7", r"3|range|bound|size"
    ),
    "masked_select and masks of another shape": Case(
        lambda t: t.ones(2, 3)[t.ones(3) > 0], IE, r"3", r"2|mask|shape|match"
    ),
    "einsum: sides that differ": Case(
        lambda t: t.einsum("ij,jk->ik", t.ones(2, 3), t.ones(4, 5)), RT, r"3.*4|j", r"j|size|match"
    ),
    "einsum: too few operands": Case(lambda t: t.einsum("ij,jk->ik", t.ones(2, 3)), (RT, VE), r"1", r"2|operand"),
    "unbind, arange with a step of zero": Case(lambda t: t.arange(0, 3, 0), RT, r"0", r"zero|nonzero|step"),
    "negative size": Case(lambda t: t.zeros(-1), RT, r"-1", r"negative|positive|at least"),
    "topk: more than there are": Case(lambda t: t.ones(3).topk(5), RT, r"5", r"3|range|size|most"),
    # axes
    "sum: axis out of range": Case(lambda t: t.ones(2, 3).sum(2), IE, r"2", r"-2|range|axes|dimension"),
    "softmax: axis out of range": Case(lambda t: t.softmax(t.ones(2, 3), dim=5), IE, r"5", r"-2|range|axes|dimension"),
    "transpose: axis out of range": Case(lambda t: t.ones(2).transpose(0, 1), IE, r"1", r"range|axes|dimension"),
    "permute: an axis twice": Case(
        lambda t: t.ones(2, 3).permute(0, 0), RT, r"0, 0|twice|repeat", r"unique|once|each|duplicate"
    ),
    "permute: too few axes": Case(lambda t: t.ones(2, 3).permute(0), RT, r"1|\(0", r"2|each|all|every"),
    "unsqueeze: axis out of range": Case(lambda t: t.ones(2).unsqueeze(4), IE, r"4", r"-2|range|axes"),
    "sum: an axis twice": Case(
        lambda t: t.ones(2, 3).sum((0, 0)), RT, r"0", r"twice|unique|once|multiple|different|repeat"
    ),
    "max of nothing": Case(lambda t: t.zeros(0).max(), RT, r"empty|0|no elements", r"element|identity|empty"),
    "too many indices": Case(lambda t: t.ones(2, 3)[0, 0, 0], IE, r"3", r"2|too many"),
    "negative step": Case(lambda t: t.ones(3)[::-1], VE, r"-1|negative", r"positive|greater than zero|flip"),
    # dtypes
    "mean of integers": Case(lambda t: t.arange(3).mean(), RT, r"int64|Long|integer", r"float"),
    "gradient of integers": Case(lambda t: t.arange(3).requires_grad_(), RT, r"int64|integer", r"float"),
    "tensor of integers with gradient": Case(
        lambda t: t.tensor([1, 2], requires_grad=True), RT, r"int64|integer", r"float"
    ),
    "matmul of unlike dtypes": Case(
        lambda t: t.ones(2, 2) @ t.ones(2, 2, dtype=t.float64), RT, r"float64|double", r"float32|same"
    ),
    "in place: a float into integers": Case(lambda t: t.arange(3).add_(0.5), RT, r"float", r"int|Long"),
    "index of floats": Case(lambda t: t.ones(3)[t.tensor([0.0, 1.0])], IE, r"float", r"int|long|bool|integer"),
    "gather by floats": Case(lambda t: t.ones(3).gather(0, t.ones(2)), RT, r"float", r"int64|integer"),
    "masked_fill of integers with infinity": Case(
        lambda t: t.tensor([1, 2]).masked_fill(t.tensor([True, False]), float("-inf")), RT, r"int64", r"dtype|integer"
    ),
    "masked_fill by a mask of numbers": Case(
        lambda t: t.ones(3).masked_fill(t.ones(3), 0), RT, r"float|dtype", r"bool"
    ),
    "minus of booleans": Case(
        lambda t: t.tensor([True]) - t.tensor([False]), RT, r"bool", r"logical_xor|\^|numbers|int|float"
    ),
    "a negative power of integers": Case(
        lambda t: t.arange(1, 4) ** -1, RT, r"-1|negative|integer", r"float|non-?negative"
    ),
    "bernoulli of more than one": Case(lambda t: t.bernoulli(t.tensor([2.0])), RT, r"2|probab", r"0|1|between"),
    # data
    "ragged list": Case(lambda t: t.tensor([[1, 2], [3]]), VE, r"1|lengths? |ragged", r"same length|2|equal|length"),
    "text": Case(lambda t: t.tensor(["a", "b"]), (VE, TE), r"str|text|'a'", r"number|numeric|int|float|bool"),
    "None": Case(lambda t: t.tensor([None]), (RT, TE, VE), r"None", r"number|numeric|int|float|dtype|infer"),
    "adding text": Case(lambda t: t.ones(2) + "a", TE, r"str|'a'", r"[Tt]ensor|number"),
    "in a list instead of a tensor": Case(lambda t: t.exp([1.0, 2.0]), TE, r"list", r"[Tt]ensor"),
    # autograd
    "backward twice": Case(twice, RT, r"second time|twice|already|freed", r"retain_graph"),
    "backward of a tensor with no graph": Case(
        lambda t: t.ones(1).sum().backward(), RT, r"require|grad_fn", r"requires_grad"
    ),
    "backward of many without a gradient": Case(
        lambda t: (parameter(t, 3) * 2).backward(), RT, r"3|scalar", r"scalar|gradient"
    ),
    "backward with a gradient of another shape": Case(
        lambda t: (parameter(t, 3) * 2).backward(t.ones(2)), RT, r"2", r"3|shape"
    ),
    "a saved tensor was changed": Case(changed_after_use, RT, r"mul", r"inplace|in-place|in place|version"),
    "a saved output was changed": Case(changed_saved_output, RT, r"exp", r"inplace|in-place|in place|version"),
    "in place on a leaf": Case(leaf_in_place, RT, r"leaf", r"no_grad|in-place|in place"),
    "assignment into a leaf": Case(leaf_setitem, RT, r"leaf", r"no_grad|in-place|in place"),
    "grad of an unused input": Case(grad_of_unused, RT, r"unused|not.*used", r"allow_unused"),
    "numpy of a tensor with gradient": Case(
        lambda t: parameter(t, 2).numpy(), RT, r"requires.grad|gradient", r"detach"
    ),
    "grad set to another shape": Case(set_grad, RT, r"3", r"2|shape|size"),
    "no_grad around the loss": Case(under_no_grad, RT, r"require|grad_fn|no_grad", r"requires_grad|no_grad"),
    # modules
    "Linear: features of another count": Case(lambda t: t.nn.Linear(3, 2)(t.ones(4, 5)), RT, r"5|" + shape(4, 5), r"3"),
    "Module without super().__init__()": Case(forgotten_super, AttributeError, r"__init__", r"super|Module"),
    "Module without forward": Case(no_forward, NotImplementedError, r"Net", r"forward"),
    "state dict: missing": Case(wrong_state(lambda t, s: s.pop("bias")), RT, r"bias", r"[Mm]issing"),
    "state dict: unexpected": Case(wrong_state(lambda t, s: s.update(b=t.ones(1))), RT, r"b", r"[Uu]nexpected"),
    "state dict: misshapen": Case(
        wrong_state(lambda t, s: s.update(weight=t.ones(3, 3))), RT, shape(3, 3), shape(2, 3) + "|size|shape"
    ),
    "a tensor where a Parameter was": Case(assign_non_parameter, TE, r"weight", r"Parameter"),
    "a number among the layers": Case(assign_non_module, TE, r"int", r"Module"),
    "an attribute that is not there": Case(lambda t: t.nn.Linear(1, 1).wieght, AttributeError, r"wieght", r"Linear"),
    "softmax along no axis": Case(lambda t: t.nn.init.calculate_gain("relo"), VE, r"relo", r"relu|nonlinearity"),
    # losses
    "mse_loss: shapes that would broadcast": Case(
        lambda t: t.nn.functional.mse_loss(t.ones(3, 1), t.ones(3)), VE, shape(3, 1) + ".*" + shape(3), r"equal", False
    ),
    "mse_loss: a number for a target": Case(
        lambda t: t.nn.functional.mse_loss(t.ones(3), 1.0), TE, r"float", r"Tensor", False
    ),
    "l1_loss: another reduction": Case(
        lambda t: t.nn.functional.l1_loss(t.ones(3), t.ones(3), reduction="average"), VE, r"average", r"'mean'"
    ),
    "MSELoss: another reduction": Case(
        lambda t: t.nn.MSELoss(reduction="avg")(t.ones(3), t.ones(3)), VE, r"avg", r"'sum'"
    ),
    "huber_loss: delta of zero": Case(
        lambda t: t.nn.functional.huber_loss(t.ones(3), t.ones(3), delta=0.0), RT, r"0\.0", r"positive"
    ),
    "smooth_l1_loss: a negative beta": Case(
        lambda t: t.nn.functional.smooth_l1_loss(t.ones(3), t.ones(3), beta=-1.0), RT, r"-1\.0", r"positive|negative"
    ),
    "cross_entropy: a class that is not there": Case(
        lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), t.tensor([0, 7])), IE, r"7", r"0 to 2"
    ),
    "cross_entropy: a column of targets": Case(
        lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), t.tensor([[0], [1]])), RT, shape(2, 1), shape(2)
    ),
    "cross_entropy: more targets than rows": Case(
        lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), t.tensor([0, 1, 2])), VE, shape(3), shape(2)
    ),
    "cross_entropy: class indices as floats": Case(
        lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), t.ones(2)), RT, shape(2), shape(2, 3) + ".*long"
    ),
    "cross_entropy: class indices as booleans": Case(
        lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), t.tensor([True, False])), RT, r"bool", r"integer"
    ),
    "cross_entropy: a list of targets": Case(
        lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), [0, 1]), TE, r"list", r"target.*Tensor"
    ),
    "cross_entropy: integer logits": Case(
        lambda t: t.nn.functional.cross_entropy(t.ones(2, 3).long(), t.tensor([0, 1])), RT, r"int64", r"floating", False
    ),
    "cross_entropy: weights for other classes": Case(
        lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), t.tensor([0, 1]), weight=t.ones(2)),
        RT,
        shape(2),
        r"3 classes",
    ),
    "cross_entropy: smoothing above one": Case(
        lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), t.tensor([0, 1]), label_smoothing=1.5),
        RT,
        r"1\.5",
        r"0 and 1",
    ),
    "cross_entropy: ignore_index of distributions": Case(
        lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), t.ones(2, 3), ignore_index=1),
        RT,
        r"float",
        r"class indices",
    ),
    "nll_loss: weights for other classes": Case(
        lambda t: t.nn.functional.nll_loss(t.ones(2, 3), t.tensor([0, 1]), weight=t.ones(4)), RT, shape(4), r"3 classes"
    ),
    "binary_cross_entropy: of logits": Case(
        lambda t: t.nn.functional.binary_cross_entropy(t.tensor([1.5]), t.ones(1)), RT, r"1\.5", r"0 and 1"
    ),
    "binary_cross_entropy: a target of two": Case(
        lambda t: t.nn.functional.binary_cross_entropy(t.tensor([0.5]), t.tensor([2.0])), RT, r"target.*2", r"0 and 1"
    ),
    "binary_cross_entropy_with_logits: shapes": Case(
        lambda t: t.nn.functional.binary_cross_entropy_with_logits(t.ones(2, 1), t.ones(2)), VE, shape(2, 1), r"equal"
    ),
    "kl_div: another reduction": Case(
        lambda t: t.nn.functional.kl_div(t.ones(2, 3), t.ones(2, 3), reduction="rows"), VE, r"rows", r"'mean'"
    ),
    # normalization
    "LayerNorm: other features": Case(lambda t: t.nn.LayerNorm(4)(t.ones(2, 3)), RT, shape(2, 3), shape(4)),
    "LayerNorm: too few dimensions": Case(lambda t: t.nn.LayerNorm((3, 4))(t.ones(4)), RT, shape(4), shape(3, 4)),
    "layer_norm: a number for a shape": Case(lambda t: t.nn.functional.layer_norm(t.ones(2, 3), 3), TE, r"3", r"tuple"),
    "layer_norm: a bias of another shape": Case(
        lambda t: t.nn.functional.layer_norm(t.ones(2, 3), (3,), t.ones(3), t.ones(1, 3)), RT, shape(1, 3), shape(3)
    ),
    "LayerNorm: of integers": Case(lambda t: t.nn.LayerNorm(3)(t.ones(2, 3).long()), RT, r"int64", r"floating"),
    "RMSNorm: other features": Case(lambda t: t.nn.RMSNorm(4)(t.ones(2, 3)), RT, shape(2, 3), shape(4)),
    "GroupNorm: channels that do not divide": Case(lambda t: t.nn.GroupNorm(2, 3), VE, r"3.*2", r"divisible"),
    "group_norm: channels that do not divide": Case(
        lambda t: t.nn.functional.group_norm(t.ones(2, 3), 2), RT, shape(2, 3), r"num_groups=2"
    ),
    "GroupNorm: other channels": Case(
        lambda t: t.nn.GroupNorm(2, 4)(t.ones(2, 6, 3)), RT, shape(2, 6, 3), r"6 channels"
    ),
    "group_norm: no channels": Case(lambda t: t.nn.functional.group_norm(t.ones(4), 2), RT, shape(4), r"\(N, C"),
    "BatchNorm1d: one sample": Case(lambda t: t.nn.BatchNorm1d(3)(t.ones(1, 3)), VE, shape(1, 3), r"more than 1"),
    "BatchNorm1d: other features": Case(lambda t: t.nn.BatchNorm1d(3)(t.ones(4, 5)), RT, shape(4, 5) + "|5", r"3"),
    "BatchNorm2d: of a matrix": Case(lambda t: t.nn.BatchNorm2d(3)(t.ones(4, 3)), VE, r"2D", r"4D"),
    "batch_norm: half of the statistics": Case(
        lambda t: t.nn.functional.batch_norm(t.ones(4, 3), t.zeros(3), None, training=True),
        VE,
        r"one of them",
        r"together",
    ),
    "batch_norm: evaluation without statistics": Case(
        lambda t: t.nn.functional.batch_norm(t.ones(4, 3), None, None),
        RT,
        r"None",
        r"training=True",
    ),
    "batch_norm: statistics of other channels": Case(
        lambda t: t.nn.functional.batch_norm(t.ones(4, 3), t.zeros(2), t.ones(2), training=True),
        RT,
        shape(2),
        r"3 channels",
    ),
    "Dropout: a probability above one": Case(lambda t: t.nn.Dropout(1.5), VE, r"1\.5", r"0 and 1"),
    "dropout: a negative probability": Case(
        lambda t: t.nn.functional.dropout(t.ones(2), -0.1), VE, r"-0\.1", r"0 and 1"
    ),
    "residual: a body of another shape": Case(
        lambda t: tinytorch.nn.normalization.residual(tinytorch.ones(3, 1), lambda x: tinytorch.ones(3, 4)),
        RT,
        shape(3, 1) + ".*" + shape(3, 4),
        r"equal",
        False,
    ),
    "checkpoint: a function of two results": Case(
        lambda t: tinytorch.nn.normalization.checkpoint(lambda x: (x, x), tinytorch.ones(2)),
        TE,
        r"tuple",
        r"one Tensor",
        False,
    ),
    "checkpoint: of a list": Case(
        lambda t: tinytorch.nn.normalization.checkpoint(lambda x: x, [1.0]), TE, r"list", r"Tensors", False
    ),
    # data
    "TensorDataset: lengths that differ": Case(
        lambda t: t.utils.data.TensorDataset(t.ones(3), t.ones(2)), (VE, AssertionError), r"3, 2", r"same length", False
    ),
    "random_split: lengths that do not sum up": Case(
        lambda t: t.utils.data.random_split(range(10), [4, 4]), VE, r"8", r"10 samples"
    ),
    "random_split: a negative fraction": Case(
        lambda t: t.utils.data.random_split(range(10), [1.5, -0.5]), VE, r"-0\.5", r"between 0 and 1"
    ),
    "ConcatDataset: an index beyond the end": Case(
        lambda t: t.utils.data.ConcatDataset([range(2), range(3)])[7], IE, r"7", r"5 samples"
    ),
    "batches of arrays of different shapes": Case(
        loader(np.ones(3), np.ones(2), batch_size=2), RT, shape(2) + ".*" + shape(3), r"equal shapes"
    ),
    "batches of token lists of different lengths": Case(
        loader([1, 2, 3], [4], batch_size=2), RT, r"\[1, 3\]", r"pad_collate"
    ),
    "batches of objects": Case(loader(object(), object(), batch_size=2), TE, r"object", r"tensors, arrays, numbers"),
    "batches of None": Case(loader(None, None, batch_size=2), TE, r"NoneType", r"collate_fn"),
    "DataLoader: batch_size of 0": Case(loader(1, batch_size=0), VE, r"batch_size=0", r"positive"),
    "DataLoader: a negative number of workers": Case(loader(1, num_workers=-2), VE, r"-2", r"at least 0"),
    "DataLoader: prefetching without workers": Case(loader(1, prefetch_factor=4), VE, r"prefetch", r"num_workers > 0"),
    "DataLoader: shuffle and a sampler": Case(
        loader(1, shuffle=True, sampler=[0]), VE, r"sampler", r"exclusive with shuffle"
    ),
    "DataLoader: batch_sampler and batch_size": Case(
        loader(1, batch_sampler=[[0]], batch_size=2), VE, r"batch_sampler", r"exclusive"
    ),
    "WeightedRandomSampler: a negative weight": Case(
        lambda t: t.utils.data.WeightedRandomSampler([1.0, -1.0], 2), VE, r"-1", r"non-negative", False
    ),
    "WeightedRandomSampler: more than there are": Case(
        lambda t: list(t.utils.data.WeightedRandomSampler([1.0, 0.0], 2, replacement=False)),
        (VE, RT),
        r"2",
        r"1",
        False,
    ),
    "a dataset without __getitem__": Case(
        lambda t: t.utils.data.Dataset()[0], NotImplementedError, r"Dataset", r"__getitem__"
    ),
    "TokenFile: half a token": Case(token_file, VE, r"5 bytes", r"multiple of 2.*at least 6", False),
    "make_loader: an unknown task": Case(
        lambda t: t.data.make_loader([1], "translation"), VE, r"translation", r"language_model", False
    ),
    # optimizers
    "optimizer: no parameters": Case(lambda t: t.optim.SGD([], 0.1), VE, r"empty", r"model\.parameters"),
    "optimizer: one Tensor": Case(lambda t: t.optim.SGD(parameter(t, 2), 0.1), TE, r"one Tensor|Tensor", r"\[tensor\]"),
    "optimizer: not a leaf": Case(lambda t: t.optim.SGD([parameter(t, 2) * 2], 0.1), VE, r"non-leaf", r"parameter"),
    "optimizer: numbers": Case(lambda t: t.optim.SGD([1.0], 0.1), TE, r"float", r"Tensors"),
    "optimizer: a parameter twice": Case(
        lambda t: (lambda p: t.optim.SGD([{"params": [p]}, {"params": [p]}], 0.1))(parameter(t, 2)), VE, r"2", r"once"
    ),
    "optimizer: a negative rate": Case(optimizer("SGD", lr=-0.1), VE, r"-0\.1", r"0 or more"),
    "optimizer: a rate that is no number": Case(optimizer("Adam", lr=float("nan")), VE, r"nan", r"0 or more"),
    "Adam: a beta of 1": Case(optimizer("Adam", betas=(0.9, 1.0)), VE, r"0\.9, 1\.0", r"\[0, 1\)"),
    "AdamW: a negative decay": Case(optimizer("AdamW", weight_decay=-1), VE, r"-1", r"0 or more"),
    "Adadelta: rho of 2": Case(optimizer("Adadelta", rho=2), VE, r"2", r"\[0, 1\)"),
    "SGD: Nesterov without momentum": Case(
        optimizer("SGD", lr=0.1, nesterov=True), VE, r"got 0", r"requires a momentum"
    ),
    "optimizer: the state of another model": Case(state_of_another_model, VE, r"\[1\]", r"\[2\]"),
    "clip_grad_norm_: NaN": Case(clip_nan, RT, r"nan", r"cannot be clipped"),
    "schedule of a model": Case(
        lambda t: t.optim.lr_scheduler.StepLR(t.nn.Linear(1, 1), 2), TE, r"Linear", r"an Optimizer"
    ),
    "LambdaLR: a function too many": Case(schedule("LambdaLR", [abs, abs]), VE, r"2", r"1 lr_lambdas"),
    "LinearLR: from nothing": Case(schedule("LinearLR", start_factor=0), VE, r"got 0", r"greater than 0"),
    "OneCycleLR: no number of steps": Case(
        schedule("OneCycleLR", 0.1), VE, r"total_steps", r"epochs AND steps_per_epoch"
    ),
    "OneCycleLR: a step too many": Case(too_many_steps, VE, r"4 times", r"total steps is 3"),
    "SequentialLR: no milestones": Case(
        lambda t: (
            lambda o: t.optim.lr_scheduler.SequentialLR(o, [t.optim.lr_scheduler.StepLR(o, 1) for _ in range(2)], [])
        )(t.optim.SGD([parameter(t, 2)], 0.1)),
        VE,
        r"got 0",
        r"need 1",
    ),
    "ReduceLROnPlateau: a factor of 2": Case(schedule("ReduceLROnPlateau", factor=2), VE, r"got 2", r"< 1"),
    "ReduceLROnPlateau: another mode": Case(schedule("ReduceLROnPlateau", "lowest"), VE, r"lowest", r"'min' or 'max'"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_message_says_what_was_expected_what_came_and_what_to_try(name):
    case = CASES[name]
    with pytest.raises(case.error) as caught:
        case.do(tinytorch)
    message = str(caught.value)
    for what, pattern in (("what came", case.came), ("what was expected", case.expected)):
        assert re.search(pattern, message, re.DOTALL), f"does not say {what} (/{pattern}/):\n{message}"
    assert ADVICE.search(message), f"does not say what to try:\n{message}"
    assert len(message) < 600, f"too long to be read:\n{message}"
    assert "numpy" not in message.lower() or "numpy()" in message, f"speaks of what lies underneath:\n{message}"


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.pytorch])
def test_the_type_is_pytorchs(name):
    kinds = []
    for t in (tinytorch, torch):
        with pytest.raises(Exception) as caught:
            CASES[name].do(t)
        kinds.append(caught.type)
    assert issubclass(kinds[0], kinds[1]), f"{kinds[0].__name__}, PyTorch raises {kinds[1].__name__}"


def test_a_failed_operation_leaves_everything_as_it_was():
    """No half-written tensor, no gradient, no switched mode."""
    x = tinytorch.ones(2, 3).requires_grad_()
    y = x * 2
    for wrong in (lambda: y.add_(tinytorch.ones(4)), lambda: y.copy_(tinytorch.ones(4)), lambda: y @ y):
        with pytest.raises(RuntimeError):
            wrong()
    with pytest.raises(RuntimeError), tinytorch.no_grad():
        y + tinytorch.ones(4)
    assert tinytorch.is_grad_enabled()
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.full((2, 3), 2.0))


def test_there_are_forty():
    assert len(CASES) >= 40
