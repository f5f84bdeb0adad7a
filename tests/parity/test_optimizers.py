"""Twenty steps of every optimizer and option, and every schedule, equal to PyTorch's."""

import copy
import inspect
import tracemalloc

import numpy as np
import pytest
import torch

import tinytorch
from tinytorch import optim

OPTIONS = {
    "SGD": [
        dict(lr=0.1),
        dict(lr=0.1, momentum=0.9),
        dict(lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.1),
        dict(lr=0.1, momentum=0.9, nesterov=True),
        dict(lr=0.1, maximize=True, weight_decay=0.1),
        dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01, maximize=True),
    ],
    "Adam": [
        {},
        dict(lr=0.1, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.1),
        dict(lr=0.1, maximize=True, weight_decay=0.1),
        dict(lr=0.1, amsgrad=True, betas=(0.8, 0.5)),
        dict(lr=0.1, amsgrad=True, weight_decay=0.3, decoupled_weight_decay=True),
    ],
    "AdamW": [
        {},
        dict(lr=0.1, weight_decay=0.3),
        dict(lr=0.1, maximize=True, betas=(0.5, 0.7), eps=1e-4),
        dict(lr=0.1, amsgrad=True, betas=(0.8, 0.5), maximize=True),
    ],
    "RMSprop": [
        {},
        dict(lr=0.1, momentum=0.9, centered=True, weight_decay=0.1),
        dict(centered=True, alpha=0.9, eps=1e-3),
        dict(momentum=0.5, maximize=True),
    ],
    "Adagrad": [
        {},
        dict(lr=0.1, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.3),
        dict(maximize=True, eps=1e-2),
    ],
    "Adadelta": [{}, dict(lr=0.5, rho=0.8, weight_decay=0.1), dict(maximize=True, eps=1e-3)],
}
# How PyTorch computes, not what: these have no counterpart.
INSIDE = {"foreach", "fused", "capturable", "differentiable"}
CASES = [(name, options) for name, cases in OPTIONS.items() for options in cases]

SCHEDULES = {
    "StepLR": dict(step_size=3, gamma=0.3),
    "MultiStepLR": dict(milestones=[2, 5, 5], gamma=0.3),
    "ExponentialLR": dict(gamma=0.9),
    "CosineAnnealingLR": dict(T_max=7, eta_min=0.01),
    "LinearLR": dict(start_factor=0.2, end_factor=0.9, total_iters=5),
    "OneCycleLR": dict(max_lr=0.3, total_steps=25, cycle_momentum=False),
    "ConstantLR": dict(factor=0.3, total_iters=4),
    "PolynomialLR": dict(total_iters=9, power=1.7),
    "CosineAnnealingWarmRestarts": dict(T_0=3, T_mult=2, eta_min=0.01),
    "CyclicLR": dict(base_lr=0.02, max_lr=0.3, step_size_up=3, step_size_down=4, cycle_momentum=False),
    "LambdaLR": dict(lr_lambda=lambda t: 0.9**t),
    "MultiplicativeLR": dict(lr_lambda=lambda t: 0.95 + 0.01 * t),
    "SequentialLR": dict(milestones=[4]),
    "ReduceLROnPlateau": dict(patience=1, factor=0.5),
}


def scheduled(module, name, optimizer, **options):
    """The schedule of this name from `module`, the lr_scheduler of either library."""
    if name == "SequentialLR":
        parts = [module.LinearLR(optimizer, 0.1, total_iters=4), module.CosineAnnealingLR(optimizer, 10)]
        return module.SequentialLR(optimizer, parts, **options)
    return getattr(module, name)(optimizer, **options)


def advance(schedule, name, step):
    """One step; the plateau is told of a loss that goes up and down."""
    schedule.step(*([[3.0, 2.0, 2.5, 2.2, 2.4][step % 5]] if name == "ReduceLROnPlateau" else []))


def rates(optimizer):
    return [group["lr"] for group in optimizer.param_groups]


