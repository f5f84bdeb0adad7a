"""PyTorch's own database of samples, run over tinytorch: `python tests/parity/database.py` prints the table by module.

`torch.testing._internal` ships, for every operation, module and optimizer, samples of good and bad input, aliases, methods,
in-place and operator variants. Each entry that tinytorch has is a row here; a row is judged by its kinds:

    values      the samples, in float32, float64, float16, int64 and bool: value, shape, dtype
    gradients   float64: the gradient of a random combination of the results
    second      float64: the gradient of a random combination of the gradients
    refused     bad input is refused
    exception   with PyTorch's type of exception
    variants    method, in-place method, operators, aliases exist and compute the same
    out         `out=` is filled, and returned

`judge(row)` gives for each kind the counts (right, all) and the first complaint. Both libraries get the same numbers: what
PyTorch's generator makes is copied, with its strides.
"""

import itertools
import sys
import types
import warnings
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch.testing._internal import common_methods_invocations as invocations
from torch.testing._internal import common_modules as modules
from torch.testing._internal import common_optimizers as optimizers

HOME = Path(__file__).resolve().parents[2]
KNOWN = Path(__file__).with_name("known_failures.txt")
sys.path.insert(0, str(HOME))

import tinytorch  # noqa: E402
from tito.registry import module_of  # noqa: E402

DTYPES = ("float32", "float64", "float16", "int64", "bool")
KINDS = ("values", "gradients", "second", "refused", "exception", "variants", "out")
# relative to the largest number in the result; float32 sums are in another order here
TOLERANCE = {"float64": 1e-9, "float32": 2e-5, "float16": 8e-3, "complex64": 2e-5, "complex128": 1e-9}

# What the course does not build, wherever a sample asks for it: samples that need it are left out.
ABSENT = {
    "layout": "sparse and blocked layouts",
    "memory_format": "channels-last memory",
    "pin_memory": "pinned memory",
    "generator": "PyTorch's generator draws other numbers",
}
# Rows of which only shape and dtype can be compared.
UNSPECIFIED = {
    "random": """bernoulli multinomial normal rand_like randn_like randint_like rand randn randint randperm
        nn.functional.dropout uniform cauchy exponential geometric log_normal""",
    "whatever was in the memory": "empty empty_like new_empty empty_strided new_empty_strided empty_permuted",
}
UNSPECIFIED = {name for names in UNSPECIFIED.values() for name in names.split()}


# Kinds of rows that cannot be compared, each with its reason.
EXCEPTIONS = {
    "as_strided.partial_views": "its samples look beyond their own tensor, into memory that a copy does not have",
    "sort values": "PyTorch's order of equal float16 numbers is not specified, unless stable=True",
    "argsort values": "the same",
    "topk values": "the same: which of equal numbers is taken",
}


class Absent(Exception):
    """A sample needs what the course does not build."""


# ---------------------------------------------------------------- from PyTorch to tinytorch


