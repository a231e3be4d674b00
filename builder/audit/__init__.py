"""The shortcut audit: what can be scored on a dataset without looking at an image.

    Parquet files  -- choices -----> Choices      options as arrays, one a question type
    Choices        -- solvers -----> scores       option-only solvers: prior, paired axis, vote, medoid, rank, set
    a sample       -- text_model --> scores       a text-only classifier, cross-validated by scene
    scores, keys   -- statistics --> Estimate     accuracy, with an interval clustered by scene
    Estimate       -- report ------> text, JSON   against the nominal chance

Numbers and points (`answer_type` other than `choice`) have no options and no chance, so they are counted and left out.
"""

from .measure import audit_dataset, audit_records
from .report import Audit, ConfigAudit, audit_as_json, format_audit

__all__ = ["Audit", "ConfigAudit", "audit_as_json", "audit_dataset", "audit_records", "format_audit"]
