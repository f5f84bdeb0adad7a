"""Correct but unusual submissions of module 02: each function changes a finished `Work` in one way."""

from tests.grading.work import unusual


@unusual
def records_with_comprehensions(work):
    work.define(
        "record",
        """
        def record(node, saves, inputs, values, cells):
            wants = [isinstance(x, Tensor) and bool(x.requires_grad) for x in inputs]
            node.edges = [(x.grad_fn if x.grad_fn is not None else x) if w else None for w, x in zip(wants, inputs)]
            node.saved = [values[i] for i in saves]
            node.versions = [(cells[i], cells[i].count) for i in saves]
        """,
    )


@unusual
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


@unusual
def walks_without_a_heap(work):
    work.define(
        "backward_pass",
        """
        def backward_pass(pending, retain_graph=False, create_graph=False, wanted=None):
            while nodes := [key for key in pending if isinstance(key, Node)]:
                latest = max(nodes, key=lambda node: node.sequence_nr)
                found = latest.gradients(pending.pop(latest), retain_graph, create_graph, wanted)
                for place, gradient in enumerate(found):
                    if gradient is not None:
                        edge = latest.edges[place]
                        pending[edge] = pending[edge] + gradient if edge in pending else gradient
            return pending
        """,
    )


@unusual
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


@unusual
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


@unusual
def helpers_in_cells_of_their_own(work):
    work.insert("# My notes\n\nFirst the helper, then the task.", "02-2", kind="markdown")
    work.insert(
        """
        def complain(name, what, then, now):
            raise RuntimeError(f"the memory of {what}, which {name} keeps, is not what it was: {then} became {now}")

        def second_time():
            raise RuntimeError("nothing is left here; retain_graph=True would have kept it")
        """,
        "02-2",
    )
    work.define(
        "unpack",
        """
        def unpack(node):
            if node.saved is None:
                second_time()
            for i in range(len(node.versions)):
                if (now := node.versions[i][0].count) != node.versions[i][1]:
                    complain(node.name, node.row.names[i], node.versions[i][1], now)
            return node.saved
        """,
    )


@unusual
def a_solution_over_two_cells(work):
    cell = work.solution("02-6")
    first, second = cell["source"].split("def matmul_right", 1)
    cell["source"] = first
    work.insert("def matmul_right" + second)
    work.cells.insert(work.cells.index(cell) + 1, work.cells.pop())


@unusual
def accumulates_with_a_table_of_functions(work):
    work.define(
        "accumulate",
        """
        def accumulate(leaf, gradient):
            def first(): leaf.grad = gradient if isinstance(gradient, Tensor) else wrap(gradient)
            def graph(): leaf.grad = gradient + leaf.grad
            def later():
                np.add(leaf.grad.array, gradient, out=leaf.grad.array)
                leaf.grad._version.count = leaf.grad._version.count + 1
            {(True, True): first, (True, False): first, (False, True): graph, (False, False): later}[
                leaf.grad is None, isinstance(gradient, Tensor)]()
        """,
    )


@unusual
def a_cell_that_raises_before_everything(work):
    work.insert("1 / 0", "02-1")
    work.insert("assert False, 'I do not understand this'", "02-5")
    work.insert("def broken(:\n    pass", "02-7")
    work.insert("undefined_name")


@unusual
def solutions_retyped_without_metadata(work):
    for cell in work.solutions():
        cell["metadata"], cell["id"] = {}, f"fresh-{work.cells.index(cell)}"


@unusual
def slow_but_within_the_limit(work):
    work.prepend("02-3", "import time\ntime.sleep(1)")
    work.define(
        "directional_derivatives",
        """
        def directional_derivatives(function, inputs, directions, eps=1e-6):
            import time
            time.sleep(0.1)
            claimed = 0.0
            for found, direction in zip(grad(function(*inputs), list(inputs), allow_unused=True), directions):
                claimed += 0.0 if found is None else float((found * direction).sum())

            def at(distance):
                with grad_enabled(False):
                    return float(function(*(x + distance * u for x, u in zip(inputs, directions))))

            return (at(eps) - at(-eps)) / (eps + eps), claimed
        """,
    )


@unusual
def an_old_format_without_ids(work):
    for cell in work.cells:
        del cell["id"]
        cell["metadata"]["collapsed"] = False
        cell["source"] = cell["source"].splitlines(keepends=True)
    return work.notebook() | {"nbformat_minor": 2}


@unusual
def gradients_of_ties_with_where(work):
    work.define(
        "extreme_gradient",
        """
        def extreme_gradient(g, x, out, dim=None, keepdim=False):
            equal = x == unreduce(out, x.shape, dim, keepdim)
            many_ = total(where(equal, 1.0, 0.0), dim=dim, keepdim=True)
            return where(equal, unreduce(g, x.shape, dim, keepdim) / many_, 0.0)
        """,
    )
