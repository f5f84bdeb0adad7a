"""Which learning rate? Raise it a little at each step, note the loss, and stop when it runs away (Smith, 2015)."""

import math

import numpy as np
import torch
from torch import nn
from torch.optim import lr_scheduler

START, END, STEPS = 1e-4, 10.0, 60

rng = np.random.default_rng(5)
x = torch.tensor(rng.standard_normal((256, 10)), dtype=torch.float32)
y = torch.tensor(
    (rng.standard_normal((256, 3)) * 0.1 + np.tanh(x.numpy() @ rng.standard_normal((10, 3)))), dtype=torch.float
)

model = nn.Sequential(nn.Linear(10, 24), nn.Tanh(), nn.Linear(24, 3))
with torch.no_grad():
    for p in model.parameters():
        p.copy_(torch.from_numpy(rng.standard_normal(tuple(p.shape)).astype("float32")) * 0.3)

optimizer = torch.optim.SGD(model.parameters(), lr=START)
scheduler = lr_scheduler.LambdaLR(optimizer, lambda step: (END / START) ** (step / STEPS))
best, average, history = math.inf, 0.0, []
for step in range(STEPS):
    ix = torch.from_numpy(rng.permutation(256)[:64])
    loss = nn.functional.mse_loss(model(x[ix]), y[ix])
    if not torch.isfinite(loss):
        break
    average = 0.9 * average + 0.1 * loss.item()
    smooth = average / (1 - 0.9 ** (step + 1))
    history.append((optimizer.param_groups[0]["lr"], smooth))
    best = min(best, smooth)
    if step > 5 and smooth > 4 * best:
        break
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 10 == 0:
        print(f"step {step:2d}  lr {history[-1][0]:.5f}  loss {smooth:.5f}")

slopes = [(b[1] - a[1], a[0]) for a, b in zip(history, history[1:])]
print(f"steepest at {min(slopes)[1]:.4f}")
