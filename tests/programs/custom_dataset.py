"""Sentences of different lengths: an own Dataset, a collate function that pads, two workers, a bag-of-words classifier."""

import argparse

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset, random_split

GOOD = ["a warm and clever film", "we laughed and cried", "quite simply wonderful", "the best of the year so far"]
BAD = ["dull", "a slow and empty story that never ends", "we left before the end", "not worth the price of a ticket"]


class Reviews(Dataset):
    """Word ids and a label for each sentence."""

    def __init__(self, texts, labels):
        words = sorted({word for text in texts for word in text.split()})
        self.vocabulary = {word: n for n, word in enumerate(words, start=1)}
        self.samples = list(zip(texts, labels))

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        text, label = self.samples[index]
        return torch.tensor([self.vocabulary[word] for word in text.split()]), label


def collate(batch):
    ids, labels = zip(*batch)
    lengths = torch.tensor([len(x) for x in ids])
    return pad_sequence(ids, batch_first=True, padding_value=0), lengths, torch.tensor(labels, dtype=torch.float32)


class BagOfWords(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.vectors = nn.Parameter(torch.linspace(-1, 1, words * 4).reshape(words, 4) * 0.1)
        self.head = nn.Linear(4, 1)
        nn.init.zeros_(self.head.bias)
        nn.init.constant_(self.head.weight, 0.5)

    def forward(self, ids, lengths):
        seen = (ids != 0).unsqueeze(-1)
        total = (self.vectors[ids] * seen).sum(dim=1)
        return self.head(total / lengths.unsqueeze(-1)).squeeze(-1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=30)
    args = parser.parse_args()

    data = Reviews(GOOD + BAD, [1] * len(GOOD) + [0] * len(BAD))
    train, held = random_split(data, [len(data), 0])
    loader = DataLoader(data, batch_size=3, collate_fn=collate, num_workers=args.workers)
    print(len(train), len(held), "sentences;", len(data.vocabulary), "words;", len(loader), "batches")

    model = BagOfWords(len(data.vocabulary) + 1)
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.2)
    criterion = nn.BCEWithLogitsLoss()
    for epoch in range(args.epochs):
        total = 0.0
        for ids, lengths, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(ids, lengths), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
        if epoch % 5 == 0:
            print(f"epoch {epoch:2d}  loss {total / len(loader):.6f}  last batch {tuple(ids.shape)}")


if __name__ == "__main__":
    main()
