"""A binary network: an own autograd Function whose backward lets gradients straight through, checked and trained."""

import numpy as np
import torch
from torch import nn
from torch.autograd import Function, gradcheck


class Binarize(Function):
    """The sign forward; backward as if it were the identity where |x| <= 1 (Bengio et al., 2013)."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.where(x >= 0, torch.ones_like(x), -torch.ones_like(x))

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * (x.abs() <= 1).to(grad_output.dtype)


class Cube(Function):
    @staticmethod
    def forward(ctx, x, scale):
        ctx.save_for_backward(x)
        ctx.scale = scale
        return scale * x**3

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * 3 * ctx.scale * x**2, None


rng = np.random.default_rng(3)
point = torch.tensor(rng.standard_normal(5), dtype=torch.float64, requires_grad=True)
print("gradcheck", gradcheck(lambda x: Cube.apply(x, 2.0), (point,)))

x = torch.tensor(rng.choice([-1.0, 1.0], size=(64, 6)), dtype=torch.float32)
y = (x[:, 0] * x[:, 1]).clamp(min=0).unsqueeze(1)
hidden = torch.tensor(rng.normal(0, 0.5, (6, 16)), dtype=torch.float32, requires_grad=True)
out = torch.tensor(rng.normal(0, 0.5, (16, 1)), dtype=torch.float32, requires_grad=True)
optimizer = torch.optim.Adam([{"params": [hidden], "lr": 0.02}, {"params": [out], "lr": 0.05}])
loss_fn = nn.BCEWithLogitsLoss()
for step in range(100):
    logits = torch.relu(x @ Binarize.apply(hidden)) @ out
    loss = loss_fn(logits, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        hidden.clamp_(-1, 1)
    if step % 20 == 0:
        print(f"step {step:3d}  loss {loss.item():.6f}  gradient {hidden.grad.abs().mean().item():.6f}")
