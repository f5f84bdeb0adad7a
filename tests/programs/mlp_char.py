"""Three letters predict the next: a table of letter vectors, a hidden layer with batch statistics by hand, plain tensors."""

import argparse

import numpy as np
import torch
import torch.nn.functional as F

TEXT = """the quick brown fox jumps over the lazy dog and runs to the river where the water is cold and clear
she sells sea shells by the sea shore and the shells she sells are surely sea shells of the shore"""
BLOCK, DIM, HIDDEN = 3, 6, 32

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=120)
args = parser.parse_args()

chars = sorted(set(TEXT))
stoi = {c: i for i, c in enumerate(chars)}
ids = [stoi[c] for c in TEXT]
X = torch.tensor([ids[i : i + BLOCK] for i in range(len(ids) - BLOCK)])
Y = torch.tensor(ids[BLOCK:])

rng = np.random.default_rng(7)


def weight(*shape, scale=1.0):
    return torch.tensor(rng.standard_normal(shape) * scale, dtype=torch.float32)


C = weight(len(chars), DIM)
W1, b1 = weight(BLOCK * DIM, HIDDEN, scale=(5 / 3) / (BLOCK * DIM) ** 0.5), weight(HIDDEN, scale=0.01)
gain, shift = torch.ones((1, HIDDEN)), torch.zeros((1, HIDDEN))
W2, b2 = weight(HIDDEN, len(chars), scale=0.01), torch.zeros(len(chars))
parameters = [C, W1, b1, gain, shift, W2, b2]
print(sum(p.nelement() for p in parameters), "parameters")
for p in parameters:
    p.requires_grad = True

for step in range(args.steps):
    ix = torch.from_numpy(rng.integers(0, X.shape[0], (32,)))
    emb = C[X[ix]]  # (32, 3, 6)
    hpre = emb.view(emb.shape[0], -1) @ W1 + b1
    mean, std = hpre.mean(0, keepdim=True), hpre.std(0, keepdim=True)
    h = torch.tanh(gain * (hpre - mean) / (std + 1e-5) + shift)
    logits = h @ W2 + b2
    loss = F.cross_entropy(logits, Y[ix])
    for p in parameters:
        p.grad = None
    loss.backward()
    lr = 0.2 if step < 80 else 0.05
    for p in parameters:
        p.data += -lr * p.grad
    if step % 20 == 0:
        print(f"{step:4d}/{args.steps}: {loss.item():.5f}")

with torch.no_grad():
    counts = torch.bincount(Y, minlength=len(chars))
    print("commonest letter", repr(chars[counts.argmax().item()]), "loss at the end", round(loss.item(), 5))
