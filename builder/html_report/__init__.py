"""Shows what a dataset holds and why its records are true: one page, for a person to check.

record + annotations --> exhibit     what to show, computed by the rules of the record's profile
exhibit -------------> drawing     frames with boxes; diagram: the room from above and aside
exhibit -------------> reasons     why the answer is true, and why each distractor is false
records -------------> charts      levels and distributions; findings: what build, audit and verification found
all of it -----------> page        one self-contained HTML file; run: from a dataset folder
"""

from .page import choose_samples, count_levels, draw_record, write_page
from .run import write_report

__all__ = ["choose_samples", "count_levels", "draw_record", "write_page", "write_report"]