def pair(name, options, seed=0):
    rng = np.random.default_rng(seed)
    values = [rng.standard_normal(shape).astype("f") for shape in ((3, 2), (4,), ())]
    theirs = [torch.tensor(v, requires_grad=True) for v in values]
    ours = [tinytorch.tensor(v, requires_grad=True) for v in values]
    return rng, theirs, ours, getattr(torch.optim, name)(theirs, **options), getattr(optim, name)(ours, **options)


def give_gradients(rng, theirs, ours):
    for a, b in zip(theirs, ours):
        g = np.asarray(rng.standard_normal(a.shape), "f")
        a.grad, b.grad = torch.tensor(g), tinytorch.tensor(g)


def close(ours, theirs):
    for a, b in zip(theirs, ours):
        np.testing.assert_allclose(b.detach().numpy(), a.detach().numpy(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name, options", CASES, ids=str)
def test_twenty_steps_with_every_schedule(name, options):
    for schedule, own in SCHEDULES.items():
        rng, theirs, ours, torch_optimizer, optimizer = pair(name, options)
        a = scheduled(torch.optim.lr_scheduler, schedule, torch_optimizer, **own)
        b = scheduled(optim.lr_scheduler, schedule, optimizer, **own)
        for step in range(20):
            give_gradients(rng, theirs, ours)
            torch_optimizer.step(), optimizer.step()
            advance(a, schedule, step), advance(b, schedule, step)
            np.testing.assert_allclose(rates(optimizer), rates(torch_optimizer), rtol=1e-9, err_msg=schedule)
        close(ours, theirs)


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_is_there_and_has_been_tried(name):
    theirs = inspect.signature(getattr(torch.optim, name)).parameters
    ours = inspect.signature(getattr(optim, name)).parameters
    expected = [option for option in theirs if option not in INSIDE]
    assert [option for option in theirs if option in ours] == expected
    assert {option: ours[option].default for option in expected} == {o: theirs[o].default for o in expected}
    assert set().union(*OPTIONS[name]) | {"params"} == set(expected)


@pytest.mark.parametrize("name, options", CASES, ids=str)
def test_a_run_of_pytorchs_goes_on_here(name, options):
    """PyTorch's state_dict, as arrays, loads into a fresh optimizer in the middle of a run."""
    rng, theirs, ours, torch_optimizer, _ = pair(name, options)
    for _ in range(5):
        give_gradients(rng, theirs, ours)
        torch_optimizer.step()
    ours = [tinytorch.tensor(p.detach().numpy().copy(), requires_grad=True) for p in theirs]
    optimizer, state = getattr(optim, name)(ours), torch_optimizer.state_dict()
    arrays = {
        i: {k: (int(v) if k == "step" else v.numpy().copy()) for k, v in kept.items() if v is not None}
        for i, kept in state["state"].items()
    }
    optimizer.load_state_dict({"state": arrays, "param_groups": state["param_groups"]})
    for _ in range(5):
        give_gradients(rng, theirs, ours)
        torch_optimizer.step(), optimizer.step()
    close(ours, theirs)


@pytest.mark.parametrize("name, options", CASES, ids=str)
def test_a_run_from_here_goes_on_in_pytorch(name, options):
    rng, theirs, ours, torch_optimizer, optimizer = pair(name, options)
    for _ in range(5):
        give_gradients(rng, theirs, ours)
        torch_optimizer.step(), optimizer.step()
    own, state = optimizer.state_dict(), torch_optimizer.state_dict()
    for i, kept in state["state"].items():
        for key, value in kept.items():
            if key in own["state"][i] and key != "step":
                value.copy_(torch.tensor(own["state"][i][key]))
    with torch.no_grad():
        for a, b in zip(theirs, ours):
            a.copy_(torch.tensor(b.detach().numpy()))
    torch_optimizer.load_state_dict(state)
    for _ in range(5):
        give_gradients(rng, theirs, ours)
        torch_optimizer.step(), optimizer.step()
    close(ours, theirs)


@pytest.mark.parametrize("name, options", CASES, ids=str)
def test_state_dict_goes_on_exactly(name, options):
    """Loaded into a fresh optimizer with other options, mid-run: the options and the state come back, copied."""
    rng, _, ours, _, optimizer = pair(name, options)
    fresh = [tinytorch.tensor(p.detach().numpy().copy(), requires_grad=True) for p in ours]
    for step in range(6):
        if step == 3:
            fresh = [tinytorch.tensor(p.detach().numpy().copy(), requires_grad=True) for p in ours]
            resumed = getattr(optim, name)(fresh)
            resumed.load_state_dict(optimizer.state_dict())
        for p in ours:
            p.grad = tinytorch.tensor(np.asarray(rng.standard_normal(p.shape), "f"))
        optimizer.step()
        if step >= 3:
            for a, b in zip(fresh, ours):
                a.grad = b.grad
            resumed.step()
    assert all((a.array == b.array).all() for a, b in zip(fresh, ours))


OTHERS = {
    "SGD": dict(lr=0.01, momentum=0.5, weight_decay=0.1),
    "Adam": dict(lr=0.3, betas=(0.5, 0.8), amsgrad=True),
    "AdamW": dict(lr=0.3, weight_decay=0.5),
    "RMSprop": dict(lr=0.05, alpha=0.5, centered=True),
    "Adagrad": dict(lr=0.3, lr_decay=0.2),
    "Adadelta": dict(lr=0.2, rho=0.5),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_groups_with_options_of_their_own(name):
    rng, theirs, ours, _, _ = pair(name, {})
    groups = [[dict(params=p[:1]), dict(params=p[1:2], **OTHERS[name])] for p in (theirs, ours)]
    a, b = getattr(torch.optim, name)(groups[0], lr=0.1), getattr(optim, name)(groups[1], lr=0.1)
    a.add_param_group({"params": theirs[2], "lr": 0.5}), b.add_param_group({"params": ours[2], "lr": 0.5})
    c, d = torch.optim.lr_scheduler.StepLR(a, 3), optim.StepLR(b, 3)
    for _ in range(20):
        give_gradients(rng, theirs, ours)
        a.step(), b.step(), c.step(), d.step()
    assert len(b.param_groups) == 3
    close(ours, theirs)


def test_a_parameter_without_a_gradient_waits():
    rng, theirs, ours, a, b = pair("Adam", dict(lr=0.1, weight_decay=0.1))
    for step in range(6):
        give_gradients(rng, theirs, ours)
        if step % 2:
            theirs[0].grad = ours[0].grad = None
        a.step(), b.step()
    close(ours, theirs)


@pytest.mark.parametrize("name, options", CASES, ids=str)
def test_after_the_first_step_nothing_is_allocated(name, options):
    p = tinytorch.tensor(np.ones((500, 500), "f"), requires_grad=True)
    p.grad = tinytorch.tensor(np.ones((500, 500), "f"))
    optimizer, where = getattr(optim, name)([p], **options), p.array.ctypes.data
    optimizer.step(), optimizer.step()  # with momentum the velocity comes at the first step, its scratch at the second
    arrays = {key: a.ctypes.data for key, a in optimizer.state[p].items() if isinstance(a, np.ndarray)}
    tracemalloc.start()
    for _ in range(3):
        optimizer.step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000, f"{name} allocated {peak} bytes for an array of 1,000,000"
    assert p.array.ctypes.data == where
    assert {key: a.ctypes.data for key, a in optimizer.state[p].items() if isinstance(a, np.ndarray)} == arrays


def test_a_copied_optimizer_keeps_its_state():
    rng, theirs, ours, a, b = pair("Adam", dict(lr=0.1))
    for step in range(6):
        give_gradients(rng, theirs, ours)
        if step == 3:
            ours, b = copy.deepcopy((ours, b))
        a.step(), b.step()
    close(ours, theirs)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_goes_on_from_its_state(name):
    _, _, _, _, optimizer = pair("SGD", dict(lr=0.1))
    whole = scheduled(optim, name, optimizer, **SCHEDULES[name])
    for step in range(19):
        if step == 7:
            _, _, _, _, fresh = pair("SGD", dict(lr=0.5))
            resumed = scheduled(optim, name, fresh, **SCHEDULES[name])
            fresh.load_state_dict(optimizer.state_dict()), resumed.load_state_dict(whole.state_dict())
        advance(whole, name, step)
        if step >= 7:
            advance(resumed, name, step)
            assert rates(fresh) == rates(optimizer)


# PyTorch's warm restarts forget, given a last_epoch, how many restarts there have been.
AFTER_LAST_EPOCH = SCHEDULES.keys() - {"SequentialLR", "ReduceLROnPlateau", "CosineAnnealingWarmRestarts"}


def test_warm_restarts_go_on_after_last_epoch():
    optimizers = [optim.SGD([tinytorch.ones(2, requires_grad=True)], lr=0.1) for _ in range(2)]
    whole = optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizers[0], T_0=3, T_mult=2)
    for _ in range(7):
        whole.step()
    optimizers[1].load_state_dict(optimizers[0].state_dict())
    resumed = optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizers[1], T_0=3, T_mult=2, last_epoch=6)
    for _ in range(20):
        assert rates(optimizers[0]) == rates(optimizers[1])
        whole.step(), resumed.step()


@pytest.mark.parametrize("name", sorted(AFTER_LAST_EPOCH))
def test_a_schedule_goes_on_after_last_epoch(name):
    """A new schedule on an optimizer that was loaded in the middle; on one that was not, there is nothing to go on from."""
    found = []
    for t, schedules in ((torch, torch.optim.lr_scheduler), (tinytorch, optim)):
        first, second = (t.optim.SGD([t.ones(2, requires_grad=True)], lr=lr) for lr in (0.1, 0.5))
        schedule = scheduled(schedules, name, first, **SCHEDULES[name])
        for _ in range(7):
            first.step(), schedule.step()
        with pytest.raises(KeyError, match=r"initial_lr.*param_groups\[0\]"):
            scheduled(schedules, name, second, **SCHEDULES[name], last_epoch=6)
        second.load_state_dict(first.state_dict())
        resumed, found = scheduled(schedules, name, second, **SCHEDULES[name], last_epoch=6), [*found, []]
        for _ in range(9):
            found[-1] += [resumed.last_epoch, *rates(second)]
            second.step(), resumed.step()
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9)


