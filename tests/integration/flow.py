"""The questions that every gradient test asks: do they exist, are they not zero, do they reach every layer, are they right?

A model is checked in the order in which gradients travel, from the loss backwards, so that the first layer that is named
in a failure is the one where the chain broke.
"""

import numpy as np

import tinytorch


def parameters_from_the_loss_back(model):
    return reversed(list(model.named_parameters()))


def reach_every_layer(model):
    """Each parameter that wants a gradient has one that is of its shape, finite and not zero."""
    for name, parameter in parameters_from_the_loss_back(model):
        if not parameter.requires_grad:
            assert parameter.grad is None, f"{name} is frozen and yet has a gradient"
            continue
        assert parameter.grad is not None, (
            f"the chain of gradients broke at {name}: its .grad is None. Look at what lies between it and the loss"
        )
        gradient = parameter.grad.numpy()
        assert gradient.shape == tuple(parameter.shape), (
            f"the gradient of {name} has shape {gradient.shape}, the parameter has {tuple(parameter.shape)}"
        )
        assert np.isfinite(gradient).all(), f"the gradient of {name} holds NaN or infinity"
        assert np.abs(gradient).max() > 0, f"the chain of gradients broke at {name}: its gradient is all zeros"


def slope(loss, parameter, direction, step=1e-6):
    """The loss's slope along `direction` in the parameter's space, by a central difference."""
    start = parameter.numpy().copy() if not parameter.requires_grad else parameter.detach().numpy().copy()

    def at(values):
        with tinytorch.no_grad():
            parameter.copy_(tinytorch.tensor(values))
            return loss().item()

    difference = at(start + step * direction) - at(start - step * direction)
    at(start)
    return difference / (2 * step)


def are_right(named, loss, rng=None, tolerance=1e-5):
    """Each gradient, projected on a random direction, equals the slope of the loss in that direction (in float64)."""
    rng = rng or np.random.default_rng(0)
    for name, parameter in named:
        if not parameter.requires_grad:
            continue
        assert parameter.dtype == tinytorch.float64, f"{name}: central differences need float64; call model.double()"
        direction = rng.standard_normal(tuple(parameter.shape))
        exact, numeric = float((parameter.grad.numpy() * direction).sum()), slope(loss, parameter, direction)
        assert abs(exact - numeric) <= tolerance * max(1.0, abs(numeric)), (
            f"the gradient of {name} is wrong: along a random direction it says {exact:.6g}, the loss changes by {numeric:.6g}"
        )


def check(model, loss, inputs=None):
    """All four questions, for the parameters of a float64 model and for named inputs that want a gradient."""
    model.zero_grad()
    value = loss()
    assert value.shape == (), f"the loss must be one number, not of shape {tuple(value.shape)}"
    value.backward()
    reach_every_layer(model)
    named = list(parameters_from_the_loss_back(model)) + list((inputs or {}).items())
    for name, tensor in (inputs or {}).items():
        assert tensor.grad is not None, f"no gradient came back to {name}"
        assert np.abs(tensor.grad.numpy()).max() > 0, f"the gradient of {name} is all zeros"
    are_right(named, loss)


def descend(parameters, loss, rate, steps):
    """Plain gradient descent, written by hand; the losses, first to last."""
    parameters, losses = list(parameters), []
    for _ in range(steps):
        for p in parameters:
            p.grad = None
        value = loss()
        value.backward()
        with tinytorch.no_grad():
            for p in parameters:
                p -= rate * p.grad
        losses.append(value.item())
    return losses
