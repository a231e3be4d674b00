"""The result of a verification does not depend on which scan was examined first."""

from __future__ import annotations

import json

from spatialmosaic_builder.verify.case import Doubt
from spatialmosaic_builder.verify.examine import Finding, Verdict
from spatialmosaic_builder.verify.report import summarize, verification_as_json


def finding(number: int, verdict: Verdict) -> Finding:
    doubt = Doubt("the key is the count", verdict is Verdict.WITHIN_TOLERANCE, "3", "4", "")
    return Finding(f"{number}", "room", "obj_count_occ", verdict, () if verdict is Verdict.AGREES else (doubt,))


def test_order_does_not_matter() -> None:
    scans = [("paper", [finding(number, verdict)]) for number, verdict in enumerate(Verdict)]
    there, back = (verification_as_json(summarize(order, (), 3)) for order in (scans, scans[::-1]))
    assert json.dumps(there) == json.dumps(back)