TOGETHER = {
    "two that multiply": lambda m, o: [m.ExponentialLR(o, 0.9), m.ExponentialLR(o, 0.5)],
    "a warm-up and a decay": lambda m, o: [m.LinearLR(o, 0.25, total_iters=4), m.ExponentialLR(o, 0.5)],
    "a decay and a warm-up": lambda m, o: [m.ExponentialLR(o, 0.5), m.LinearLR(o, 0.25, total_iters=4)],
    "a cosine and steps": lambda m, o: [m.CosineAnnealingLR(o, 5, 0.01), m.StepLR(o, 3, 0.5)],
    "milestones and a cosine": lambda m, o: [m.MultiStepLR(o, [2, 5, 5], 0.5), m.CosineAnnealingLR(o, 5)],
    "one cycle for each group": lambda m, o: [m.OneCycleLR(o, [0.5, 0.2], total_steps=14)],
    "one after the other": lambda m, o: [
        m.SequentialLR(o, [m.LinearLR(o, 0.25), m.OneCycleLR(o, 0.5, total_steps=20), m.ExponentialLR(o, 0.9)], [3, 7])
    ],
}


VARIANTS = {
    "LinearLR of no length": ("LinearLR", dict(total_iters=0)),
    "PolynomialLR of no length": ("PolynomialLR", dict(total_iters=0)),
    "ConstantLR of no length": ("ConstantLR", dict(total_iters=0)),
    "warm restarts of one length": ("CosineAnnealingWarmRestarts", dict(T_0=4)),
    "cycles halved": ("CyclicLR", dict(base_lr=[0.1, 0.2], max_lr=0.4, step_size_up=2, mode="triangular2")),
    "cycles by steps": ("CyclicLR", dict(base_lr=0.1, max_lr=0.4, step_size_up=3, mode="exp_range", gamma=0.9)),
    "cycles of a height of one's own": (
        "CyclicLR",
        dict(base_lr=0.1, max_lr=0.4, step_size_up=3, scale_fn=lambda x: 1 / (1 + x), scale_mode="iterations"),
    ),
    "a function for each group": ("MultiplicativeLR", dict(lr_lambda=[lambda t: 0.9, lambda t: 0.5])),
    "a sequence that is further": ("SequentialLR", dict(milestones=[4], last_epoch=2)),
}


