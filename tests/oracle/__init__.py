"""Independent checker of SpatialMosaic records: re-derives every answer from the raw scan with exact rays.

Shares no code with the builder. `check_records` and `check_balance` are the API; `python tests/oracle DATASET_DIR
--scans ROOT` prints the table.
"""

from .checks import check_records
from .report import Disagreement, Report, Violation
from .structure import check_balance

__all__ = ["Disagreement", "Report", "Violation", "check_balance", "check_records"]
