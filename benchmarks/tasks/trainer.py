"""the Trainer's own cost a step, beside a loop by hand that does the same; MLP 784-256-10, batch 64"""

import random
from math import isfinite
from statistics import median

from benchmarks.harness import Row

BATCHES, REACH = 20, 1.03


def loops(name):
    """{who: function that trains for one epoch}, on equal data and from equal weights, and the three models."""
    import numpy as np

    import tinytorch as t
    from tinytorch.training import Trainer

    rng = np.random.default_rng(0)
    batches = [
        (t.tensor(rng.standard_normal((64, 784)).astype(np.float32)), t.tensor(rng.integers(0, 10, 64)))
        for _ in range(BATCHES)
    ]

    def make():
        t.manual_seed(0)
        model = t.nn.Sequential(t.nn.Linear(784, 256), t.nn.ReLU(), t.nn.Linear(256, 10))
        return model, t.nn.CrossEntropyLoss(), getattr(t.optim, name)(model.parameters(), lr=1e-3)

    def by_hand(model, loss_fn, optimizer, look):
        parameters, history = list(model.parameters()), []

        def epoch():
            model.train()
            total, count = 0.0, 0
            for x, y in batches:
                optimizer.zero_grad()
                loss = loss_fn(model(x), y)
                loss.backward()
                value = loss.item()
                if look and not (
                    isfinite(value) and all(isfinite(np.vdot(p.grad.numpy(), p.grad.numpy())) for p in parameters)
                ):
                    raise FloatingPointError("NaN")
                optimizer.step()
                total, count = total + value * len(x), count + len(x)
            history.append(total / count)

        return epoch

    bare, careful, own = make(), make(), make()
    trainer = Trainer(*own)
    steps = {
        "bare": by_hand(*bare, look=False),
        "careful": by_hand(*careful, look=True),
        "trainer": lambda: trainer.fit(batches, epochs=trainer.epoch + 1),
    }
    return steps, [model for model, *_ in (bare, careful, own)]


def costs(name, rounds):
    """Seconds a step by who trains: interleaved in one process, after the weights were found equal."""
    from time import process_time

    import numpy as np

    steps, models = loops(name)
    for _ in range(2):
        for step in steps.values():
            step()
    for first, *others in zip(*(model.parameters() for model in models)):
        assert all(np.array_equal(first.detach(), other.detach()) for other in others), "the loops do not do the same"
    dice, times = random.Random(0), {who: [] for who in steps}
    for _ in range(rounds):
        for who in dice.sample(list(steps), len(steps)):
            start = process_time()
            steps[who]()
            times[who].append((process_time() - start) / BATCHES)
    return times


def rows(bench):
    """The look at every gradient is part of the careful loop; what it costs beside a loop that does not look is told, too."""
    found = []
    for name in ("SGD", "Adam"):
        times = bench.ask("tinytorch", f"{__name__}:costs", {"name": name, "rounds": 4 * bench.rounds})
        careful, bare = (median(a / b for a, b in zip(times["trainer"], times[who])) for who in ("careful", "bare"))
        row = Row(f"Trainer with {name}, a step", {"tinytorch": times["trainer"]}, reach=f"by hand: {REACH}")
        row.met, row.note = careful <= REACH, f"{careful:.3f} of the loop by hand; {bare:.3f} of one blind to NaN"
        found.append(row)
    return found
