"""What a recipe says: one data class each for data, model and training, filled from YAML and the command line."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import yaml
from transformers.integrations import get_available_reporting_integrations
from trl import SFTConfig, TrlParser

from ..configuration_spatial_mosaic import SpatialMosaicConfig

RECIPES = Path(__file__).resolve().parents[1] / "recipes"

LANGUAGE_MODEL_LINEARS = r"model\.language_model\..*\.(q|k|v|o|gate|up|down)_proj"
"""A plain list of names would also match layers of the encoders and of the fusion."""


@dataclass
class DataArguments:
    """Which records are learnt, and where their pictures are."""

    dataset: str = field(
        default="spatialmosaic",
        metadata={"help": "Dataset folder, name on the Hub, or `spatialmosaic` to generate from --data_dir."},
    )
    profile: str = field(default="paper", metadata={"help": "Config of the dataset: paper or strict."})
    train_split: str = field(default="train", metadata={"help": "Split to learn."})
    eval_split: str | None = field(
        default=None, metadata={"help": "Split whose loss is measured beside it; see --eval_strategy."}
    )
    data_dir: str | None = field(
        default=None, metadata={"help": "ScanNet++ root, where --dataset spatialmosaic is to be generated."}
    )
    size: str = field(default="mini", metadata={"help": "Size of what is generated: mini, full or a number."})
    image_root: str | None = field(
        default=None,
        metadata={"help": "Folder that image_paths are relative to: what `spatialmosaic prepare-images` filled."},
    )
    on_missing_image: Literal["error", "skip"] = field(
        default="error", metadata={"help": "What becomes of records whose pictures are missing."}
    )
    question_types: list[str] | None = field(default=None, metadata={"help": "Learn these only."})
    max_records: int | None = field(
        default=None, metadata={"help": "Learn so many records only, from all over the dataset."}
    )
    max_eval_records: int | None = field(default=None, metadata={"help": "Measure on so many only."})
    questions_per_set: int = field(
        default=8,
        metadata={
            "help": "Questions on one frame set that share a row, the views read once: the same gradient, faster. "
            "1 gives every question a row of its own. A batch counts rows."
        },
    )

    def __post_init__(self) -> None:
        if self.questions_per_set < 1:
            raise ValueError(f"questions_per_set takes a positive number, got {self.questions_per_set}.")


@dataclass
class ModelArguments:
    """Where training starts, and which parts it changes."""

    model_name_or_path: str | None = field(
        default=None, metadata={"help": "Checkpoint folder or name on the Hub; `spatialmosaic-convert` makes one."}
    )
    random_model: dict[str, Any] | str | None = field(
        default=None,
        metadata={"help": "Instead of a checkpoint: a tiny random model; JSON of what differs from tiny.py."},
    )
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = field(
        default="auto", metadata={"help": "Type of the weights that stay frozen."}
    )
    attn_implementation: str | None = field(default=None, metadata={"help": "Attention of all parts."})
    train_parts: list[str] = field(
        default_factory=lambda: ["fusion", "multi_modal_projector"],
        metadata={"help": "Parts whose every weight trains; parts that the model lacks are passed over."},
    )
    lora_r: int = field(default=128, metadata={"help": "Rank of the adapter; 0 trains without one."})
    lora_alpha: int = field(default=256, metadata={"help": "Its scale, over the rank."})
    lora_dropout: float = field(default=0.05, metadata={"help": "Its dropout."})
    lora_target_modules: str = field(
        default=LANGUAGE_MODEL_LINEARS, metadata={"help": "Regular expression of the layers that it adapts."}
    )

    def __post_init__(self) -> None:
        if (self.model_name_or_path is None) == (self.random_model is None):
            raise ValueError("Expected exactly one of model_name_or_path and random_model.")
        if isinstance(self.random_model, str):
            self.random_model = _parsed(self.random_model)
        unknown = sorted(set(self.random_model or {}) - {entry.name for entry in fields(SpatialMosaicConfig)})
        if unknown:
            raise ValueError(f"random_model holds {', '.join(unknown)}, which SpatialMosaicConfig does not have.")


def _parsed(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"random_model is no JSON: {error}.") from error
    if not isinstance(content, dict):
        raise ValueError(f"random_model takes an object of what differs from tiny.py, got {text}.")
    return content


@dataclass
class TrainArguments(SFTConfig):
    """TRL's and transformers' own arguments, with the defaults that this model needs."""

    output_dir: str = field(default="runs/spatialmosaic", metadata={"help": "Run folder."})
    max_length: int | None = field(
        default=None,
        metadata={"help": "Refuse to start if a question with its views has more tokens; nothing is ever cut off."},
    )
    report_to: list[str] | None = field(
        default_factory=lambda: ["tensorboard"], metadata={"help": "Where curves go, or none."}
    )
    ddp_find_unused_parameters: bool | None = field(
        default=None, metadata={"help": "By default looked for only where an encoder trains, whose end is never read."}
    )
    remove_unused_columns: bool = field(default=False, metadata={"help": "Rows are made when they are read."})
    assistant_only_loss: bool = field(default=True, metadata={"help": "The loss is that of the answers."})
    export_merged: bool = field(
        default=True, metadata={"help": "Write a merged model beside the adapter when training ends."}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.assistant_only_loss or self.remove_unused_columns or self.packing or self.padding_free:
            raise ValueError(
                "assistant_only_loss must be true, remove_unused_columns, packing and padding_free false: "
                "rows are made by this package's own collator, which computes the loss of the answers alone."
            )
        if self.dataloader_persistent_workers:
            raise ValueError(
                "dataloader_persistent_workers must be false: with it a run that is resumed draws other random numbers "
                "in its next epoch than an unbroken one."
            )
        absent = sorted({str(name) for name in self.report_to or ()} - set(get_available_reporting_integrations()))
        if absent:
            raise ValueError(f"report_to names {', '.join(absent)}, which is not installed here or not known.")


Arguments = tuple[DataArguments, ModelArguments, TrainArguments]


def parse_arguments(argv: list[str]) -> Arguments:
    """Read `--config RECIPE` and what the command line adds to it or replaces.

    Args:
        argv: The command line. RECIPE is a file, or the name of one of this package's recipes.

    Raises:
        FileNotFoundError: There is no such recipe.
        ValueError: It holds something unknown, or what does not fit together.
    """
    parser = TrlParser((DataArguments, ModelArguments, TrainArguments), prog="python -m spatialmosaic_vlm.train")
    argv = list(argv)
    for place, argument in enumerate(argv[:-1]):
        if argument == "--config":
            argv[place + 1] = str(_recipe_file(argv[place + 1]))
    try:
        parsed: Arguments = parser.parse_args_and_config(argv)
    except yaml.YAMLError as error:
        raise ValueError(f"The recipe is no YAML: {error}") from error
    return parsed


def _recipe_file(name: str) -> Path:
    given = Path(name)
    # `recipes/tiny_cpu.yaml` means the package's own, whatever the working directory.
    for path in (given, RECIPES / given.name, RECIPES / f"{given.name}.yaml"):
        if path.is_file():
            return path
    known = ", ".join(sorted(path.stem for path in RECIPES.glob("*.yaml")))
    raise FileNotFoundError(f"{name} is no file and none of the recipes {known}.")