@pytest.mark.parametrize("case", VARIANTS)
def test_variants_of_schedules(case):
    """Rates and momentum of two groups."""
    name, options = VARIANTS[case]
    found = []
    for t, schedules in ((torch, torch.optim.lr_scheduler), (tinytorch, optim.lr_scheduler)):
        groups = [{"params": [t.ones(2, requires_grad=True)], "lr": lr} for lr in (0.1, 0.3)]
        optimizer = t.optim.SGD(groups, momentum=0.9)
        schedule, seen = scheduled(schedules, name, optimizer, **options), []
        for _ in range(17):
            seen.append([*rates(optimizer), *(group["momentum"] for group in optimizer.param_groups)])
            optimizer.step(), schedule.step()
        found.append(seen)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9)


def test_warm_restarts_within_an_epoch():
    found = []
    for t, schedules in ((torch, torch.optim.lr_scheduler), (tinytorch, optim.lr_scheduler)):
        optimizer = t.optim.SGD([t.ones(2, requires_grad=True)], lr=0.1)
        schedule, seen = schedules.CosineAnnealingWarmRestarts(optimizer, T_0=3, T_mult=2), []
        for epoch in (0.0, 0.5, 2.5, None, None, 3.0, 7.25, None, 9.0, 11.5, 1.0):
            optimizer.step(), schedule.step(epoch)
            seen.append([schedule.last_epoch, schedule.T_cur, schedule.T_i, *rates(optimizer)])
        found.append(seen)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9)


