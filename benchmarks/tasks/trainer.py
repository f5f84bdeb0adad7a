"""the Trainer's own cost a step, beside a loop by hand that does the same; MLP 784-256-10, batch 64"""

import random
from math import isfinite
from statistics import median

from benchmarks.harness import Row

BATCHES, TIMES, REACH = 20, 5, 1.03  # an epoch goes through the batches five times


def make(t, name):
    """A model, its loss and an optimizer, from weights that are always the same."""
    t.manual_seed(0)
    model = t.nn.Sequential(t.nn.Linear(784, 256), t.nn.ReLU(), t.nn.Linear(256, 10))
    return model, t.nn.CrossEntropyLoss(), getattr(t.optim, name)(model.parameters(), lr=1e-3)


def by_hand(batches, model, loss_fn, optimizer, look):
    """The loop that people write, with or without a look for NaN: a function that trains for one epoch."""
    import numpy as np

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


def loops(batches, models):
    """{who: function that trains for one epoch}, each on a model, loss and optimizer of its own or all on the same."""
    from tinytorch.training import Trainer

    trainer = Trainer(*models[2])
    return {
        "bare": by_hand(batches, *models[0], look=False),
        "careful": by_hand(batches, *models[1], look=True),
        "trainer": lambda: trainer.fit(batches, epochs=trainer.epoch + 1),
    }


def costs(name, rounds):
    """Seconds a step by who trains. First, that the three do the same; then interleaved, in each round on one fresh model for
    all three, so that nobody's arrays lie better in memory than the others'."""
    from time import process_time

    import numpy as np

    import tinytorch as t

    rng = np.random.default_rng(0)
    batches = [
        (t.tensor(rng.standard_normal((64, 784)).astype(np.float32)), t.tensor(rng.integers(0, 10, 64)))
        for _ in range(BATCHES)
    ]
    models = [make(t, name) for _ in range(3)]
    for epoch in loops(batches, models).values():
        epoch()
    for first, *others in zip(*(model.parameters() for model, *_ in models)):
        assert all(np.array_equal(first.detach(), other.detach()) for other in others), "the loops do not do the same"
    dice, times = random.Random(0), {}
    for _ in range(rounds):
        epochs = loops(batches * TIMES, [make(t, name)] * 3)
        epochs["careful"]()  # to warm up
        for who in dice.sample(list(epochs), len(epochs)):
            start = process_time()
            epochs[who]()
            times.setdefault(who, []).append((process_time() - start) / BATCHES / TIMES)
    return times


def rows(bench):
    """The look at every gradient is part of the careful loop; what it costs beside a loop that does not look is told, too."""
    found = []
    for name in ("SGD", "Adam"):
        times = bench.ask("tinytorch", f"{__name__}:costs", {"name": name, "rounds": 2 * bench.rounds})
        careful, bare = (median(a / b for a, b in zip(times["trainer"], times[who])) for who in ("careful", "bare"))
        row = Row(f"Trainer with {name}, a step", {"tinytorch": times["trainer"]}, reach=f"by hand: {REACH}")
        row.met, row.note = careful <= REACH, f"{careful:.3f} of the loop by hand; {bare:.3f} of one blind to NaN"
        found.append(row)
    return found
