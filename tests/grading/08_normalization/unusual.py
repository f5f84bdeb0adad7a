"""Correct but unusual submissions of module 08: each function changes a finished `Work` in one way."""

from tests.grading.work import unusual


@unusual
def standardizes_on_a_table_of_rows(work):
    work.define(
        "standardize_forward",
        '''
        def _rows(x: np.ndarray, axes: tuple) -> np.ndarray:
            """What belongs together, side by side: (groups, values)."""
            axes = sorted(axis % x.ndim for axis in axes)
            others = [axis for axis in range(x.ndim) if axis not in axes]
            return x.transpose(others + axes).reshape(int(np.prod([x.shape[i] for i in others])), -1)

        def standardize_forward(x, axes, eps):
            table = _rows(x, axes).astype(np.float64)
            mu = table.mean(1)
            sigma2 = ((table - mu[:, None]) ** 2).sum(1) / table.shape[1]
            shape = tuple(1 if i in {a % x.ndim for a in axes} else n for i, n in enumerate(x.shape))
            mean, var = mu.reshape(shape).astype(x.dtype), sigma2.reshape(shape).astype(x.dtype)
            return ((x.astype(np.float64) - mu.reshape(shape)) / np.sqrt(sigma2.reshape(shape) + eps)).astype(x.dtype), mean, var
        ''',
    )


@unusual
def gradient_by_the_textbooks_three_terms(work):
    work.define(
        "standardize_backward",
        """
        def standardize_backward(g, xhat, var, axes, eps):
            m = int(np.prod([xhat.shape[axis] for axis in axes]))
            rstd = (var + eps) ** -0.5
            gx = m * g - g.sum(axes, keepdims=True) - xhat * (g * xhat).sum(axes, keepdims=True)
            np.copyto(xhat, gx * rstd / m)
            return xhat
        """,
    )


@unusual
def normalises_with_tensor_operations_alone(work):
    work.insert(
        '''
        #| export
        class Standardizer:
            """x -> (x - mean) / sqrt(var + eps), left to autograd."""

            def __init__(self, axes: tuple, eps: float):
                self.axes, self.eps = tuple(axes), float(eps)

            def __call__(self, x: Tensor) -> Tensor:
                centred = x - x.mean(self.axes, keepdim=True)
                return centred / ((centred * centred).mean(self.axes, keepdim=True) + self.eps).sqrt()
        ''',
        "08-3",
    )
    work.define(
        "layer_norm",
        """
        def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
            check_normalized(input, normalized_shape, weight=weight, bias=bias)
            out = Standardizer(range(-len(normalized_shape), 0), eps)(input)
            out = out if weight is None else weight * out
            return out if bias is None else bias + out
        """,
    )
    work.define(
        "group_norm",
        """
        def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
            N, C, *space = input.shape
            size, rest = divmod(C, num_groups)
            if rest:
                raise RuntimeError(f"{C} channels do not make {num_groups} groups")
            normal = Standardizer(range(2, 3 + len(space)), eps)
            out = normal(input.reshape(N, num_groups, size, *space)).reshape(N, C, *space)
            column = (C,) + (1,) * len(space)
            for p, apply in ((weight, lambda a, b: a * b), (bias, lambda a, b: a + b)):
                out = out if p is None else apply(out, p.reshape(*column))
            return out
        """,
    )


@unusual
def batch_norm_by_moving_the_channels_last(work):
    work.define(
        "update_running",
        """
        def update_running(running_mean, running_var, mean, var, n, momentum):
            for running, new in ((running_mean, mean), (running_var, var * (n / (n - 1)))):
                np.multiply(running, 1 - momentum, out=running)
                np.add(running, momentum * new, out=running)
        """,
    )
    work.define(
        "batch_norm",
        """
        def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
            C = input.shape[1]
            last = input.movedim(1, -1)
            rows = last.reshape(-1, C)
            if training:
                if rows.shape[0] == 1:
                    raise ValueError(f"one value for each of {C} channels is not enough")
                mean = rows.mean(0)
                var = ((rows - mean) ** 2).mean(0)
                if running_mean is not None:
                    update_running(running_mean.array, running_var.array, mean.detach().numpy(), var.detach().numpy(), rows.shape[0], momentum)
            else:
                mean, var = running_mean.detach(), running_var.detach()
            out = (rows - mean) / (var + eps).sqrt()
            if weight is not None:
                out = out * weight
            if bias is not None:
                out = out + bias
            return out.reshape(*last.shape).movedim(-1, 1)
        """,
    )


@unusual
def dropout_by_index_and_residual_by_hand(work):
    work.define(
        "dropout",
        """
        def dropout(input, p=0.5, training=True, generator=None):
            if p < 0 or p > 1:
                raise ValueError(p)
            if p == 0 or not training:
                return input
            noise = random_source(generator).random(input.shape, dtype="float32")
            mask = np.zeros(input.shape, input.dtype)
            if p < 1:
                mask[np.nonzero(noise >= p)] = 1 / (1 - p)
            return Tensor.__mul__(input, wrap_mask(mask))

        def wrap_mask(mask):
            return Tensor(0).to(mask.dtype) + mask
        """,
    )
    work.define(
        "residual",
        """
        def residual(x, body, shortcut=None):
            change = body(x)
            straight = (shortcut or (lambda same: same))(x)
            if tuple(straight.shape) == tuple(change.shape):
                return change + straight
            raise RuntimeError(f"{tuple(straight.shape)} and {tuple(change.shape)} are not equal")
        """,
    )


@unusual
def a_context_manager_for_the_random_state(work):
    work.define(
        "rerun",
        """
        from contextlib import contextmanager

        @contextmanager
        def _random_state(state):
            before = get_rng_state()
            set_rng_state(state)
            try:
                yield
            finally:
                set_rng_state(before)

        def rerun(function, inputs, state):
            leaves = []
            for x in inputs:
                leaf = x.detach()
                leaf.requires_grad = x.requires_grad
                leaves.append(leaf)
            with _random_state(state), enable_grad():
                output = function(*leaves)
            return leaves, output
        """,
    )


@unusual
def errors_in_other_words(work):
    text = work.solution("08-3")["source"]
    start = text.index("        raise RuntimeError(")
    end = text.index("        )", start) + len("        )")
    work.solution("08-3")["source"] = text[:start] + '        raise RuntimeError("these do not divide")' + text[end:]
    text = work.solution("08-4")["source"]
    start = text.index("        raise ValueError(", text.index("n = "))
    end = text.index("        )", start) + len("        )")
    work.solution("08-4")["source"] = text[:start] + '        raise ValueError("one is too few")' + text[end:]
    work.define(
        "residual",
        """
        def residual(x, body, shortcut=None):
            parts = [body(x), x if shortcut is None else shortcut(x)]
            if parts[0].shape != parts[1].shape:
                raise RuntimeError("nothing to add")
            return parts[1] + parts[0]
        """,
    )
