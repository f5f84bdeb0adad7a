"""Train, stop, go on: model, optimizer and schedule in one file, and the same losses as without the break."""

import argparse
import os
import tempfile

import numpy as np
import torch
from torch import nn, optim

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--epochs", type=int, default=8)
parser.add_argument("--init")
parser.add_argument("--save-init")
args = parser.parse_args()

rng = np.random.default_rng(11)
x = torch.tensor(rng.standard_normal((96, 5)), dtype=torch.float32)
y = torch.tensor(rng.integers(0, 3, 96))


def build():
    model = nn.Sequential(nn.Linear(5, 16), nn.GELU(), nn.LayerNorm(16), nn.Linear(16, 3))
    if args.init:
        model.load_state_dict(torch.load(args.init))
    optimizer = optim.AdamW(model.parameters(), lr=0.01, amsgrad=True)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.02, total_steps=args.epochs * 3)
    return model, optimizer, scheduler


def train(model, optimizer, scheduler, epochs):
    losses = []
    for _ in epochs:
        for batch, target in zip(x.chunk(3), y.chunk(3)):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(batch), target, label_smoothing=0.1)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
    return losses


start = build()
if args.save_init:
    torch.save(start[0].state_dict(), args.save_init)
begin = {name: value.clone() for name, value in start[0].state_dict().items()}
whole = train(*start, range(args.epochs))

parts = build()
parts[0].load_state_dict(begin)
first = train(*parts, range(args.epochs // 2))
path = os.path.join(tempfile.mkdtemp(), "checkpoint.pt")
torch.save(
    {
        "epoch": args.epochs // 2,
        "model_state_dict": parts[0].state_dict(),
        "optimizer_state_dict": parts[1].state_dict(),
        "scheduler_state_dict": parts[2].state_dict(),
        "loss": first[-1],
    },
    path,
)

resumed = build()
checkpoint = torch.load(path)
resumed[0].load_state_dict(checkpoint["model_state_dict"])
resumed[1].load_state_dict(checkpoint["optimizer_state_dict"])
resumed[2].load_state_dict(checkpoint["scheduler_state_dict"])
second = train(*resumed, range(checkpoint["epoch"], args.epochs))
os.remove(path)

print("losses", [round(loss, 5) for loss in whole[::6]])
print("resumed at epoch", checkpoint["epoch"], "with loss", round(checkpoint["loss"], 5))
print("the same losses:", first + second == whole)