def test_chained_schedules():
    found = []
    for t, schedules in ((torch, torch.optim.lr_scheduler), (tinytorch, optim.lr_scheduler)):
        optimizer = t.optim.SGD([t.ones(2, requires_grad=True)], lr=0.1)
        parts = [schedules.ConstantLR(optimizer, 0.1, total_iters=4), schedules.ExponentialLR(optimizer, 0.9)]
        chain, seen = schedules.ChainedScheduler(parts), []
        for _ in range(9):
            seen += chain.get_last_lr()
            optimizer.step(), chain.step()
        found.append(seen)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9)


@pytest.mark.parametrize("name", [name for name in torch.optim.lr_scheduler.__all__ if name != "LRScheduler"])
def test_every_schedule_is_there_with_pytorchs_options(name):
    theirs, ours = (inspect.signature(getattr(m.lr_scheduler, name)).parameters for m in (torch.optim, optim))
    assert list(ours) == list(theirs)
    assert {k: v.default for k, v in ours.items()} == {k: v.default for k, v in theirs.items()}


def test_a_schedule_of_ones_own_by_get_lr():
    """As PyTorch's documentation has it: get_lr lists the next rates."""
    found = []
    for t in (torch, tinytorch):

        class Root(t.optim.lr_scheduler.LRScheduler):
            def get_lr(self):
                return [lr / (1 + self.last_epoch) ** 0.5 for lr in self.base_lrs]

        optimizer = t.optim.SGD([t.ones(2, requires_grad=True)], lr=0.1)
        schedule, seen = Root(optimizer), []
        for _ in range(5):
            seen += schedule.get_last_lr()
            optimizer.step(), schedule.step()
        found.append(seen)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9)


