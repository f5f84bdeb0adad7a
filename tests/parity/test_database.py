"""What tinytorch has of PyTorch's own database is right, but for the failures that `known_failures.txt` names.

`make test` runs a share of the rows, with a few samples each; which share, the test's name says (another one:
`PARITY_SHARE=3`). `make test-slow` runs all rows, and there a known failure that is right by now has to leave the list:
`python tests/parity/database.py --prune`. The table by module: `python tests/parity/database.py`.
"""

import os
from zlib import crc32

import pytest

SHARES = 6
SHARE = int(os.environ.get("PARITY_SHARE", "0")) % SHARES


def share_of(name):
    """Which share a row belongs to; all rows of one name are in one."""
    return (
        crc32(name.partition(".")[0].encode()) % SHARES if not name.startswith("nn.") else crc32(name.encode()) % SHARES
    )


@pytest.mark.parametrize("share", [SHARE])
def test_a_share_of_the_database(share):
    import database

    known = set(database.known())
    said = []
    scores = database.run(lambda name: share_of(name) == share, count=3, say=said.append)
    assert scores, "the share is empty"
    new = [line for line in said if " ".join(line.split(" ")[:2]) not in known]
    assert not new, "\n".join(new)


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.timeout(900)
def test_the_whole_database(share):
    import database

    known = database.known()
    said = []
    scores = database.run(lambda name: share_of(name) == share, say=said.append)
    failing = {line for found in scores.values() for line in database.failures(found)}
    new = [line for line in said if " ".join(line.split(" ")[:2]) not in known]
    assert not new, "\n".join(new)
    right = [line for line in known if share_of(line.partition(" ")[0]) == share and line not in failing]
    assert not right, "right by now, take them from known_failures.txt:\n" + "\n".join(right)


def test_the_list_of_known_failures_is_in_order():
    import database

    known = database.known()
    assert known == sorted(set(known))
    assert {line.partition(" ")[2] for line in known} <= {*database.KINDS, "continued", "back"}


def test_the_harness_sees_a_fault(monkeypatch):
    """A wrong value, a wrong gradient and a wrong method are each found by the kind that is for it."""
    import database

    import tinytorch

    def wrong(row):  # a sample without elements is right whatever is computed
        return {kind for kind, score in database.judge(row, 3).items() if score.right < score.all}

    (row,) = [row for row in database.rows()[0] if row.name == "exp"]
    right, before = row.ours, wrong(row)
    assert not before & {"values", "gradients", "second", "variants"}
    row.ours = lambda x: right(x) * 1.05
    assert wrong(row) >= {"values", "gradients", "second"}
    row.ours = lambda x: right(x).detach() + (x - x.detach()) * right(x).detach() if x.requires_grad else right(x)
    assert wrong(row) & {"values", "gradients", "second"} == {"second"}
    row.ours = right
    monkeypatch.setattr(tinytorch.Tensor, "exp", lambda x: x, raising=False)
    assert "variants" in wrong(row)
