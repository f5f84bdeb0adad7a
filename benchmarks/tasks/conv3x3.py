"""conv 3x3, 64 to 64 of 16x16, batch 8: forward, backward"""

frameworks = ("tinytorch", "torch")
reach = 1.6
steps = 1


def arrays(rng, batch, channels, size, kernels, kernel, stride=1, groups=1):
    """Images, kernels, and the gradient of the result of a convolution that pads by half its kernel."""
    places = (size + 2 * (kernel // 2) - kernel) // stride + 1
    return dict(
        x=rng.standard_normal((batch, channels, size, size)).astype("f"),
        w=(rng.standard_normal((kernels, channels // groups, kernel, kernel)) / kernel).astype("f"),
        g=rng.standard_normal((batch, kernels, places, places)).astype("f"),
    )


def of(t, d, stride=1, groups=1):
    """The step of a convolution with these arrays: result, and the gradients of images and kernels."""
    x, w, g, found = t.tensor(d["x"], requires_grad=True), t.tensor(d["w"], requires_grad=True), t.tensor(d["g"]), {}

    def step():
        x.grad = w.grad = None
        y = t.nn.functional.conv2d(x, w, None, stride, w.shape[2] // 2, 1, groups)
        y.backward(g)
        found.update(y=y.detach().numpy(), dx=x.grad.numpy(), dw=w.grad.numpy())

    return step, lambda: list(found.values())


def data(rng):
    return arrays(rng, 8, 64, 16, 64, 3)


def framework(t, d):
    return of(t, d)
