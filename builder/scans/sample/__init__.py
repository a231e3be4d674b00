"""Sample scans: furnished rooms made up from a seed, written in the on-disk format of ScanNet++.

layouts, rooms, furniture, things, shapes --> Room        what stands where
scanner ----------------------------------> mesh          as a scanner sees it: uneven, noisy, with holes
photo, paint -----------------------------> pictures      exact rays through the lens
shoot ------------------------------------> photographs   where the DSLR stood
truth ------------------------------------> SampleRoom    everything the files state
writer, capture --------------------------> files
"""

from .truth import Quirks, SampleRoom, make_sample_room
from .writer import quirks_of, scene_names, write_sample_scan, write_sample_scans

__all__ = [
    "Quirks",
    "SampleRoom",
    "make_sample_room",
    "quirks_of",
    "scene_names",
    "write_sample_scan",
    "write_sample_scans",
]
