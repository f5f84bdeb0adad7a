"""A line and a curve through noisy points: nn.Linear on powers of x, mean squared error, SGD with momentum."""

import argparse

import numpy as np
import torch
from torch import nn

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--degree", type=int, default=3)
parser.add_argument("--epochs", type=int, default=200)
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--init", help="a file with the weights to start from")
parser.add_argument("--save-init", help="where to keep the weights that training starts from")
args = parser.parse_args()

torch.manual_seed(0)
rng = np.random.default_rng(0)
x = torch.from_numpy(rng.uniform(-1, 1, (64, 1)).astype(np.float32))
noise = torch.from_numpy(rng.normal(0, 0.05, (64, 1)).astype(np.float32))
y = 0.5 - 2.0 * x + 1.5 * x**3 + noise
features = torch.cat([x**power for power in range(1, args.degree + 1)], dim=1)

model = nn.Linear(args.degree, 1)
if args.init:
    model.load_state_dict(torch.load(args.init))
if args.save_init:
    torch.save(model.state_dict(), args.save_init)

criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
for epoch in range(args.epochs):
    optimizer.zero_grad()
    loss = criterion(model(features), y)
    loss.backward()
    optimizer.step()
    if epoch % 20 == 0:
        print(f"epoch {epoch:3d}  loss {loss.item():.6f}")
print("weights", [round(w, 4) for w in model.weight.squeeze(0).tolist()], "bias", round(model.bias.item(), 4))
