"""Digits squeezed through eight numbers and unfolded again: an autoencoder with AdamW and a cosine schedule."""

import argparse

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.data import DataLoader, TensorDataset


class Autoencoder(nn.Module):
    def __init__(self, code=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, code))
        self.decoder = nn.Sequential(nn.Linear(code, 48), nn.ReLU(), nn.Linear(48, 64), nn.Sigmoid())

    def forward(self, x):
        return self.decoder(self.encoder(x))


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--data", default="data/digits/digits.npz")
parser.add_argument("--epochs", type=int, default=4)
parser.add_argument("--init")
parser.add_argument("--save-init")
args = parser.parse_args()

device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
torch.manual_seed(0)
images = torch.as_tensor(np.load(args.data)["images"], dtype=torch.float32).reshape(-1, 64) / 16
loader = DataLoader(TensorDataset(images), batch_size=100, shuffle=False, drop_last=True)

model = Autoencoder().to(device)
if args.init:
    model.load_state_dict(torch.load(args.init, weights_only=True))
if args.save_init:
    torch.save(model.state_dict(), args.save_init)
print(f"{sum(p.numel() for p in model.parameters() if p.requires_grad):,} parameters")

criterion = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
scheduler = CosineAnnealingLR(optimizer, T_max=args.epochs * len(loader))
for epoch in range(args.epochs):
    running = 0.0
    for (batch,) in loader:
        batch = batch.to(device)
        loss = criterion(model(batch), batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        scheduler.step()
        running += loss.item() * batch.size(0)
    print(f"epoch {epoch + 1}  loss {running / (len(loader) * 100):.6f}  lr {scheduler.get_last_lr()[0]:.6f}")

model.eval()
with torch.no_grad():
    worst = ((model(images.to(device)) - images.to(device)) ** 2).mean(dim=1).topk(3)
print("hardest images", worst.indices.tolist(), [round(v, 4) for v in worst.values.tolist()])
