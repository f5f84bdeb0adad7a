"""The tests of the integration tests: whole code passes them, and each of these broken copies of the package fails one."""

import planted_faults
import pytest

from tests.sampling import sample

FAULTS = planted_faults.faults()


def test_the_unbroken_package_passes(tmp_path):
    planted_faults.copy_course(tmp_path)
    assert planted_faults.failing(tmp_path, "-k", "quick") == []


def test_every_fault_can_be_planted(tmp_path):
    for number, fault in enumerate(FAULTS):
        planted_faults.copy_course(tmp_path / str(number))
        fault.plant(tmp_path / str(number) / "tinytorch")


@pytest.mark.parametrize(
    "fault",
    sample(FAULTS, 4, lambda fault: fault.name),  # the others: make planted
    ids=lambda fault: fault.name,
)
def test_is_caught(fault):
    assert planted_faults.caught_by(fault), f"no integration test noticed: {fault.name}"


def test_there_are_enough():
    assert len(FAULTS) >= 20
