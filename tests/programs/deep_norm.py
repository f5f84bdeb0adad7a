"""How deep can it be? Twenty layers with and without batch normalisation, residual connections and a good start."""

import numpy as np
import torch
from torch import nn

rng = np.random.default_rng(19)
x = torch.tensor(rng.standard_normal((128, 16)), dtype=torch.float32)
y = torch.tensor(rng.integers(0, 4, 128), dtype=torch.long)


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(nn.BatchNorm1d(width), nn.ReLU(inplace=True), nn.Linear(width, width))

    def forward(self, x):
        return x + self.body(x)


def start(model):
    for module in model.modules():
        if isinstance(module, nn.Linear):
            bound = (6 / module.weight.shape[1]) ** 0.5
            module.weight.data = torch.tensor(
                rng.uniform(-bound, bound, tuple(module.weight.shape)), dtype=torch.float32
            )
            module.bias.data.zero_()
    return model


plain = start(
    nn.Sequential(*[layer for _ in range(20) for layer in (nn.Linear(16, 16), nn.Sigmoid())], nn.Linear(16, 4))
)
deep = start(nn.Sequential(*[Residual(16) for _ in range(20)], nn.Linear(16, 4)))

for name, model in {"plain": plain, "residual": deep}.items():
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, nesterov=True, weight_decay=1e-4)
    for step in range(12):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 4 == 0:
            first = next(model.parameters()).grad.norm().item()
            print(f"{name:8}  step {step:2d}  loss {loss.item():.5f}  gradient of the first parameter {first:.3e}")

deep.eval()
with torch.inference_mode():
    print("accuracy in evaluation", round((deep(x).argmax(1) == y).float().mean().item(), 4))