def convert(value, leaves=None):
    """The value of PyTorch's as one of tinytorch's: the same numbers, dtype and strides. Leaves are collected."""
    if isinstance(value, torch.Tensor):
        return convert_tensor(value, leaves)
    if isinstance(value, torch.dtype):
        name = str(value).removeprefix("torch.")
        if not hasattr(tinytorch, name):
            raise Absent(name)
        return getattr(tinytorch, name)
    if isinstance(value, torch.device):
        return tinytorch.device(str(value))
    if isinstance(value, (torch.layout, torch.memory_format, torch.Generator)):
        raise Absent(type(value).__name__)
    if isinstance(value, (list, tuple)):
        items = [convert(item, leaves) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    if isinstance(value, dict):
        if set(value) & set(ABSENT) - {"layout"} or value.get("layout", torch.strided) != torch.strided:
            raise Absent(", ".join(set(value) & set(ABSENT)))
        return {key: convert(item, leaves) for key, item in value.items() if key not in ABSENT}
    return value


def convert_tensor(value, leaves):
    strange = value.layout != torch.strided or value.dtype == torch.bfloat16 or value.ndim > 64
    if strange or value.device.type != "cpu":
        raise Absent(str(value.dtype))
    if value.is_complex() and not hasattr(tinytorch, str(value.dtype).removeprefix("torch.")):
        raise Absent("complex numbers")
    array = value.detach().resolve_conj().resolve_neg().numpy()
    result = tinytorch.from_numpy(array.copy(order="K"))
    if value.requires_grad:
        result.requires_grad_()
    if leaves is not None:
        leaves.append((value, result))
    return result


def rebind(function):
    """A function of PyTorch's tests that says `torch`, as one that says tinytorch."""
    names = {**function.__globals__, "torch": tinytorch}
    closure = function.__closure__
    if closure:
        cells = [c.cell_contents for c in closure]
        closure = tuple(types.CellType(rebind(c) if is_helper(c) else ours_for(c)) for c in cells)
    copy = types.FunctionType(function.__code__, names, function.__name__, function.__defaults__, closure)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def is_helper(value):
    return isinstance(value, types.FunctionType) and (value.__module__ or "").startswith("torch.testing")


def ours_for(value):
    """tinytorch's function for one of PyTorch's, by its name."""
    if callable(value) and not isinstance(value, type):
        for place in (torch, torch.Tensor, torch.nn.functional, torch.linalg, torch.fft, torch.special):
            name = getattr(value, "__name__", "")
            if getattr(place, name, None) is value:
                return find(place.__name__.removeprefix("torch").lstrip(".") + "." + name)
    return value


def find(path):
    """What tinytorch has under the path: `nn.functional.relu`; AttributeError when it has nothing."""
    value = tinytorch
    for part in path.strip(".").split("."):
        value = getattr(value, part)
    return value


# ---------------------------------------------------------------- rows


@dataclass
class Row:
    """One entry of the database, with tinytorch's function for it."""

    info: object
    theirs: object
    ours: object

    @property
    def name(self):
        variant = self.info.variant_test_name
        return f"{self.info.name}.{variant}" if variant else self.info.name

    @property
    def module(self):
        return module_name(self.ours if not is_helper(self.theirs) else lookup(self.info.name))


def module_name(function):
    """The module of the course that builds a function: `01`; facades and methods count to 01."""
    function = getattr(function, "forward", function)
    path = (getattr(function, "__module__", "") or "").replace(".", "/") + ".py"
    module = module_of(path)
    return module.nn if module else "01"


def lookup(name):
    """tinytorch's function or method of the name, or None."""
    try:
        return find(name)
    except AttributeError:
        pass
    public = name if hasattr(torch.Tensor, name) and not hasattr(torch, name) else ""
    return getattr(tinytorch.Tensor, public, None) if public else None


def rows():
    """(rows that tinytorch has, names that it lacks); each name of the database once in one of them."""
    present, absent = [], []
    for info in invocations.op_db:
        function = lookup(info.name)
        if function is None:
            absent.append(info.name)
            continue
        present.append(Row(info, info.op, rebind(info.op) if is_helper(info.op) else function))
    return present, sorted(set(absent) - {row.info.name for row in present})


def spread(items, count):
    """At most `count` of the items, from the first to the last at even distances."""
    items = list(itertools.islice(items, 400))
    if len(items) <= count:
        return items
    return [items[i * (len(items) - 1) // max(count - 1, 1)] for i in range(count)]


def samples(row, dtype, count, requires_grad=False):
    torch.manual_seed(0)
    np.random.seed(0)
    if getattr(torch, dtype) not in row.info.dtypes:
        return []
    try:
        return spread(row.info.sample_inputs("cpu", getattr(torch, dtype), requires_grad=requires_grad), count)
    except (RuntimeError, NotImplementedError):
        return []  # PyTorch has no kernel to make them with


# ---------------------------------------------------------------- comparing


def flat(value):
    """The tensors and plain values of a result, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        return [x for item in value for x in flat(item)]
    return [value]


def array_of(value):
    if isinstance(value, torch.Tensor):
        return value.detach().resolve_conj().resolve_neg().numpy()
    if isinstance(value, tinytorch.Tensor):
        return np.asarray(value.detach().numpy())
    return value


def complaint(ours, theirs, coarsest="float64", values=True, loose=1.0):
    """What is wrong with a result, or None."""
    ours, theirs = flat(ours), flat(theirs)
    if len(ours) != len(theirs):
        return f"{len(ours)} results, PyTorch has {len(theirs)}"
    for a, b in zip(map(array_of, ours), map(array_of, theirs)):
        if not isinstance(b, np.ndarray):
            if isinstance(b, torch.Size):
                a, b = tuple(a) if isinstance(a, tuple) else a, tuple(b)
            elif isinstance(b, torch.dtype):
                a, b = str(a), str(b).removeprefix("torch.")
            if a != b and not (a != a and b != b):
                return f"{a!r:.80}, PyTorch has {b!r:.80}"
            continue
        if not isinstance(a, np.ndarray):
            return f"{type(a).__name__}, PyTorch has a tensor"
        if a.shape != b.shape or a.dtype != b.dtype:
            return f"{a.dtype}{list(a.shape)}, PyTorch has {b.dtype}{list(b.shape)}"
        if values and not close(a, b, coarsest, loose):
            return f"{a.ravel()[:4].tolist()}, PyTorch has {b.ravel()[:4].tolist()}"
    return None


def close(a, b, coarsest, loose=1.0):
    if b.dtype.kind not in "fc":
        return bool((a == b).all())
    finite = np.abs(b[np.isfinite(b)])
    scale = float(finite.max()) if finite.size else 1.0
    tolerance = loose * max(TOLERANCE[b.dtype.name], TOLERANCE.get(coarsest, 0))
    return bool(np.isclose(a, b, rtol=tolerance, atol=tolerance * max(scale, 1e-3), equal_nan=True).all())


@dataclass
class Score:
    """How many of the cases of a kind were right, and what was said of the first that was not."""

    right: int = 0
    all: int = 0
    first: str = ""

    def count(self, wrong):
        self.all += 1
        self.right += not wrong
        if wrong and not self.first:
            self.first = wrong


def attempt(function, *arguments, **options):
    """(result, error)"""
    try:
        return function(*arguments, **options), None
    except Exception as error:
        return None, error


def call(function, sample):
    return function(sample.input, *sample.args, **sample.kwargs)


def describe(sample):
    """The sample in few words: tensors by dtype and shape."""

    def short(value):
        if isinstance(value, torch.Tensor):
            return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
        if isinstance(value, (list, tuple)):
            return f"[{', '.join(map(short, value))}]"
        return f"{value!r:.40}"

    options = [f"{key}={short(value)}" for key, value in sample.kwargs.items()]
    return ", ".join([short(sample.input), *map(short, sample.args), *options])


@dataclass
class Ours:
    """A sample as tinytorch's."""

    input: object
    args: tuple
    kwargs: dict
    output_process_fn_grad: object
    leaves: list = field(default_factory=list)

    @classmethod
    def of(cls, sample):
        leaves = []
        parts = [convert(part, leaves) for part in (sample.input, sample.args, sample.kwargs)]
        process = sample.output_process_fn_grad
        return cls(*parts, rebind(process) if is_helper(process) else process, leaves)


# ---------------------------------------------------------------- the kinds


def judge_values(row, count):
    score = Score()
    for dtype in DTYPES:
        for sample in samples(row, dtype, count if dtype == "float64" else max(1, count // 2)):
            wrong = value_complaint(row, sample, dtype)
            if wrong is not Absent:
                score.count(wrong and f"{dtype}: ({describe(sample)}): {wrong}")
    return score


def value_complaint(row, sample, dtype):
    try:
        mine = Ours.of(sample)
    except Absent:
        return Absent
    theirs, refused = attempt(call, row.theirs, sample)
    if refused is not None or any(isinstance(v, torch.Tensor) and v.is_sparse for v in flat(theirs)):
        return Absent  # no kernel for the dtype
    try:
        ours = call(row.ours, mine)
    except Exception as error:
        return f"{type(error).__name__}: {error!s:.120}"
    try:
        theirs, ours = sample.output_process_fn_grad(theirs), mine.output_process_fn_grad(ours)
        return complaint(ours, theirs, dtype, row.info.name not in UNSPECIFIED)
    except NotImplementedError:
        return Absent


def judge_gradients(row, count):
    first, second = Score(), Score()
    if not row.info.supports_autograd or row.info.name in UNSPECIFIED:
        return first, second
    for sample in samples(row, "float64", count, requires_grad=True):
        try:
            mine = Ours.of(sample)
        except Absent:
            continue
        theirs, refused = attempt(gradients, torch, row.theirs, sample, [pair[0] for pair in mine.leaves])
        if refused is not None or theirs is None:
            continue
        ours, error = attempt(gradients, tinytorch, row.ours, mine, [pair[1] for pair in mine.leaves])
        for score, i in ((first, 0), (second, 1)):
            if theirs[i] is None or i and not row.info.supports_gradgrad:
                continue
            wrong = f"{type(error).__name__}: {error!s:.120}" if error else None
            if not wrong and ours is None:
                wrong = "no gradient"
            wrong = wrong or complaint(zeros_for(ours[i], theirs[i]), theirs[i], loose=10)
            score.count(wrong and f"({describe(sample)}): {wrong}")
    return first, second


def zeros_for(ours, theirs):
    """Where there is no gradient, zeros are meant."""
    ours = [None] * len(theirs) if ours is None else ours
    return [np.zeros(b.shape, b.dtype) if a is None else a for a, b in zip(ours, theirs)]


def weight(shape, number):
    return np.random.default_rng(number).standard_normal(tuple(shape))


def gradients(t, function, sample, leaves):
    """(gradients, second derivatives) of the leaves as arrays, or None where nothing is to be differentiated."""
    out = call(function, sample)
    out = sample.output_process_fn_grad(out)
    outs = [v for v in flat(out) if isinstance(v, t.Tensor) and v.requires_grad and v.dtype == t.float64]
    leaves = [x for x in leaves if x.requires_grad]
    if not outs or not leaves:
        return None

    def combined(values, start):
        return sum((v * t.tensor(weight(v.shape, start + i))).sum() for i, v in enumerate(values))

    def as_arrays(found):
        return [np.zeros(tuple(x.shape)) if g is None else np.array(array_of(g)) for g, x in zip(found, leaves)]

    first = t.autograd.grad(combined(outs, 0), leaves, create_graph=True, allow_unused=True)
    again = [g for g in first if g is not None and g.requires_grad]
    second = None
    if again:
        second, failed = attempt(t.autograd.grad, combined(again, 50), leaves, allow_unused=True)
        if failed is not None and t is not torch:
            raise failed
    return as_arrays(first), second and as_arrays(second)


def judge_errors(row):
    """(bad input is refused, what is refused is refused with PyTorch's type of exception)"""
    refused, exception = Score(), Score()
    if row.info.error_inputs_func is None:
        return refused, exception
    torch.manual_seed(0)
    for bad in attempt(lambda: list(row.info.error_inputs("cpu")))[0] or []:
        sample = bad.sample_input
        try:
            mine = Ours.of(sample)
        except Absent:
            continue
        if attempt(call, row.theirs, sample)[1] is None:
            continue
        _, error = attempt(call, row.ours, mine)
        wanted = f"{bad.error_type.__name__} {bad.error_regex:.60}"
        refused.count(error is None and f"({describe(sample)}) is accepted, PyTorch: {wanted}")
        if error is not None:
            right = isinstance(error, bad.error_type)
            exception.count(not right and f"({describe(sample)}): {error!r:.90}, PyTorch: {wanted}")
    return refused, exception


def variants(row):
    """(what, its function in PyTorch, its name for tinytorch): methods, in-place, operators, aliases of the row."""
    info = row.info
    for what, function in (
        ("method", info.method_variant),
        ("in-place", info.inplace_variant),
        ("operator", info.operator_variant),
        ("in-place operator", info.inplace_operator_variant),
    ):
        if function is not None:
            yield what, function, getattr(function, "__name__", "")
    for alias in info.aliases:
        yield f"alias {alias.name}", alias.op, alias.name


def judge_variants(row):
    score = Score()
    for what, theirs, name in variants(row):
        score.count(variant_complaint(row, what, theirs, name))
    return score


def variant_complaint(row, what, theirs, name):
    if what.startswith("alias"):
        ours = lookup(name)
    elif is_helper(theirs):  # PyTorch's way to say it: `lambda x: torch.nn.functional.silu(x, inplace=True)`
        ours = rebind(theirs)
    elif "operator" in what:
        ours = theirs  # of the module operator: it asks the tensor
    else:
        ours = getattr(tinytorch.Tensor, name, None)
    if ours is None:
        return f"no {what} {name}"
    if row.info.name in UNSPECIFIED:
        return None
    dtype = "float64" if torch.float64 in row.info.dtypes else str(next(iter(row.info.dtypes))).removeprefix("torch.")
    for sample in samples(row, dtype, 3) if dtype in DTYPES else []:
        if not isinstance(sample.input, torch.Tensor) or "in-place" in what and sample.broadcasts_input:
            continue
        try:
            mine = Ours.of(sample)
        except Absent:
            continue
        expected, refused = attempt(call, theirs, sample)
        if refused is not None:
            continue
        found, error = attempt(call, ours, mine)
        if error is not None:
            return f"{what} {name}({describe(sample)}): {type(error).__name__}: {error!s:.100}"
        if "in-place" in what and found is not mine.input:
            return f"{what} {name} gives another tensor"
        wrong = complaint(found, expected, dtype)
        if wrong:
            return f"{what} {name}({describe(sample)}): {wrong}"
    return None


def judge_out(row):
    score = Score()
    if not row.info.supports_out or row.info.name in UNSPECIFIED:
        return score
    for sample in samples(row, "float64", 2) or samples(row, "bool", 2):
        try:
            mine = Ours.of(sample)
        except Absent:
            continue
        expected, refused = attempt(call, row.theirs, sample)
        if refused is not None or not all(isinstance(v, torch.Tensor) for v in flat(expected)):
            continue
        outs = [convert(torch.zeros_like(v)) for v in flat(expected)]
        mine.kwargs["out"] = outs[0] if isinstance(expected, torch.Tensor) else tuple(outs)
        found, error = attempt(call, row.ours, mine)
        wrong = f"{type(error).__name__}: {error!s:.80}" if error else complaint(found, expected)
        if not wrong and not all(a is b for a, b in zip(flat(found), outs)):
            wrong = "another tensor is returned"
        score.count(wrong and f"({describe(sample)}): {wrong}")
        break
    return score


def judge(row, count=12):
    """kind -> Score"""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        first, second = judge_gradients(row, count)
        refused, exception = judge_errors(row)
        return {
            "values": judge_values(row, count),
            "gradients": first,
            "second": second,
            "refused": refused,
            "exception": exception,
            "variants": judge_variants(row),
            "out": judge_out(row),
        }


# ---------------------------------------------------------------- modules


def module_infos():
    """(those that tinytorch has, names of those that it lacks)"""
    infos = [info for info in modules.module_db if info.name.startswith("nn.")]
    return [i for i in infos if lookup(i.name)], [i.name for i in infos if not lookup(i.name)]


def judge_module(info, count=12):
    """kind -> Score, of a class of torch.nn: results and gradients in both modes, bad input."""
    scores = {kind: Score() for kind in ("values", "gradients", "refused", "exception")}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for training in (True, False):
            torch.manual_seed(0)
            options = dict(device="cpu", dtype=torch.float64, requires_grad=True, training=training)
            for sample in spread(info.module_inputs_func(info, **options), count):
                run_module(info, sample, training, scores)
        if info.module_error_inputs_func is not None:
            options = dict(device="cpu", dtype=torch.float64, requires_grad=False, training=False)
            for bad in info.module_error_inputs_func(info, **options):
                refuse_module(info, bad, scores)
    return scores


def run_module(info, sample, training, scores):
    made, given = sample.constructor_input, sample.forward_input
    if given is None:
        return
    theirs = info.module_cls(*made.args, **made.kwargs).double().train(training)
    leaves = []
    try:
        arguments, options = convert(made.args), convert(made.kwargs)
        inputs, named = convert(given.args, leaves), convert(given.kwargs, leaves)
    except Absent:
        return
    what = f"{info.name}({', '.join([*map(str, made.args), *(f'{k}={v}' for k, v in made.kwargs.items())]):.80})"
    expected, refused = attempt(theirs, *given.args, **given.kwargs)
    if refused is not None:
        return
    parameters = [p for p in theirs.parameters() if p.requires_grad]
    theirs = info.module_cls(*made.args, **made.kwargs).double().train(training)
    try:
        ours = find(info.name)(*arguments, **options).double().train(training)
        ours.load_state_dict(convert(dict(theirs.state_dict())))
        expected, found = theirs(*given.args, **given.kwargs), ours(*inputs, **named)
        wrong = complaint(found, expected, loose=10)
        wrong = wrong or complaint(dict(ours.state_dict()), dict(theirs.state_dict()), loose=10)
    except Exception as error:
        wrong = f"{type(error).__name__}: {error!s:.120}"
    scores["values"].count(wrong and f"{what}: {wrong}")
    pairs = [pair for pair in leaves if pair[0].requires_grad]
    pairs += list(zip(theirs.parameters(), [] if wrong else ours.parameters()))
    outputs = [v for v in flat(expected) if isinstance(v, torch.Tensor) and v.requires_grad]
    if wrong or not outputs or not pairs or not parameters and not pairs:
        return
    grads = []
    for t, out, i in ((torch, expected, 0), (tinytorch, found, 1)):
        total = sum((v * t.tensor(weight(v.shape, n))).sum() for n, v in enumerate(flat(out)) if v.requires_grad)
        grads.append(t.autograd.grad(total, [pair[i] for pair in pairs], allow_unused=True))
    theirs = [torch.zeros(1) if g is None else g for g in grads[0]]
    ours = [tinytorch.zeros(1) if g is None else g for g in grads[1]]
    wrong = complaint(ours, theirs, loose=10)
    scores["gradients"].count(wrong and f"{what}: {wrong}")


def refuse_module(info, bad, scores):
    sample = bad.module_error_input
    made, given = sample.constructor_input, sample.forward_input
    at_construction = "CONSTRUCTION" in str(bad.error_on)
    try:
        arguments, options = convert(made.args), convert(made.kwargs)
        inputs = () if at_construction else convert(given.args)
    except Absent:
        return

    def run():
        module = find(info.name)(*arguments, **options)
        return module if at_construction else module.double()(*inputs)

    _, error = attempt(run)
    wanted = f"{bad.error_type.__name__} {bad.error_regex:.60}"
    scores["refused"].count(error is None and f"{made.args} {made.kwargs} is accepted, PyTorch: {wanted}")
    if error is not None:
        right = isinstance(error, bad.error_type)
        scores["exception"].count(not right and f"{error!r:.90}, PyTorch: {wanted}")


# ---------------------------------------------------------------- optimizers


def optimizer_infos():
    """(those that tinytorch has, names of those that it lacks)"""
    has = [hasattr(tinytorch.optim, info.name) for info in optimizers.optim_db]
    infos = list(zip(optimizers.optim_db, has))
    return [info for info, there in infos if there], [info.name for info, there in infos if not there]


def schedulers():
    """(names of the schedulers that tinytorch has, names of those that it lacks)"""
    theirs = torch.optim.lr_scheduler
    names = [n for n in theirs.__all__ if n not in ("LRScheduler",)]
    has = [n for n in names if hasattr(tinytorch.optim.lr_scheduler, n)]
    return has, [n for n in names if n not in has]


def start(t, info, options, values):
    """(parameters, optimizer) of library `t`."""
    weights = [t.nn.Parameter(t.tensor(v.copy())) for v in values]
    maker = getattr(t.optim, info.name)
    return weights, maker(weights, **options)


def go_on(t, weights, optimizer, steps):
    """Some steps towards the minimum of a function that is not quadratic."""

    def closure():
        optimizer.zero_grad()
        loss = sum(((w - 0.5) ** 2).sum() + 0.1 * (w**4).sum() for w in weights)
        loss.backward()
        return loss

    for _ in range(steps):
        if type(optimizer).__name__ == "LBFGS":
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()


def to_torch(value):
    """A state_dict of tinytorch as PyTorch's."""
    if isinstance(value, tinytorch.Tensor):
        return torch.tensor(np.array(value.detach().numpy()))
    if isinstance(value, np.ndarray):
        return torch.tensor(value.copy())
    if isinstance(value, dict):
        return {key: to_torch(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(to_torch(item) for item in value)
    return value


def judge_optimizer(info):
    """kind -> Score: 5 steps alike; steps continued here from PyTorch's state, and there from ours."""
    scores = {kind: Score() for kind in ("values", "continued", "back", "refused", "exception")}
    rng = np.random.default_rng(0)
    values = [rng.standard_normal((3, 4)), rng.standard_normal((2, 2))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for sample in info.optim_inputs_func(device="cpu"):
            options = dict(sample.kwargs)
            try:
                mine = convert(options)
            except Absent:
                continue
            run_optimizer(info, values, options, mine, scores, sample.desc)
        for bad in info.optim_error_inputs_func("cpu", torch.float64):
            refuse_optimizer(info, bad, scores)
    return scores


def run_optimizer(info, values, options, mine, scores, desc):
    try:
        their_weights, theirs = start(torch, info, options, values)
        go_on(torch, their_weights, theirs, 3)
    except (RuntimeError, ValueError):
        return
    now = [w.detach().numpy().copy() for w in their_weights]
    state = convert(theirs.state_dict())
    go_on(torch, their_weights, theirs, 3)

    def from_the_start():
        weights, optimizer = start(tinytorch, info, mine, values)
        go_on(tinytorch, weights, optimizer, 6)
        return weights

    def continued():
        weights, optimizer = start(tinytorch, info, mine, now)
        optimizer.load_state_dict(state)
        go_on(tinytorch, weights, optimizer, 3)
        return weights

    def back():
        weights, optimizer = start(tinytorch, info, mine, values)
        go_on(tinytorch, weights, optimizer, 3)
        there, other = start(torch, info, options, [np.array(w.detach().numpy()) for w in weights])
        other.load_state_dict(to_torch(optimizer.state_dict()))
        go_on(torch, there, other, 3)
        return there

    steps = {"values": from_the_start, "continued": continued, "back": back}
    for kind, run in steps.items():
        weights, error = attempt(run)
        wrong = f"{type(error).__name__}: {error!s:.100}" if error else None
        if not wrong:
            wrong = complaint([np.array(array_of(w)) for w in weights], [w.detach() for w in their_weights])
        scores[kind].count(wrong and f"{desc} {options}: {wrong}")


def refuse_optimizer(info, bad, scores):
    sample = bad.optimizer_error_input
    try:
        kwargs = convert(dict(sample.kwargs))
        params = sample.params
        params = [convert(params[0])] if isinstance(params, list) and params else convert(params)
    except Absent:
        return
    if params is None or isinstance(sample.params, list) and isinstance(sample.params[0], torch.nn.Parameter):
        params = [tinytorch.nn.Parameter(tinytorch.zeros(2, 3))]
    _, error = attempt(lambda: getattr(tinytorch.optim, info.name)(params, **kwargs))
    wanted = f"{bad.error_type.__name__} {bad.error_regex:.60}"
    scores["refused"].count(error is None and f"{sample.desc} is accepted, PyTorch: {wanted}")
    if error is not None:
        right = isinstance(error, bad.error_type)
        scores["exception"].count(not right and f"{sample.desc}: {error!r:.90}, PyTorch: {wanted}")


# ---------------------------------------------------------------- the table


def table(scores, kinds=KINDS):
    """Lines: for each module of the course, right / all of each kind."""
    sums = defaultdict(lambda: defaultdict(lambda: [0, 0, 0]))
    for (module, _), found in scores.items():
        for line in (module, "all"):
            sums[line]["rows"][0] += 1
            for kind, score in found.items():
                sums[line][kind][0] += score.right
                sums[line][kind][1] += score.all
    yield f"{'module':8}{'rows':>6}" + "".join(f"{kind:>12}" for kind in kinds)
    for line in sorted(sums):
        cells = [f"{sums[line][kind][0]}/{sums[line][kind][1]}" for kind in kinds]
        yield f"{line:8}{sums[line]['rows'][0]:>6}" + "".join(f"{cell:>12}" for cell in cells)


def failures(scores):
    """`name kind`, one a line: what is not all right."""
    return sorted(f"{name} {kind}" for (_, name), found in scores.items() for kind in found if fails(name, found, kind))


def fails(name, found, kind):
    return found[kind].right < found[kind].all and not EXCEPTIONS.keys() & {name, f"{name} {kind}"}


def cases():
    """(section, name, function that judges it), of everything in the database that tinytorch has."""
    for row in rows()[0]:
        yield "operations", row.module, row.name, lambda count, row=row: judge(row, count)
    for info in module_infos()[0]:
        yield "modules", module_name(lookup(info.name)), info.name, lambda count, i=info: judge_module(i, count)
    for info in optimizer_infos()[0]:
        yield "optimizers", "06", f"optim.{info.name}", lambda count, i=info: judge_optimizer(i)


def presence():
    """(what, how many of the database tinytorch has, the names of those that it lacks)"""
    present, absent = rows()
    yield "operations", len({row.info.name for row in present}), absent
    yield "modules", len(module_infos()[0]), module_infos()[1]
    yield "optimizers", len(optimizer_infos()[0]), optimizer_infos()[1]
    yield "schedulers", len(schedulers()[0]), schedulers()[1]


def run(chosen=lambda name: True, count=12, say=lambda line: None):
    """section -> (module, name) -> kind -> Score, of the cases whose names are chosen; `say` hears of each failing kind."""
    scores = defaultdict(dict)
    for section, module, name, judge_case in cases():
        if chosen(name):
            found = scores[section][module, name] = judge_case(count)
            for kind, score in found.items():
                if fails(name, found, kind):
                    say(f"{name} {kind} {score.right}/{score.all}: {score.first}")
    return scores


def known():
    """The failures that are known, `name kind` one a line."""
    return [line for line in KNOWN.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]


def prune(scores):
    """Take what is right by now from the list of known failures, and put nothing new in."""
    judged = {f"{name} {kind}" for found in scores.values() for (_, name), kinds in found.items() for kind in kinds}
    failing = {line for found in scores.values() for line in failures(found)}
    lines = KNOWN.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line not in judged or line in failing]
    KNOWN.write_text("\n".join(kept) + "\n", encoding="utf-8")


def main(arguments):
    """Print the table.

    -v: the first complaint of each failing kind; --absent: what is missing; --failures: the failing kinds by name;
    --prune: take what is right by now from the list of known failures; names (`add`, `nn`): only these
    """
    wanted = [a for a in arguments if a[0] != "-"]
    for what, there, absent in presence():
        print(f"{what}: {there} of {there + len(absent)}", *(absent if "--absent" in arguments else ()))
    scores = run(
        lambda name: not wanted or name in wanted or name.partition(".")[0] in wanted,
        say=lambda line: print(line, flush=True) if "-v" in arguments else None,
    )
    for section, found in scores.items():
        kinds = list(dict.fromkeys(kind for score in found.values() for kind in score))
        print(f"\n{section}", *table(found, kinds), sep="\n")
    if "--failures" in arguments:
        print("\nfailures", *sorted(line for found in scores.values() for line in failures(found)), sep="\n")
    if "--prune" in arguments:
        prune(scores)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1:])
