"""Who has the scans worked on: processes of this machine, or a cluster. Every engine turns the same jobs into the same bytes.

--engine local  -- choice --> workers                      one process a scan at a time
--engine slurm  -- choice --> cluster -- slurm_queue -->   array jobs, one task a scan
"""

from .choice import ENGINES, Engine, make_engine

__all__ = ["ENGINES", "Engine", "make_engine"]
