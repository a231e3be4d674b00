"""Trains SpatialMosaicVLM.

    accelerate launch -m spatialmosaic_vlm.train --config tiny_cpu --output_dir runs/mine

The recipe and the command line say everything (`training/arguments.py`); docs/training.md explains it. The run folder gets
run.json, checkpoints, curve.png, the trained weights and a merged model.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .training.arguments import Arguments

logger = logging.getLogger("spatialmosaic_vlm.train")


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and train; bad input ends with one sentence and exit status 1."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    logging.getLogger("spatialmosaic_vlm").setLevel(logging.INFO)
    from .training.arguments import parse_arguments

    try:
        train(parse_arguments(list(sys.argv[1:] if argv is None else argv)))
    except (OSError, ValueError) as error:
        sys.exit(f"error: {sentence(error)}")


def sentence(error: Exception) -> str:
    """Say what was wrong. A loader process hands over its whole traceback, which ends with that."""
    return str(error).strip().rpartition(f"\n{type(error).__name__}: ")[2]


def train(arguments: Arguments) -> Path:
    """Train as the arguments say.

    Returns:
        The run folder.

    Raises:
        OSError: Something that is named does not exist, or the run folder holds another run.
        ValueError: Records, checkpoint and settings do not fit together; raised before the first step.
    """
    from .training.checkpoints import check_base, resume_point
    from .training.header import format_header, run_header, write_header
    from .training.hub import check_access, push_run
    from .training.preflight import check_length, check_template
    from .training.records import prompt_texts, read_records
    from .training.start import choose_trained, leaves_weights_unused, load_start, random_start
    from .training.trainer import SpatialMosaicTrainer

    data, start, settings = arguments
    run_folder = Path(settings.output_dir)
    checkpoint = resume_point(run_folder, settings.resume_from_checkpoint)
    # The trainer would push its own card and every checkpoint.
    pushes, settings.push_to_hub = settings.push_to_hub, False
    if pushes:
        check_access(settings)
    with settings.main_process_first(desc="reading the records"):
        records = read_records(data, data.train_split, data.max_records)
        held_out = read_records(data, data.eval_split, data.max_eval_records) if data.eval_split else None
        source = start.model_name_or_path
        if source is None:
            source = random_start(start, run_folder, prompt_texts(records), settings.seed)
    if checkpoint is not None:
        check_base(Path(checkpoint), source)
    model, processor = load_start(start, source)
    for split in (records, held_out):
        if split is not None:
            check_template(split, processor)
            check_length(split, processor, settings.max_length)

    rows = records.rows(data.questions_per_set)
    adapter = choose_trained(start, model)
    if settings.ddp_find_unused_parameters is None:
        settings.ddp_find_unused_parameters = leaves_weights_unused(start)
    eval_rows = None if held_out is None else held_out.rows(data.questions_per_set)
    trainer = SpatialMosaicTrainer(model, processor, settings, rows, eval_rows, adapter)
    header = run_header(arguments, source, trainer.model, records, len(rows))
    if trainer.is_world_process_zero():
        run_folder.mkdir(parents=True, exist_ok=True)
        write_header(header, run_folder)
        logger.info("\n%s", format_header(header))
    trainer.train(resume_from_checkpoint=checkpoint)
    trainer.finish()
    if trainer.is_world_process_zero():
        logger.info("The run is in %s.", run_folder)
        for address in push_run(run_folder, settings) if pushes else ():
            logger.info("Pushed to %s.", address)
    return run_folder


if __name__ == "__main__":
    main()
