"""a chain of operations, forward and backward: time for each"""

from benchmarks.harness import Row

LENGTHS = (1_000, 10_000, 100_000)


def program(t, length):
    x = t.tensor([1.0]).requires_grad_()

    def step():
        x.grad = None
        y = x
        for _ in range(length):
            y = y * 1.0
        y.backward()

    return step


def rows(bench):
    """Linear means: in the longest chain an operation costs about what it costs in the shortest."""
    found, each = [], {}
    for length in LENGTHS:
        times = bench.compare(f"{__name__}:program", {"length": length}, length=length)
        row = Row(f"chain of {length:,} operations, each", times)
        each[length] = row.median("tinytorch")
        found.append(row)
    growth = each[LENGTHS[-1]] / each[LENGTHS[0]]
    found[-1].note = f"{growth:.2f} of the shortest's"
    found[-1].met = growth <= 1.5
    found[-1].reach = "linear: 1.50"
    return found
