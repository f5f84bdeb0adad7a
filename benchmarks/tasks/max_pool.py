"""max pooling 2x2, 64 of 32x32, batch 8: forward, backward"""

frameworks = ("tinytorch", "torch")
reach = 0.5
steps = 1


def data(rng):
    return dict(x=rng.standard_normal((8, 64, 32, 32)).astype("f"), g=rng.standard_normal((8, 64, 16, 16)).astype("f"))


def framework(t, d):
    x, g, found = t.tensor(d["x"], requires_grad=True), t.tensor(d["g"]), {}

    def step():
        x.grad = None
        y = t.nn.functional.max_pool2d(x, 2)
        y.backward(g)
        found.update(y=y.detach().numpy(), dx=x.grad.numpy())

    return step, lambda: list(found.values())
