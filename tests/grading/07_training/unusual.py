"""Correct but unusual submissions of module 07: each function changes a finished `Work` in one way."""

from tests.grading.work import unusual


@unusual
def accumulates_by_a_loss_that_carries_its_weight(work):
    """The weight of a piece is multiplied into the loss instead of handed to backward; the loss comes by recursion."""
    work.define(
        "accumulate",
        """
        def accumulate(model, loss_fn, batches, total=None):
            if total is None:
                total = sum(mean_over(loss_fn, *batch) for batch in batches)
            if not batches:
                return 0.0
            (inputs, targets), *others = batches
            loss = mean_over(loss_fn, inputs, targets) / total * loss_fn(model(inputs), targets)
            loss.backward()
            loss = float(loss.detach().numpy())
            return loss + accumulate(model, loss_fn, others, total)
        """,
    )
    work.define(
        "find_nonfinite",
        """
        def find_nonfinite(loss, named_parameters):
            def words():
                if loss != loss or loss in (math.inf, -math.inf):
                    yield f"loss is {loss}"
                yield from (f"gradient of {n} is not finite" for n, p in named_parameters
                            if p.grad is not None and np.isnan(p.grad.numpy() - p.grad.numpy()).any())
            return next(words(), None)
        """,
    )


@unusual
def evaluates_everything_at_once(work):
    """All outputs are kept; the weighing is a dot product in float64. The mode is put back by hand."""
    work.define(
        "evaluate",
        """
        def evaluate(model, loader, metrics):
            modes = {module: module.training for module in model.modules()}
            try:
                for module in modes:
                    module.training = False
                with no_grad():
                    rows = [(len(y), [float(f(model(x), y)) for f in metrics.values()]) for x, y in loader]
            finally:
                for module in modes:
                    module.training = modes[module]
            if not rows:
                raise ValueError("nothing to evaluate on")
            counts, values = np.array([n for n, _ in rows], float), np.array([v for _, v in rows])
            return dict(zip(metrics, map(float, counts @ values / counts.sum())))
        """,
    )
    work.insert("print('evaluating in eval mode, all at once')", "07-5")


@unusual
def halves_by_array_split_and_reads_with_a_regular_expression(work):
    work.define(
        "halve",
        """
        def halve(batches):
            cut = lambda t: [t[:len(t) // 2], t[len(t) // 2:]]
            parts = [pair for x, y in batches for pair in zip(cut(x), cut(y)) if len(pair[0]) > 0]
            if all(len(x) == 1 for x, _ in batches):
                raise MemoryError("one sample is too large")
            return parts
        """,
    )
    work.prepend("07-7", "import re as regex")
    work.define(
        "unpack",
        """
        def unpack(data):
            found = regex.match(rb"tinytorch checkpoint (\\d+) ([0-9a-f]+)\\n", data)
            if found is None:
                raise CheckpointError("not a tinytorch checkpoint")
            version, archive = int(found[1]), memoryview(data)[found.end():]
            if version > VERSION:
                raise CheckpointError("this is from the future, please update tinytorch soon")
            check = hashlib.new("sha256")
            check.update(archive)
            if check.hexdigest().encode() != found[2]:
                raise CheckpointError("damaged on the way")
            return upgrade(from_archive(bytes(archive)), version)
        """,
    )


@unusual
def loops_with_iterators(work):
    """Groups by islice, checkpoints by a generator, early stopping with negated values and no sign."""
    work.prepend("07-10", "from itertools import islice as take")
    work.define(
        "grouped",
        """
        def grouped(loader, size):
            source = iter(loader)
            while group := [*take(source, size)]:
                yield group
        """,
    )
    work.define(
        "update_best",
        """
        def update_best(state, value, *, mode="min", patience=3, min_delta=0.0):
            best = state["best"]
            gain = math.inf if best is None else best - value if mode == "min" else value - best
            improved = value == value and gain > min_delta
            state["best"] = value if improved else best
            state["num_bad_epochs"] = (1 - improved) * (state["num_bad_epochs"] + 1)
            return bool(improved), not state["num_bad_epochs"] < patience
        """,
    )
    work.define(
        "latest_valid",
        """
        def latest_valid(folder):
            def good(paths):
                while paths:
                    path = paths.pop()
                    try:
                        with open(path, "rb") as file:
                            yield path, unpack(file.read())
                    except (CheckpointError, OSError) as reason:
                        warnings.warn(f"{path}: {reason!r}", RuntimeWarning)
            return next(good(checkpoints(folder)), None)
        """,
    )


@unusual
def steps_with_a_guard(work):
    """The look is a function of its own; clipping to infinity is no clipping."""
    work.define(
        "train_step",
        """
        def train_step(model, loss_fn, optimizer, batches, clip_norm=None, named=None):
            def guard(loss):
                if words := find_nonfinite(loss, iter(pairs)):
                    raise NonFiniteError(words)
                return loss
            pairs = [*(model.named_parameters() if named is None else named)]
            optimizer.zero_grad(set_to_none=True)
            loss = guard(accumulate(model, loss_fn, list(batches)))
            held = [p.grad.array for _, p in pairs if p.grad is not None]
            scale_to_norm(held, math.inf if clip_norm is None else clip_norm, total_norm(held))
            optimizer.step()
            return loss
        """,
    )
