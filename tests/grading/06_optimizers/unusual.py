"""Correct but unusual submissions of module 06: each function changes a finished `Work` in one way."""

from tests.grading.work import unusual


@unusual
def nesterov_by_adding_to_the_scratch(work):
    work.define(
        "sgd_step",
        """
        def sgd_step(p, g, state, s, *, lr, momentum=0.0, dampening=0.0, nesterov=False):
            s[...] = g
            if momentum:
                v = state.get("momentum_buffer")
                if v is None:
                    v = state["momentum_buffer"] = np.array(g)
                else:
                    np.multiply(v, momentum, out=v)
                    s *= 1 - dampening
                    v += s
                np.copyto(s, v)
                if nesterov:
                    s *= momentum
                    s += g
            s *= -lr
            np.add(p, s, out=p)
        """,
    )


@unusual
def adam_step_size_first(work):
    """The order of the paper's section 2: the two corrections are one factor, and epsilon is scaled to match."""
    work.define(
        "adam_step",
        """
        def adam_step(p, g, state, s, *, lr, betas=(0.9, 0.999), eps=1e-8, amsgrad=False):
            kept = ["exp_avg", "exp_avg_sq"] + ["max_exp_avg_sq"] * amsgrad
            for name in kept:
                if name not in state:
                    state[name] = np.zeros(p.shape, p.dtype)
            t = state["step"] = state.get("step", 0) + 1
            for name, beta, k in (("exp_avg", betas[0], 1), ("exp_avg_sq", betas[1], 2)):
                state[name] *= beta
                np.multiply(g, 1 - beta, out=s)
                if k == 2:
                    s *= g
                state[name] += s
            if amsgrad:
                np.maximum(state["exp_avg_sq"], state["max_exp_avg_sq"], out=state["max_exp_avg_sq"])
            root = (1 - betas[1] ** t) ** 0.5
            np.sqrt(state[kept[-1]], out=s)
            s += eps * root
            np.divide(state["exp_avg"], s, out=s)
            s *= lr * root / (1 - betas[0] ** t)
            np.subtract(p, s, out=p)
        """,
    )


@unusual
def rmsprop_forgets_by_difference(work):
    """A running mean as v += (1 - alpha) * (x - v), and the centered root by a product of sum and difference."""
    work.define(
        "rmsprop_step",
        """
        def rmsprop_step(p, g, state, s, *, lr=0.01, alpha=0.99, eps=1e-8, momentum=0.0, centered=False):
            def towards(name, make):
                mean = state.setdefault(name, None)
                if mean is None:
                    mean = state[name] = p * 0
                make()
                np.subtract(s, mean, out=s)
                np.multiply(s, 1 - alpha, out=s)
                mean += s
                return mean
            v = towards("square_avg", lambda: np.square(g, out=s))
            if centered:
                a = towards("grad_avg", lambda: np.copyto(s, g))
                np.square(a, out=s)
                np.subtract(v, s, out=s)
            else:
                np.copyto(s, v)
            np.sqrt(s, out=s)
            s += eps
            np.divide(g, s, out=s)
            if momentum:
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = np.zeros_like(p)
                state["momentum_buffer"] *= momentum
                state["momentum_buffer"] += s
                np.copyto(s, state["momentum_buffer"])
            np.multiply(s, lr, out=s)
            p -= s
        """,
    )


@unusual
def norms_by_the_formula_in_float64(work):
    work.define(
        "total_norm",
        """
        def total_norm(arrays, norm_type=2.0):
            sizes = [abs(np.asarray(a, np.float64)) for a in arrays]
            if norm_type == math.inf:
                return max((float(a.max()) for a in sizes), default=0.0)
            return sum(float((a**norm_type).sum()) for a in sizes) ** (1 / norm_type)
        """,
    )
    work.define(
        "scale_to_norm",
        """
        def scale_to_norm(arrays, max_norm, norm):
            factor = np.minimum(1.0, max_norm / (norm + 1e-6))
            for a in arrays:
                np.multiply(a, factor, out=a)
        """,
    )


@unusual
def schedules_by_going_there(work):
    """No closed form: the rate is walked to, step by step."""
    work.define(
        "multistep_lr",
        """
        def multistep_lr(lr, t, *, milestones, gamma):
            for now in range(t + 1):
                lr *= gamma ** list(milestones).count(now)
            return lr
        """,
    )
    work.define(
        "exponential_lr",
        "def exponential_lr(lr, t, *, gamma):\n    import functools\n    return functools.reduce(lambda r, _: r * gamma, range(t), lr)",
    )
    work.define(
        "linear_lr",
        """
        def linear_lr(lr, t, *, start_factor, end_factor, total_iters):
            return lr * float(np.interp(t, [0, total_iters], [start_factor, end_factor]))
        """,
    )


@unusual
def one_cycle_by_squared_sines(work):
    work.define(
        "one_cycle_lr",
        """
        def one_cycle_lr(t, *, max_lr, total_steps, pct_start=0.3, div_factor=25.0, final_div_factor=1e4):
            def leg(a, b, x):
                return a + (b - a) * math.sin(math.pi * x / 2) ** 2
            top = pct_start * total_steps - 1
            if t > top:
                return leg(max_lr, max_lr / div_factor / final_div_factor, (t - top) / (total_steps - 1 - top))
            return leg(max_lr / div_factor, max_lr, t / top)
        """,
    )


@unusual
def plateau_with_a_sign(work):
    work.define(
        "plateau_update",
        """
        def plateau_update(state, metric, *, patience, threshold, cooldown, mode="min"):
            sign = {"min": -1, "max": 1}[mode]
            better = sign * metric > sign * (state["best"] * (1 + sign * threshold))
            if better:
                state["best"] = metric
            state["num_bad_epochs"] = 0 if better or state["cooldown_counter"] > 0 else state["num_bad_epochs"] + 1
            state["cooldown_counter"] = max(0, state["cooldown_counter"] - 1)
            cut = state["num_bad_epochs"] > patience
            if cut:
                state.update(num_bad_epochs=0, cooldown_counter=cooldown)
            return cut
        """,
    )
