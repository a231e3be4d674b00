"""Tables of what the build, the audit and the verification wrote, and nothing where they wrote nothing."""

from __future__ import annotations

from spatialmosaic_builder.findings import Findings, tables_of

BUILD = {
    "skips": {"obj_count_occ": {"too small": 3, "uncertain": 1}, "obj_size_occ_na": {"too small": 2}},
    "failures": [{"where": "room", "reason": "no mesh", "detail": "room: the mesh is missing."}],
    "dropped": [
        {"where": "room/a", "reason": "pose is not finite", "detail": ""},
        {"where": "room/b", "reason": "pose is not finite", "detail": ""},
    ],
}
SCORE = {"accuracy": 0.58, "low": 0.5, "high": 0.6, "num_records": 40, "num_scenes": 12, "verdict": "shortcut"}
AUDIT = {
    "configs": {
        "paper": {
            "question_types": {
                "obj_count_occ": {
                    "num_records": 40,
                    "chance": 0.25,
                    "letters": {"counts": [10] * 4, "chi_square": 0.0, "p_value": 1.0},
                    "scores": {"medoid": SCORE, "text": None},
                }
            }
        }
    }
}
VERIFICATION = {
    "num_records": 5,
    "num_scans": 2,
    "num_scans_in_dataset": 9,
    "agreement": 0.8,
    "verdicts": {"paper": {"obj_count_occ": {"agrees": 4}, "obj_size_occ_na": {"disagrees": 1}}},
}


def test_nothing_found_gives_no_table() -> None:
    assert tables_of(Findings(), "paper") == []
    assert tables_of(Findings(audit=AUDIT, verification=VERIFICATION), "strict") == []


def test_skips_are_added_up_and_listed_by_type() -> None:
    total, by_type, failures, dropped = tables_of(Findings(build=BUILD), "paper")
    assert total.rows == (("too small", 5), ("uncertain", 1))
    assert by_type.is_long
    assert ("obj_size_occ_na", "too small", 2) in by_type.rows
    assert failures.rows == (("room", "no mesh", "room: the mesh is missing."),)
    assert dropped.rows == (("pose is not finite", 2, "room/a"),)


def test_audit_and_verification_have_a_row_for_each_type() -> None:
    audit, verification = tables_of(Findings(audit=AUDIT, verification=VERIFICATION), "paper")
    assert audit.header[-2:] == ("medoid", "text")
    assert audit.rows == (("obj_count_occ", 40, "25%", "1.00", "58.0 !", ""),)
    assert verification.header == ("question type", "records", "agrees", "within tolerance", "disagrees")
    assert verification.rows == (("obj_count_occ", 4, 4, 0, 0), ("obj_size_occ_na", 1, 0, 0, 1))
    assert "80.000%" in verification.note
