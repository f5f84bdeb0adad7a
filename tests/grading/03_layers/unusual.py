"""Correct but unusual submissions of module 03: each function changes a finished `Work` in one way."""

import copy

from tests.grading.work import unusual


@unusual
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


@unusual
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


@unusual
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


@unusual
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


@unusual
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


@unusual
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


@unusual
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


@unusual
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


@unusual
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


@unusual
def solutions_first_tests_last_copied_twice(work):
    tests = work.tests()
    copies = [copy.deepcopy(cell) for cell in tests]
    work.cells[:] = [cell for cell in work.cells if cell not in tests] + tests + copies


@unusual
def outputs_left_and_counts_odd(work):
    for number, cell in enumerate(cell for cell in work.cells if cell["cell_type"] == "code"):
        cell["execution_count"] = 1000 - 7 * number
        cell["outputs"] = [
            {"output_type": "stream", "name": "stderr", "text": ["old\n"]},
            {"output_type": "error", "ename": "OldError", "evalue": "from yesterday", "traceback": []},
        ]


@unusual
def own_checks_in_the_test_cells(work):
    for cell in work.tests():
        cell["source"] = "print('before my own checks')\n" + cell["source"] + "\nprint('after')"


@unusual
def all_metadata_lost(work):
    for number, cell in enumerate(work.cells):
        cell["metadata"], cell["id"] = {}, f"x{number}"


@unusual
def sequential_by_reduce(work):
    text = work.solution("03-10")["source"]
    loop = "        for module in self:\n            input = module(input)\n        return input"
    assert text.count(loop) == 1
    short = "        from functools import reduce\n        return reduce(lambda x, f: f(x), self, input)"
    work.solution("03-10")["source"] = text.replace(loop, short)


@unusual
def errors_in_other_words(work):
    work.define(
        "gelu_gate",
        """
        def gelu_gate(x, approximate):
            if approximate not in ("none", "tanh"):
                raise RuntimeError(f"tanh or none, please, and not {approximate}")
            return normal_cdf(x) if approximate == "none" else (tanh((x + GELU_CUBE * x * x * x) * GELU_SCALE) + 1) / 2
        """,
    )
    work.define(
        "register",
        """
        def register(module, name, value):
            groups = {Parameter: module._parameters, Module: module._modules}
            home = next((group for kind, group in groups.items() if isinstance(value, kind)), None)
            if home is None:
                for kind, group in (*groups.items(), (Tensor, module._buffers)):
                    if name in group:
                        if not (value is None or isinstance(value, kind)):
                            raise TypeError(f"no {kind.__name__}: a {type(value).__name__} for {name}")
                        home = group
            if home is None:
                object.__setattr__(module, name, value)
                return
            for other in (module.__dict__, module._parameters, module._modules, module._buffers):
                if other is not home and name in other:
                    del other[name]
            home[name] = value
        """,
    )
    work.define(
        "fan_in_and_fan_out",
        """
        def fan_in_and_fan_out(tensor):
            if tensor.ndim < 2:
                raise ValueError(f"a weight is a matrix at least, not {tuple(tensor.shape)}")
            field = int(np.prod(tensor.shape[2:]))
            return tensor.shape[1] * field, tensor.shape[0] * field
        """,
    )
    work.define(
        "kaiming_std",
        """
        def kaiming_std(tensor, a, mode, nonlinearity):
            fan_in, fan_out = fan_in_and_fan_out(tensor)
            if mode not in ("fan_in", "fan_out"):
                raise ValueError(f"{mode!r}? Either fan_out or fan_in")
            return calculate_gain(nonlinearity, a) * (fan_in if mode == "fan_in" else fan_out) ** -0.5
        """,
    )
