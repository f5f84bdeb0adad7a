"""Where students' code runs. Outside: sandbox.py starts it, execution.py runs one job, box.py and channel.py speak with a box,
bubblewrap.py says what it can see. `inside/` is all of ours that runs beside a student's code: supervisor.py builds the walls,
runner.py runs cells and probes, codec.py writes down what they hand back.
"""

from .job import Cell, Error, Job, Limits, Probe, Run, SandboxError
from .sandbox import Sandbox

__all__ = ["Cell", "Error", "Job", "Limits", "Probe", "Run", "Sandbox", "SandboxError"]
