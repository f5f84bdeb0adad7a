"""A bigram model of names: counts turned into probabilities, and the same found again by gradient descent."""

import torch
import torch.nn.functional as F

WORDS = """emma olivia ava isabella sophia charlotte mia amelia harper evelyn abigail emily elizabeth mila ella avery
sofia camila aria scarlett victoria madison luna grace chloe penelope layla riley zoey nora lily eleanor hannah
lillian addison aubrey ellie stella natalie zoe leah hazel violet aurora savannah audrey brooklyn bella claire""".split()

chars = sorted(set("".join(WORDS)))
stoi = {s: i + 1 for i, s in enumerate(chars)}
stoi["."] = 0
itos = {i: s for s, i in stoi.items()}
V = len(stoi)

N = torch.zeros((V, V), dtype=torch.int32)
xs, ys = [], []
for w in WORDS:
    chs = ["."] + list(w) + ["."]
    for ch1, ch2 in zip(chs, chs[1:]):
        N[stoi[ch1], stoi[ch2]] += 1
        xs.append(stoi[ch1])
        ys.append(stoi[ch2])
P = (N + 1).float()
P /= P.sum(1, keepdim=True)
xs, ys = torch.tensor(xs), torch.tensor(ys)
num = xs.nelement()
print("bigrams", num, " by counting, loss", round(-P[xs, ys].log().mean().item(), 5))

W = torch.zeros((V, V), requires_grad=True)
for k in range(100):
    xenc = F.one_hot(xs, num_classes=V).float()
    logits = xenc @ W
    counts = logits.exp()
    probs = counts / counts.sum(1, keepdim=True)
    loss = -probs[torch.arange(num), ys].log().mean() + 0.001 * (W**2).mean()
    W.grad = None
    loss.backward()
    W.data += -10 * W.grad
    if k % 10 == 0:
        print(f"step {k:3d}  loss {loss.item():.6f}")
print("after o comes", itos[W[stoi["o"]].argmax().item()])
