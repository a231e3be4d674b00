"""The metric of SpatialMosaic-Bench for `evaluate`: a thin wrapper around the scorer beside it."""

import datasets
import evaluate

# From the Hub, only the neighbours that are named here come along: those of the scorer, too.
from .answers import STATES
from .choices import parse_choice
from .letters import named_letter
from .option_texts import plain_words
from .quantities import parse_number
from .scoring import PARSERS, QUESTION_TYPES, averages, score_answer, type_means

__all__ = ["SpatialMosaicAccuracy", "named_letter", "parse_choice", "parse_number", "plain_words"]

_DESCRIPTION = """\
Scores answers to SpatialMosaic-Bench: accuracy of choices, mean relative accuracy of numbers and mean point accuracy of
points, averaged over question types (`macro12` is the paper's "Avg.", `macro6` weighs the six tasks alike, `kappa6` takes
away what guessing scores).
"""
_CITATION = """\
@article{spatialmosaic2025,
  title   = {SpatialMosaic: A Multiview VLM Dataset for Partial Visibility},
  journal = {arXiv preprint arXiv:2512.23365},
  year    = {2025}
}
"""
_KWARGS_DESCRIPTION = """
Args:
    predictions (list of str): what the model said.
    references (list of str): `mc_answer` where there are options, else `ground_truth`.
    question_type (list of str): of each record.
    options (list of lists of str): `A. ...` strings; empty without options.
    bbox_2d_diag (list of float): diagonal that scales the error of a point; 0 elsewhere.
    parser (str): `lenient` (default), or `authors`, the published evaluation to the letter.

Returns:
    dict: `macro12`, `macro6`, `kappa6`, `macro_na`, `overall` and `micro`, 0 to 1, None where no record belongs to one;
    the score of each question type; `n`, and how many answers were unparsed, ambiguous or beyond the options.

Examples:
    >>> import evaluate
    >>> metric = evaluate.load("spatialmosaic/spatialmosaic_accuracy")  # doctest: +SKIP
    >>> result = metric.compute(
    ...     predictions=["(B)", "A or B", "about 2 m"],
    ...     references=["B", "A", "2.00"],
    ...     question_type=["obj_existence_occ_lr", "obj_existence_occ_ab", "obj_distance_occ_na"],
    ...     options=[["A. Yes", "B. No"], ["A. Yes", "B. No"], []],
    ...     bbox_2d_diag=[0.0, 0.0, 0.0],
    ... )
    >>> result["macro12"], result["obj_distance_occ_na"], result["ambiguous"]
    (0.5, 1.0, 1)
"""


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class SpatialMosaicAccuracy(evaluate.Metric):
    """Accuracy on SpatialMosaic-Bench; see the card."""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=datasets.Features(
                {
                    "predictions": text,
                    "references": text,
                    "question_type": text,
                    "options": datasets.List(text),
                    "bbox_2d_diag": datasets.Value("float64"),
                }
            ),
        )

    def _compute(
        self,
        predictions: list[str],
        references: list[str],
        question_type: list[str],
        options: list[list[str]],
        bbox_2d_diag: list[float],
        parser: str = "lenient",
    ) -> dict[str, float | int | None]:
        if parser not in PARSERS:
            raise ValueError(f"Expected a parser among {', '.join(PARSERS)}, got {parser!r}.")
        values, counts = [], dict.fromkeys(STATES[1:], 0)
        chances: dict[str, list[float]] = {}
        rows = zip(predictions, references, question_type, options, bbox_2d_diag, strict=True)
        for number, (answer, reference, name, offered, diagonal) in enumerate(rows):
            if name not in QUESTION_TYPES:
                raise ValueError(
                    f"Record {number} has the question type {name!r}; known are {', '.join(QUESTION_TYPES)}."
                )
            of_type = QUESTION_TYPES[name]
            score = score_answer(of_type.kind, answer, reference, offered, diagonal, of_type.unit, parser)
            values.append(score.value)
            if score.state in counts:
                counts[score.state] += 1
            if offered:
                chances.setdefault(name, []).append(1 / len(offered))
        means = type_means(question_type, values)
        nominal = {name: sum(listed) / len(listed) for name, listed in chances.items()}
        micro = sum(values) / len(values) if values else None
        return {**averages(means, nominal, micro), **means, "n": len(values), **counts}
