"""A batch of 64 in four parts, with gradients added up and clipped, beside the same batch in one piece."""

import copy

import numpy as np
import torch
import torch.nn as nn

rng = np.random.default_rng(13)
inputs = torch.tensor(rng.standard_normal((64, 12)), dtype=torch.float32)
targets = torch.tensor(rng.standard_normal((64, 1)) * 3, dtype=torch.float32)
ACCUMULATE, MAX_NORM = 4, 0.5


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width, bias=False)

    def forward(self, x):
        return x + self.down(nn.functional.silu(self.up(self.norm(x))))


def init(module):
    if isinstance(module, nn.Linear):
        values = rng.standard_normal(tuple(module.weight.shape)) / module.in_features**0.5
        with torch.no_grad():
            module.weight.copy_(torch.from_numpy(values))
            if module.bias is not None:
                module.bias.zero_()


whole = nn.Sequential(Block(12), Block(12), nn.Linear(12, 1))
whole.apply(init)
parts = copy.deepcopy(whole)
criterion = nn.SmoothL1Loss()
optimizers = [torch.optim.RMSprop(model.parameters(), lr=0.01) for model in (whole, parts)]

for step in range(10):
    optimizers[0].zero_grad()
    loss = criterion(whole(inputs), targets)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(whole.parameters(), MAX_NORM)
    optimizers[0].step()

    optimizers[1].zero_grad()
    for i, (x, y) in enumerate(zip(inputs.split(16), targets.split(16))):
        part = criterion(parts(x), y) / ACCUMULATE
        part.backward()
        if (i + 1) % ACCUMULATE == 0:
            nn.utils.clip_grad_norm_(parts.parameters(), MAX_NORM)
            optimizers[1].step()
    if step % 3 == 0:
        print(f"step {step}  loss {loss.item():.6f}  norm before clipping {norm.item():.5f}")

apart = max((a - b).abs().max().item() for a, b in zip(whole.parameters(), parts.parameters()))
print("as one batch:", apart < 1e-4)