@pytest.mark.parametrize("by_hand", [None, 4])
@pytest.mark.parametrize("case", TOGETHER)
def test_schedules_together_and_rates_set_by_hand(case, by_hand):
    """A schedule goes on from the rate that it finds."""
    found = []
    for t, schedules in ((torch, torch.optim.lr_scheduler), (tinytorch, optim)):
        groups = [{"params": [t.ones(2, requires_grad=True)], "lr": lr} for lr in (0.1, 0.3)]
        optimizer = t.optim.SGD(groups, momentum=0.9)
        parts, seen = TOGETHER[case](schedules, optimizer), []
        for step in range(13):
            seen.append(rates(optimizer))
            if step == by_hand:
                optimizer.param_groups[0]["lr"] = 1.0
            optimizer.step()
            for part in parts:
                part.step()
        found.append(seen)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9)


@pytest.mark.parametrize("name", ["StepLR", "MultiStepLR", "ExponentialLR", "LinearLR"])
def test_a_schedule_takes_up_a_new_group_and_keeps_its_options(name):
    found = []
    for t, schedules in ((torch, torch.optim.lr_scheduler), (tinytorch, optim)):
        optimizer = t.optim.SGD([t.ones(2, requires_grad=True)], lr=0.1)
        schedule, seen = getattr(schedules, name)(optimizer, **SCHEDULES[name]), []
        for step in range(8):
            if step == 3:
                optimizer.add_param_group({"params": [t.ones(2, requires_grad=True)], "lr": 0.7})
            optimizer.step(), schedule.step()
            seen += rates(optimizer)
        found.append(seen)
    for option, value in SCHEDULES[name].items():
        assert schedule.state_dict()[option] == value == getattr(schedule, option)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9)
    schedule = optim.LambdaLR(optimizer, lambda t: 0.9)
    optimizer.add_param_group({"params": [tinytorch.ones(2, requires_grad=True)]})
    with pytest.raises(ValueError, match="made for 2 parameter groups.*1 more"):
        schedule.step()


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta"])
def test_a_rate_may_be_a_tensor(name):
    """And so may the largest norm of clipping."""
    places = []
    for t in (torch, tinytorch):
        p = t.tensor([1.0, -2.0]).requires_grad_()
        optimizer = getattr(t.optim, name)([p], lr=t.tensor(0.1))
        for _ in range(3):
            p.grad = t.tensor([3.0, 4.0])
            t.nn.utils.clip_grad_norm_([p], t.tensor(1.0))
            optimizer.step()
        places.append(p.detach().numpy())
    np.testing.assert_allclose(places[1], places[0], rtol=1e-5)


def test_the_norm_of_half_precision_gradients_does_not_overflow():
    norms = []
    for t in (torch, tinytorch):
        p = t.zeros(4).half().requires_grad_()
        p.grad = (t.ones(4) * 300).half()
        norms.append([float(t.nn.utils.clip_grad_norm_([p], 1.0)), *p.grad.tolist()])
    np.testing.assert_allclose(norms[1], norms[0], rtol=1e-3)


@pytest.mark.parametrize("three_phase", [False, True])
@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_one_cycle_turns_rate_and_momentum(name, strategy, three_phase):
    _, _, _, theirs, ours = pair(name, dict(lr=0.1))
    options = dict(max_lr=0.3, epochs=4, steps_per_epoch=6, anneal_strategy=strategy, max_momentum=0.9, pct_start=0.4)
    options["three_phase"] = three_phase
    a, b = torch.optim.lr_scheduler.OneCycleLR(theirs, **options), optim.OneCycleLR(ours, **options)
    key = "momentum" if name == "SGD" else "betas"
    for step in range(25):  # a loop that steps it after every batch arrives at total_steps, one past the last rate
        np.testing.assert_allclose(b.get_last_lr(), a.get_last_lr(), rtol=1e-9)
        np.testing.assert_allclose(ours.param_groups[0][key], theirs.param_groups[0][key], rtol=1e-9)
        if step < 24:
            theirs.step(), a.step(), b.step()
    for schedule in (a, b):
        with pytest.raises(ValueError, match="Tried to step 25 times"):
            schedule.step()


