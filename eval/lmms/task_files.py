"""Writes the folder that lmms-eval takes as `--include_path`: one YAML file a task, all about one dataset folder."""

from __future__ import annotations

from pathlib import Path

from ..config import LmmsTasksConfig
from ..errors import EvalError

_DOCUMENTS = "spatialmosaic_eval.lmms.documents"
_CHOICE_AVERAGES = ("macro12", "macro6", "kappa6", "micro", "not_read")
_NUMBER_AVERAGES = ("macro_na", "micro", "not_read")
TASKS = {
    "spatialmosaic_choice": ("only_choices", "all", _CHOICE_AVERAGES),
    "spatialmosaic_numeric": ("only_numbers", "all", _NUMBER_AVERAGES),
    "spatialmosaic_blind": ("only_choices", "none", _CHOICE_AVERAGES),
}
"""Tasks: which records, which views, which averages. Names are unlike those inside lmms-eval, which would win."""

_TASK = """\
task: {name}
dataset_path: parquet
dataset_kwargs:
  data_files:
    {split}: {files}
test_split: {split}
output_type: generate_until
process_docs: !function {documents}.{records}
doc_to_visual: !function {documents}.doc_to_visual
doc_to_text: !function {documents}.doc_to_text
doc_to_messages: !function {documents}.doc_to_messages
doc_to_target: !function {documents}.doc_to_target
process_results: !function {documents}.process_results
generation_kwargs:
  max_new_tokens: 16
  temperature: 0
  do_sample: false
  until: []
lmms_eval_specific_kwargs:
  default:
    image_root: {image_root}
    views: {views}
metric_list:
{metrics}
metadata:
  version: 1
"""
_METRIC = "  - metric: {name}\n    aggregation: !function {documents}.{name}\n    higher_is_better: {better}"


def write_task_files(config: LmmsTasksConfig) -> str:
    """Write the folder, and return what to do with it.

    Raises:
        EvalError: the dataset folder holds no records of the config and split.
    """
    files = sorted(path.resolve() for path in (config.data / config.config).glob(f"{config.split}-*.parquet"))
    if not files:
        raise EvalError(
            f"{config.data} holds no records of the config {config.config!r} and the split {config.split!r}; pass the folder "
            "that `spatialmosaic build` wrote."
        )
    config.out.mkdir(parents=True, exist_ok=True)
    for name, (records, views, averages) in TASKS.items():
        metrics = [
            _METRIC.format(name=average, documents=_DOCUMENTS, better=str(average != "not_read").lower())
            for average in averages
        ]
        text = _TASK.format(
            name=name,
            split=config.split,
            files=_quoted(files),
            documents=_DOCUMENTS,
            records=records,
            image_root=_quoted([config.image_root.resolve()])[1:-1],
            views=views,
            metrics="\n".join(metrics),
        )
        (config.out / f"{name}.yaml").write_text(text, encoding="utf-8")
    return (
        f"Wrote {', '.join(TASKS)} to {config.out}. Run, in an environment with lmms-eval:\n  lmms-eval --include_path "
        f"{config.out.resolve()} --tasks {','.join(TASKS)} --model spatialmosaic_vlm --model_args pretrained=CHECKPOINT "
        "--verbosity DEBUG --log_samples --output_path lmms"
    )


def _quoted(paths: list[Path]) -> str:
    return "[" + ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths) + "]"
