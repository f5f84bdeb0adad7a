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
    """Linear means: an operation costs about the same in a chain of any length (what outgrows the caches costs a little more)."""
    found, each = [], {}
    for length in LENGTHS:
        times = bench.compare(f"{__name__}:program", {"length": length}, length=length)
        row = Row(f"chain of {length:,} operations, each", times)
        each[length] = row.median("tinytorch")
        found.append(row)
    for row, length in zip(found[1:], LENGTHS[1:]):
        growth = each[length] / each[LENGTHS[0]]
        row.reach, row.met, row.note = "linear: 2.00", growth <= 2, f"{growth:.2f} of the shortest's"
    return found
