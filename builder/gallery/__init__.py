"""Shows why records are true: a page with drawn samples of every question type, for a person to check.

record + annotations --> exhibit     what to show, computed by the rules of the record's profile
exhibit -------------> drawing     frames with boxes; diagram: the room from above and aside
drawings ------------> page        one self-contained HTML file
"""

from .page import choose_samples, count_levels, draw_record, write_gallery

__all__ = ["choose_samples", "count_levels", "draw_record", "write_gallery"]
