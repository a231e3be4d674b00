"""Looks a ScanNet++ download over before a build: what is there, what is missing, what that costs, which poses look wrong.

The reader's own checks decide; big files are judged by their first and last bytes. Only where poses are checked is a
mesh read.
"""

from .examination import DoctorReport, examine
from .pose_check import PoseCheck
from .scene import Finding, SceneReport
from .text import format_doctor, run_doctor

__all__ = ["DoctorReport", "Finding", "PoseCheck", "SceneReport", "examine", "format_doctor", "run_doctor"]
