"""Correct but unusual submissions of module 04: each function changes a finished `Work` in one way."""

from tests.grading.work import unusual


@unusual
def reduce_by_a_table(work):
    work.define(
        "reduce",
        '''
        REDUCTIONS = {"none": lambda values: values, "sum": Tensor.sum, "mean": Tensor.mean}

        def reduce(values: Tensor, reduction: str) -> Tensor:
            """One of three."""
            try:
                return REDUCTIONS[reduction](values)
            except KeyError:
                raise ValueError(f"{reduction!r} is not one of {', '.join(REDUCTIONS)}") from None
        ''',
    )
    work.define(
        "mse_loss",
        """
        def mse_loss(input, target, reduction="mean"):
            check_same_shape(target, input)
            return reduce((target - input) ** 2, reduction)
        """,
    )


@unusual
def huber_with_a_mask(work):
    work.define(
        "huber_loss",
        """
        def huber_loss(input, target, reduction="mean", delta=1.0):
            check_same_shape(input, target)
            if not delta > 0:
                raise RuntimeError(f"{delta=}")
            d = input - target
            inside = Tensor((abs(d.detach().numpy()) <= delta).astype(d.detach().numpy().dtype))
            square, line = 0.5 * d * d, delta * (d.abs() - delta / 2)
            return reduce(inside * square + (1 - inside) * line, reduction)
        """,
    )


@unusual
def cross_entropy_in_float64_row_by_row(work):
    work.define(
        "softmax_cross_entropy_forward",
        '''
        def softmax_cross_entropy_forward(logits, target):
            """A loop over the rows, which anybody can read."""
            N, C = logits.shape
            losses, e, total = np.zeros(N), np.zeros((N, C)), np.zeros(N)
            for i, (row, y) in enumerate(zip(logits.astype(np.float64), target)):
                shifted = row - max(row)
                e[i] = np.exp(shifted)
                total[i] = sum(e[i])
                losses[i] = np.log(total[i]) - shifted[y]
            return losses.astype(logits.dtype), e.astype(logits.dtype), total.astype(logits.dtype)
        ''',
    )
    work.define(
        "softmax_cross_entropy_backward",
        """
        def softmax_cross_entropy_backward(g, e, total, target):
            onehot = np.eye(e.shape[1], dtype=e.dtype)[target]
            e[:] = np.einsum("n,nc->nc", g, e / total.reshape(-1, 1) - onehot)
            return e
        """,
    )


@unusual
def weights_looked_up_with_a_column_for_what_is_ignored(work):
    work.define(
        "weighted_losses",
        """
        def weighted_losses(losses, target, weight=None, ignore_index=-100, reduction="mean"):
            scale = np.ones(len(target), losses.dtype)
            if weight is not None:
                padded = np.append(weight, 0).astype(losses.dtype)
                scale = padded[np.where(target == ignore_index, len(padded) - 1, target)]
            scale = np.where(target == ignore_index, 0, scale).astype(losses.dtype)
            weighed = losses * scale
            return reduce(weighed, "sum") / float(scale.sum()) if reduction == "mean" and scale.any() else (
                reduce(weighed, "sum") * float("nan") if reduction == "mean" else reduce(weighed, reduction))
        """,
    )


@unusual
def soft_targets_as_two_terms(work):
    work.define(
        "soft_cross_entropy",
        """
        def soft_cross_entropy(logits, target, weight=None, label_smoothing=0.0):
            surprise = -1 * log_softmax(logits, dim=1)
            if weight is not None:
                surprise = surprise * weight
            hard, even = (surprise * target).sum(1), surprise.mean(1)
            return hard * (1 - label_smoothing) + even * label_smoothing
        """,
    )


@unusual
def softplus_by_logaddexp(work):
    work.define(
        "softplus",
        """
        @Operation
        def softplus(x):
            return np.logaddexp(np.zeros_like(x), x)
        """,
    )
    work.define("softplus_to_input", "softplus_to_input = lambda g, x: sigmoid(x) * g")
    work.define(
        "binary_cross_entropy_with_logits",
        """
        def binary_cross_entropy_with_logits(input, target, weight=None, reduction="mean", pos_weight=None):
            check_same_shape(input, target)
            # -log p = softplus(-x) = softplus(x) - x, and softplus(x) counts (1 - y) + y pos_weight times
            w = 1 if pos_weight is None else pos_weight
            losses = (1 - target) * softplus(input) + w * target * softplus(-1.0 * input)
            return reduce(losses * (1 if weight is None else weight), reduction)
        """,
    )


@unusual
def divergence_with_where(work):
    work.insert("#| export\nfrom tinytorch.tensor import where as pick", "04-8")
    work.define(
        "kl_div",
        """
        def kl_div(input, target, reduction="mean", log_target=False):
            check_same_shape(input, target)
            if log_target:
                terms = (target - input) * target.exp()
            else:
                positive = target > 0
                terms = pick(positive, target * (pick(positive, target, 1 + 0 * target).log() - input), 0 * target)
            return reduce(terms, "sum") / len(terms) if reduction == "batchmean" else reduce(terms, reduction)
        """,
    )


@unusual
def focal_loss_as_a_class_with_a_sign_trick(work):
    work.define(
        "sigmoid_focal_loss",
        '''
        class _Focal:
            """-alpha_t (1 - p_t)^gamma log p_t, with the sign of the logit turned for negatives."""

            def __init__(self, alpha, gamma):
                self.alpha, self.gamma = alpha, gamma

            def __call__(self, inputs, targets):
                right = inputs * (2 * targets - 1)  # the logit of the right answer
                losses = softplus(-right) * (-right).sigmoid() ** self.gamma
                return losses if self.alpha < 0 else losses * (targets * (2 * self.alpha - 1) + (1 - self.alpha))


        def sigmoid_focal_loss(inputs, targets, alpha=0.25, gamma=2.0, reduction="none"):
            check_same_shape(inputs, targets)
            return reduce(_Focal(alpha, gamma)(inputs, targets), reduction)
        ''',
    )


@unusual
def errors_in_other_words(work):
    work.define(
        "reduce",
        """
        def reduce(values, reduction):
            if reduction not in ("none", "sum", "mean"):
                raise ValueError(f"mean, sum, none: one of them, not {reduction}")
            return values if reduction == "none" else getattr(values, reduction)()
        """,
    )
    work.define(
        "huber_loss",
        """
        def huber_loss(input, target, reduction="mean", delta=1.0):
            check_same_shape(input, target)
            if delta <= 0:
                raise RuntimeError("the joint must lie to the right of 0")
            size = abs(input - target)
            near = size.clamp(max=delta)
            return reduce(0.5 * near * near + delta * (size - near), reduction)
        """,
    )