@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize("mode", ["min", "max"])
def test_reduce_on_plateau(mode, threshold_mode):
    rng, _, _, theirs, ours = pair("SGD", dict(lr=0.1))
    options = dict(patience=2, cooldown=2, factor=0.5, threshold=0.3, threshold_mode=threshold_mode, min_lr=[1e-6])
    a, b = (
        torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, mode, **options),
        optim.ReduceLROnPlateau(ours, mode, **options),
    )
    for step in range(60):
        metric = float((9 - 0.1 * step if mode == "min" else 1 + 0.1 * step) + rng.uniform(-0.3, 0.3))
        a.step(metric), b.step(metric)
        np.testing.assert_allclose(b.get_last_lr(), [g["lr"] for g in theirs.param_groups], rtol=1e-9)
        for attribute in (
            "best",
            "num_bad_epochs",
            "cooldown_counter",
            "last_epoch",
            "patience",
            "min_lrs",
            "threshold",
        ):
            assert getattr(b, attribute) == getattr(a, attribute), attribute


@pytest.mark.parametrize("norm_type", [1, 2, float("inf")])
def test_clipping(norm_type):
    rng, theirs, ours, _, _ = pair("SGD", dict(lr=0.1))
    give_gradients(rng, theirs, ours)
    a, b = torch.nn.utils.clip_grad_norm_(theirs, 0.5, norm_type), optim.clip_grad_norm_(ours, 0.5, norm_type)
    np.testing.assert_allclose(b.item(), a.item(), rtol=1e-6)
    for x, y in zip(theirs, ours):
        np.testing.assert_allclose(y.grad.numpy(), x.grad.numpy(), rtol=1e-6)
    torch.nn.utils.clip_grad_value_(theirs, 0.05), optim.clip_grad_value_(ours, 0.05)
    for x, y in zip(theirs, ours):
        np.testing.assert_allclose(y.grad.numpy(), x.grad.numpy(), rtol=1e-6)


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_clipping_what_is_not_finite(broken):
    rng, theirs, ours, _, _ = pair("SGD", dict(lr=0.1))
    give_gradients(rng, theirs, ours)
    theirs[0].grad[0, 0] = broken
    ours[0].grad.array[0, 0] = broken
    before = [p.grad.numpy().copy() for p in ours]
    for t, parameters in ((torch, theirs), (tinytorch, ours)):
        with pytest.raises(RuntimeError):
            t.nn.utils.clip_grad_norm_(parameters, 1.0, error_if_nonfinite=True)
    assert all(np.array_equal(p.grad.numpy(), old, equal_nan=True) for p, old in zip(ours, before))
    with np.errstate(invalid="ignore"):
        a, b = torch.nn.utils.clip_grad_norm_(theirs, 1.0), optim.clip_grad_norm_(ours, 1.0)
    np.testing.assert_equal(b.item(), a.item())
    for x, y in zip(theirs, ours):
        np.testing.assert_allclose(y.grad.numpy(), x.grad.numpy(), rtol=1e-6)  # NaN where PyTorch has it


def test_clipping_nothing():
    p = tinytorch.ones(2, requires_grad=True)
    assert optim.clip_grad_norm_([p], 1.0).item() == 0 and optim.clip_grad_norm_(p, 1.0, float("inf")).item() == 0


def test_zero_grad():
    for set_to_none in (True, False):
        rng, theirs, ours, a, b = pair("SGD", dict(lr=0.1))
        give_gradients(rng, theirs, ours)
        grads = [p.grad.array for p in ours]
        a.zero_grad(set_to_none), b.zero_grad(set_to_none)
        for x, y, grad in zip(theirs, ours, grads):
            assert (x.grad is None) == (y.grad is None) == set_to_none
            assert set_to_none or (y.grad.array is grad and not grad.any())


def test_a_closure_is_called_with_gradients_and_its_loss_returned():
    results = []
    for t in (torch, tinytorch):
        p = t.tensor([3.0], requires_grad=True)
        optimizer = t.optim.SGD([p], lr=0.1)

        def closure(t=t, p=p, optimizer=optimizer):
            optimizer.zero_grad()
            loss = (p * p).sum()
            loss.backward()
            return loss

        with t.no_grad():
            results.append([float(optimizer.step(closure)) for _ in range(3)] + [p.item()])
    np.testing.assert_allclose(results[1], results[0], rtol=1e-6)
