"""Records in the two layouts of the authors' release: conversations to train on, flat records to evaluate with.

Their evaluation reads `question_type`, `frames`, `scene_name`, `question`, `options`, `mc_answer`, `ground_truth` and
`bbox_2d_diag`; the other keys stand in their published sample. Frames are bare names: both their training and their
evaluation look for `<scene_name>/images/<frame>.jpg` below a folder of pictures.
"""

from __future__ import annotations

from typing import Any

_PREFIX = "These are frames of a video."
_ASKS_FOR = {
    "choice": "Answer with the option's letter from the given choices directly.",
    "number": "Please answer the question using a single word or phrase.",
    "point": "Please answer with the coordinate pair only, formatted as (x,y).",
}
"""The sentences that follow a question in their prompts, by `answer_type`: their training data repeat them."""
_NOT_APPLICABLE = "0"
"""Their `bbox_2d_diag` where a question has no box."""


def conversation(record: dict[str, Any]) -> dict[str, Any]:
    """Lay a record out as a training sample.

    Args:
        record: a row of `RECORD_SCHEMA`.
    """
    prompt = f"<image>\n{_PREFIX}\n\n{record['question']}\n"
    if record["options"]:
        prompt += "\nOptions:\n" + "".join(f"{option}\n" for option in record["options"])
    prompt += _ASKS_FOR[record["answer_type"]]
    answer = record["mc_answer"] if record["answer_type"] == "choice" else record["ground_truth"]
    return {
        "id": record["id"],
        "data_source": record["dataset"],
        "scene_name": record["scene_name"],
        "question_type": record["question_type"],
        "frames": record["frames"],
        "conversations": [{"from": "human", "value": prompt}, {"from": "gpt", "value": answer}],
    }


def evaluation_record(record: dict[str, Any], number: int) -> dict[str, Any]:
    """Lay a record out as a test sample.

    Every key is there in every record and holds one type, so that `datasets` reads the file as one table.

    Args:
        record: a row of `RECORD_SCHEMA`.
        number: position in the file, which is their id.
    """
    diagonal = record["bbox_2d_diag"]
    return {
        "dataset": record["dataset"],
        "scene_name": record["scene_name"],
        "question_type": record["question_type"],
        "frames": record["frames"],
        "question": record["question"],
        "options": record["options"] or [],
        "ground_truth": record["ground_truth"],
        "mc_answer": record["mc_answer"] or "",
        "overlap_avg": record["overlap_avg"],
        "occlusion_avg": record["occlusion_avg"],
        "occ_level": record["occ_level"],
        "overlap_level": record["overlap_level"],
        "vis_level": record["vis_level"],
        "GT Scenario": record["gt_scenario"],
        "id": number,
        "bbox_2d": record["bbox_2d"] or [],
        "bbox_2d_diag": _NOT_APPLICABLE if diagonal is None else f"{diagonal:.6g}",
    }
