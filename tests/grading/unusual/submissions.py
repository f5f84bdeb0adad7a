"""Correct but unusual submissions of the real modules: every one of them must get full marks (see test_unusual.py).

Each function changes a finished `Work` in one way. Adding one: write a function, name its module.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

from .work import Work


@dataclass(frozen=True)
class Unusual:
    name: str
    module: str
    change: Callable[[Work], dict | None]


SUBMISSIONS: list[Unusual] = []


def unusual(module: str):
    def add(change: Callable[[Work], dict | None]) -> Callable:
        SUBMISSIONS.append(Unusual(change.__name__, module, change))
        return change

    return add


# ------------------------------------------------------------------------------------------------------------ 01 tensor


@unusual("01_tensor")
def strides_by_a_cumulative_product(work):
    work.define(
        "contiguous_strides",
        """
        def contiguous_strides(shape):
            sizes = [max(n, 1) for n in tuple(shape)[1:]] + [1] if len(shape) else []
            return tuple(int(n) for n in np.cumprod(sizes[::-1])[::-1])
        """,
    )


@unusual("01_tensor")
def recursion_and_type_hints(work):
    work.define(
        "contiguous_strides",
        '''
        def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
            """Another docstring."""
            match tuple(shape):
                case ():
                    return ()
                case (_,):
                    return (1,)
                case (_, *rest):
                    below: tuple[int, ...] = contiguous_strides(tuple(rest))
                    return (below[0] * max(rest[0], 1), *below)
        ''',
    )


@unusual("01_tensor")
def an_instance_instead_of_a_function(work):
    work.append(
        "01-2",
        """
        class Strides:
            def __call__(self, shape):
                steps = [1]
                for size in shape[:0:-1]:
                    steps.insert(0, steps[0] * max(size, 1))
                return tuple(steps[: len(shape)])

        contiguous_strides = Strides()
        """,
    )


@unusual("01_tensor")
def a_global_cache_and_a_counter(work):
    work.define(
        "contiguous_strides",
        """
        asked, known = 0, {}

        def contiguous_strides(shape):
            global asked
            asked += 1
            if (key := tuple(shape)) not in known:
                step = 1
                known[key] = tuple([(step, step := step * max(n, 1))[0] for n in reversed(key)][::-1])
            return known[key]
        """,
    )


@unusual("01_tensor")
def float64_inside(work):
    work.define(
        "sigmoid",
        """
        @partial(Operation, floating=True)
        def sigmoid(x):
            wide = np.float128 if x.dtype.itemsize > 4 and hasattr(np, "float128") else np.float64
            return (0.5 * (1 + np.tanh(x.astype(wide) / 2))).astype(x.dtype)
        """,
    )


@unusual("01_tensor")
def gathers_in_a_loop_over_all_places(work):
    work.define(
        "gather",
        """
        @Operation
        def gather(x, *, dim, index):
            checked_index(index, dim, x.shape)
            out = np.empty(index.shape, x.dtype)
            for place in np.ndindex(*index.shape):
                source = list(place)
                source[dim] = index[place]
                out[place] = x[tuple(source)]
            return out
        """,
    )


@unusual("01_tensor")
def broadcasts_with_zip_longest(work):
    work.define(
        "broadcast_shapes",
        """
        def broadcast_shapes(*shapes):
            from itertools import zip_longest
            from functools import reduce

            def two(a, b):
                if a == b or b == 1:
                    return a
                if a == 1:
                    return b
                raise RuntimeError(f"shapes {', '.join(map(str, shapes))} do not broadcast: sizes {min(a, b)} and {max(a, b)}")

            columns = zip_longest(*[tuple(shape)[::-1] for shape in shapes], fillvalue=1)
            return tuple(reduce(two, column) for column in columns)[::-1]
        """,
    )


@unusual("01_tensor")
def one_line_of_numpy_with_its_warnings(work):
    work.define(
        "var",
        """
        @Operation
        def var(x, *, dim=None, correction=1, keepdim=False):
            float_only("var", x)
            return np.asarray(np.var(x, axis=axes(dim), ddof=min(correction, count_of(x, dim)), keepdims=keepdim))
        """,
    )


@unusual("01_tensor")
def writes_everywhere(work):
    work.prepend(
        "01-5",
        """
        import logging, sys, warnings
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
        print("starting")
        print("\\N{SNOWMAN}", file=sys.stderr)
        warnings.warn("this is only a warning")
        """,
    )
    work.define(
        "infer_shape",
        """
        def infer_shape(shape, count):
            import sys, warnings
            print("shape", shape, "count", count)
            warnings.warn(f"shape {shape}")
            print("on stderr", file=sys.stderr)
            rest = count
            for n in shape:
                if n > 0:
                    rest, left = divmod(rest, n)
            total = 1
            for n in shape:
                total *= abs(n)
            if shape.count(-1) > 1 or any(n < -1 for n in shape) or (-1 in shape and (total == 0 or count % total)):
                raise RuntimeError(f"{count} elements do not fit in shape {shape}: at most one size may be -1")
            if -1 not in shape and total != count:
                raise RuntimeError(f"{count} elements do not fit in shape {shape}")
            return tuple(count // total if n == -1 else n for n in shape)
        """,
    )


@unusual("01_tensor")
def numpy_under_another_name_and_unicode_names(work):
    work.insert(
        "import numpy as \u6570, numpy.random as \u4e71\nfrom numpy import stack as \u5c64\n\u03c0 = \u6570.pi", "01-1"
    )
    work.define(
        "where",
        """
        @Operation
        def where(condition, a, b):
            \u03b1, \u03b2 = unify(a, b)
            return \u6570.where(\u6570.logical_not(condition), \u03b2, \u03b1)
        """,
    )


@unusual("01_tensor")
def indented_with_tabs_on_windows(work):
    for cell in work.solutions():
        lines = cell["source"].split("\n")
        blanks = [len(line) - len(line.lstrip(" ")) for line in lines]
        # only the leading whole steps: lines that continue a string or a call stay as they are
        lines = ["\t" * (n // 4) + " " * (n % 4) + line.lstrip(" ") for n, line in zip(blanks, lines, strict=True)]
        cell["source"] = "\r\n".join(lines)


@unusual("01_tensor")
def timed_and_captured_cells(work):
    work.solution("01-2")["source"] = "%%capture\n" + work.solution("01-2")["source"]
    work.solution("01-5")["source"] = "%%time\n" + work.solution("01-5")["source"]
    work.append("01-3", "%time promote_types(int64, float32)\n!echo a shell\npromote_types?")


@unusual("01_tensor")
def tests_at_the_end(work):
    tests = work.tests()
    work.cells[:] = [cell for cell in work.cells if cell not in tests] + tests[::-1]


# ---------------------------------------------------------------------------------------------------------- 02 autograd


@unusual("02_autograd")
def records_with_comprehensions(work):
    work.define(
        "record",
        """
        def record(node, saves, inputs, values, cells):
            wants = [isinstance(x, Tensor) and bool(x.requires_grad) for x in inputs]
            node.edges = [(x.grad_fn if x.grad_fn is not None else x) if w else None for w, x in zip(wants, inputs)]
            node.saved = [values[i] for i in saves]
            node.versions = [(cells[i], cells[i][0]) for i in saves]
        """,
    )


@unusual("02_autograd")
def sums_one_dimension_at_a_time(work):
    work.define(
        "sum_to",
        """
        def sum_to(x, shape):
            if x.shape == tuple(shape):
                return x
            if x.ndim > len(shape):
                return sum_to(total(x, dim=0), shape)
            first = next(i for i, (n, m) in enumerate(zip(x.shape, shape)) if n != m)
            return sum_to(total(x, dim=first, keepdim=True), shape)
        """,
    )


@unusual("02_autograd")
def walks_without_a_heap(work):
    work.define(
        "walk",
        """
        def walk(pending, retain_graph=False, create_graph=False, wanted=None):
            while nodes := [key for key in pending if isinstance(key, Node)]:
                latest = max(nodes, key=lambda node: node.order)
                found = latest.gradients(pending.pop(latest), retain_graph, create_graph, wanted)
                for place, gradient in enumerate(found):
                    if gradient is not None:
                        edge = latest.edges[place]
                        pending[edge] = pending[edge] + gradient if edge in pending else gradient
            return pending
        """,
    )


@unusual("02_autograd")
def a_class_as_the_with_block(work):
    work.define(
        "grad_enabled",
        """
        import contextlib

        class grad_enabled(contextlib.ContextDecorator):
            def __init__(self, mode):
                self.mode = bool(mode)

            def __enter__(self):
                self.before, grad_mode.enabled = grad_mode.enabled, self.mode

            def __exit__(self, *error):
                grad_mode.enabled = self.before
                return False
        """,
    )


@unusual("02_autograd")
def rows_from_a_loop(work):
    work.define(
        "elementwise",
        """
        @rows
        def elementwise():
            def left(g, a, b):
                return g * b

            def right(g, a, b):
                return g * a

            def share(g, mine, other):
                return where(mine > other, g, where(mine == other, 0.5 * g, 0.0 * g))

            table = [
                (mul, "a b", left, right),
                (div, "a b", lambda g, a, b: g / b, lambda g, a, b: -(g / b) * (a / b)),
                (exp, "out", lambda g, out: out * g),
                (log, "x", lambda g, x: g / x),
                (sqrt, "out", lambda g, out: 0.5 * g / out),
                (tanh, "out", lambda g, out: g - g * out * out),
                (maximum, "a b", share, lambda g, a, b: share(g, b, a)),
                (where, "condition", None, lambda g, c: where(c, g, 0 * g), lambda g, c: where(c, 0 * g, g)),
            ]
            for row in table:
                derivative(*row)
        """,
    )


@unusual("02_autograd")
def helpers_in_cells_of_their_own(work):
    work.insert("# My notes\n\nFirst the helper, then the task.", "02-2", kind="markdown")
    work.insert(
        """
        def complain(name, what, then, now):
            raise RuntimeError(f"{name} saved {what} at version {then}, in-place changes made it {now}")

        def second_time():
            raise RuntimeError("backward for the second time: give retain_graph=True to the first")
        """,
        "02-2",
    )
    work.define(
        "unpack",
        """
        def unpack(node):
            if node.saved is None:
                second_time()
            for i in range(len(node.saved)):
                if (now := node.versions[i][0][0]) != node.versions[i][1]:
                    complain(node.name, node.row.names[i], node.versions[i][1], now)
            return node.saved
        """,
    )


@unusual("02_autograd")
def a_solution_over_two_cells(work):
    cell = work.solution("02-6")
    first, second = cell["source"].split("def matmul_right", 1)
    cell["source"] = first
    work.insert("def matmul_right" + second)
    work.cells.insert(work.cells.index(cell) + 1, work.cells.pop())


@unusual("02_autograd")
def accumulates_with_a_table_of_functions(work):
    work.define(
        "accumulate",
        """
        def accumulate(leaf, gradient):
            def first(): leaf.grad = gradient if isinstance(gradient, Tensor) else wrap(gradient)
            def graph(): leaf.grad = gradient + leaf.grad
            def later():
                np.add(leaf.grad.array, gradient, out=leaf.grad.array)
                leaf.grad._version[0] = leaf.grad._version[0] + 1
            {(True, True): first, (True, False): first, (False, True): graph, (False, False): later}[
                leaf.grad is None, isinstance(gradient, Tensor)]()
        """,
    )


@unusual("02_autograd")
def a_cell_that_raises_before_everything(work):
    work.insert("1 / 0", "02-1")
    work.insert("assert False, 'I do not understand this'", "02-5")
    work.insert("def broken(:\n    pass", "02-7")
    work.insert("undefined_name")


@unusual("02_autograd")
def solutions_retyped_without_metadata(work):
    for cell in work.solutions():
        cell["metadata"], cell["id"] = {}, f"fresh-{work.cells.index(cell)}"


@unusual("02_autograd")
def slow_but_within_the_limit(work):
    work.prepend("02-3", "import time\ntime.sleep(1)")
    work.define(
        "slopes",
        """
        def slopes(function, inputs, directions, eps=1e-6):
            import time
            time.sleep(0.1)
            claimed = 0.0
            for found, direction in zip(grad(function(*inputs), list(inputs), allow_unused=True), directions):
                claimed += 0.0 if found is None else float((found * direction).sum())

            def at(distance):
                with set_grad_enabled(False):
                    return float(function(*(x + distance * u for x, u in zip(inputs, directions))))

            return (at(eps) - at(-eps)) / (eps + eps), claimed
        """,
    )


@unusual("02_autograd")
def an_old_format_without_ids(work):
    for cell in work.cells:
        del cell["id"]
        cell["metadata"]["collapsed"] = False
        cell["source"] = cell["source"].splitlines(keepends=True)
    return work.notebook() | {"nbformat_minor": 2}


@unusual("02_autograd")
def gradients_of_ties_with_where(work):
    work.define(
        "extreme_gradient",
        """
        def extreme_gradient(g, x, out, dim=None, keepdim=False):
            equal = x == restore(out, x.shape, dim, keepdim)
            many_ = total(where(equal, 1.0, 0.0), dim=dim, keepdim=True)
            return where(equal, restore(g, x.shape, dim, keepdim) / many_, 0.0)
        """,
    )


# ------------------------------------------------------------------------------------------------------------ 03 layers


@unusual("03_layers")
def linear_by_einsum(work):
    work.define(
        "linear",
        """
        @Operation
        def linear(input, weight, bias=None):
            check_linear(input, weight, bias)
            out = np.einsum("...i,oi->...o", input, weight)
            if bias is not None:
                np.add(out, bias, out=out)
            return np.ascontiguousarray(out) if out.ndim else out
        """,
    )


@unusual("03_layers")
def relu_by_a_mask(work):
    work.define(
        "relu",
        """
        @Operation
        def relu(x):
            y = np.array(x)
            y[y < 0] = 0
            return y
        """,
    )
    work.define("relu_to_input", "relu_to_input = lambda g, out: where(out > 0, g, 0 * g)")


@unusual("03_layers")
def softmax_in_float64(work):
    work.define(
        "softmax",
        """
        @Operation
        def softmax(x, *, dim, dtype=None):
            kind = shifted(x, dim, dtype).dtype
            e = np.exp(shifted(x, dim, dtype).astype(np.float64))
            return (e / e.sum(axis=dim, keepdims=True)).astype(kind)
        """,
    )


@unusual("03_layers")
def silu_by_division(work):
    work.define("silu_to_input", "def silu_to_input(g, x):\n    s = sigmoid(x)\n    return s * g * (x * (1 - s) + 1)")
    work.define(
        "silu",
        """
        @Operation
        def silu(x):
            with np.errstate(over="ignore"):
                return x / (1 + np.exp(-x))
        """,
    )


@unusual("03_layers")
def walks_with_a_stack(work):
    work.define(
        "walk",
        """
        def walk(module, prefix="", remove_duplicate=True, seen=None):
            seen = seen if seen is not None else set()
            stack = [(prefix, module)]
            while stack:
                path, here = stack.pop()
                if here is None or here in seen:
                    continue
                if remove_duplicate:
                    seen.add(here)
                yield path, here
                stack.extend((joined(path, name), child) for name, child in reversed(here._modules.items()))
        """,
    )


@unusual("03_layers")
def members_in_a_nested_generator(work):
    work.define(
        "members",
        """
        def members(module, group, prefix="", recurse=True, remove_duplicate=True):
            owners = list(walk(module, prefix, remove_duplicate)) if recurse else [(prefix, module)]
            pairs = ((joined(path, n), v) for path, owner in owners for n, v in getattr(owner, group).items() if v is not None)
            def once():
                met = {}
                for name, value in pairs:
                    if met.setdefault(id(value), name) == name:
                        yield name, value
            return once() if remove_duplicate else pairs
        """,
    )


@unusual("03_layers")
def fans_by_reduce(work):
    work.insert("from functools import reduce as falte\nfrom operator import mul as mal", "03-9")
    work.define(
        "fan_in_and_fan_out",
        '''
        def fan_in_and_fan_out(tensor):
            """Fans."""
            if len(tensor.shape) < 2:
                raise ValueError(f"fewer than 2 dimensions: {tensor.shape}")
            out, in_, *field = tensor.shape
            return falte(mal, field, in_), falte(mal, field, out)
        ''',
    )


@unusual("03_layers")
def hooks_one_after_the_other(work):
    work.define(
        "call",
        """
        def call(module, inputs, named):
            def after(hook, *arguments, default):
                found = hook(module, *arguments)
                return default if found is None else found
            for hook in (*module._forward_pre_hooks.values(),):
                inputs = after(hook, inputs, default=inputs)
                if not isinstance(inputs, tuple):
                    inputs = inputs,
            out = module.forward(*inputs, **named)
            for hook in [*module._forward_hooks.values()]:
                out = after(hook, inputs, out, default=out)
            return out
        """,
    )


@unusual("03_layers")
def plots_of_everything(work):
    work.insert("# What relu looks like\n\n$$\\max(x, 0)$$", kind="markdown")
    work.insert(
        """
        import matplotlib.pyplot as plt
        fig, axes_ = plt.subplots(1, 2)
        axes_[0].plot(np.linspace(-1, 1), relu(tensor(np.linspace(-1, 1))).numpy())
        axes_[1].imshow(np.eye(3))
        plt.show()
        """,
        "03-3",
    )


@unusual("03_layers")
def solutions_first_tests_last_copied_twice(work):
    tests = work.tests()
    copies = [copy.deepcopy(cell) for cell in tests]
    work.cells[:] = [cell for cell in work.cells if cell not in tests] + tests + copies


@unusual("03_layers")
def outputs_left_and_counts_odd(work):
    for number, cell in enumerate(cell for cell in work.cells if cell["cell_type"] == "code"):
        cell["execution_count"] = 1000 - 7 * number
        cell["outputs"] = [
            {"output_type": "stream", "name": "stderr", "text": ["old\n"]},
            {"output_type": "error", "ename": "OldError", "evalue": "from yesterday", "traceback": []},
        ]


@unusual("03_layers")
def own_checks_in_the_test_cells(work):
    for cell in work.tests():
        cell["source"] = "print('before my own checks')\n" + cell["source"] + "\nprint('after')"


@unusual("03_layers")
def all_metadata_lost(work):
    for number, cell in enumerate(work.cells):
        cell["metadata"], cell["id"] = {}, f"x{number}"


@unusual("03_layers")
def sequential_by_reduce(work):
    text = work.solution("03-10")["source"]
    loop = "        for module in self:\n            input = module(input)\n        return input"
    assert text.count(loop) == 1
    short = "        from functools import reduce\n        return reduce(lambda x, f: f(x), self, input)"
    work.solution("03-10")["source"] = text.replace(loop, short)
