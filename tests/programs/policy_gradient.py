"""REINFORCE in a corridor: step left or right, the prize is at the right end; returns, a baseline, log-probabilities."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

LENGTH, GAMMA = 6, 0.95
rng = np.random.default_rng(17)


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(LENGTH, 16)
        self.affine2 = nn.Linear(16, 2)
        for n, p in enumerate(self.parameters()):
            nn.init.constant_(p, 0.05 * (n + 1))
        with torch.no_grad():
            self.affine1.weight += torch.from_numpy(rng.normal(0, 0.3, (16, LENGTH)).astype("float32"))
            self.affine2.weight += torch.from_numpy(rng.normal(0, 0.3, (2, 16)).astype("float32"))
        self.saved_log_probs, self.rewards = [], []

    def forward(self, x):
        return F.softmax(self.affine2(F.relu(self.affine1(x))), dim=-1)


def select_action(policy, state):
    probs = policy(F.one_hot(torch.tensor(state), LENGTH).float())
    action = int(rng.random() > probs[0].item())
    policy.saved_log_probs.append(torch.log(probs[action]))
    return action


def finish_episode(policy, optimizer):
    R, returns = 0.0, []
    for r in policy.rewards[::-1]:
        R = r + GAMMA * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    if len(returns) > 1:
        returns = (returns - returns.mean()) / (returns.std() + 1e-6)
    loss = torch.stack([-log_prob * R for log_prob, R in zip(policy.saved_log_probs, returns)]).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    del policy.rewards[:]
    del policy.saved_log_probs[:]
    return loss.item()


policy = Policy()
optimizer = optim.Adam(policy.parameters(), lr=2e-2)
running = 0.0
for episode in range(60):
    state, total = 1, 0.0
    for _ in range(20):
        action = select_action(policy, state)
        state = min(max(state + (1 if action else -1), 0), LENGTH - 1)
        reward = 1.0 if state == LENGTH - 1 else -0.05
        policy.rewards.append(reward)
        total += reward
        if state == LENGTH - 1:
            break
    loss = finish_episode(policy, optimizer)
    running = 0.9 * running + 0.1 * total
    if episode % 10 == 0:
        print(f"episode {episode:2d}  reward {total:.2f}  loss {loss:.5f}")
print(f"reward on average {running:.4f}")
