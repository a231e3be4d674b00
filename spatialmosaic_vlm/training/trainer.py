"""TRL's trainer with what a run folder needs beside it: whole checkpoints, a curve, no card of TRL's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel
from transformers.integrations.deepspeed import unset_hf_deepspeed_config
from trl import SFTTrainer

from ..modeling_spatial_mosaic import SpatialMosaicForConditionalGeneration
from ..processing_spatial_mosaic import SpatialMosaicProcessor
from .arguments import TrainArguments
from .checkpoints import mark_whole, steps_done, unmark
from .collator import FrameSetCollator
from .curve import draw_curve
from .export import export_merged, keep_origin


class SpatialMosaicTrainer(SFTTrainer):
    """Trains on rows as `Records.rows` makes them."""

    train_dataset: Any

    def __init__(
        self,
        model: SpatialMosaicForConditionalGeneration,
        processor: SpatialMosaicProcessor,
        args: TrainArguments,
        train_rows: Dataset,
        eval_rows: Dataset | None,
        adapter: LoraConfig | None,
    ) -> None:
        super().__init__(
            model=model,
            args=args,
            data_collator=FrameSetCollator(processor),
            train_dataset=train_rows,
            eval_dataset=eval_rows,
            processing_class=processor,
            peft_config=adapter,
        )
        if not self.is_deepspeed_enabled:
            # Small steps vanish in bfloat16. DeepSpeed keeps full-precision copies by itself.
            for weight in self.model.parameters():
                if weight.requires_grad and weight.dtype != torch.float32:
                    weight.data = weight.data.float()

    def train(self, resume_from_checkpoint: str | None = None, **kwargs: Any) -> Any:
        """Train, as TRL does; a run that had reached `max_steps` gets no further step, only its weights back."""
        if resume_from_checkpoint and steps_done(Path(resume_from_checkpoint)) >= self.args.max_steps > 0:
            # The library looks at max_steps after a step. With epochs of one step it sees that none is left.
            self.train_dataset = self.train_dataset.select([0])
        return super().train(resume_from_checkpoint=resume_from_checkpoint, **kwargs)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        run_folder = Path(self.args.output_dir)
        checkpoint = run_folder / f"checkpoint-{self.state.global_step}"
        if self.is_world_process_zero():
            unmark(checkpoint)
        super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()
        if self.is_world_process_zero():
            mark_whole(checkpoint)
            draw_curve(self.state.log_history, run_folder / "curve.png")

    def finish(self) -> None:
        """Write the trained weights, the curve and, where an adapter was trained, the merged model."""
        run_folder = Path(self.args.output_dir)
        trained = run_folder / ("adapter" if isinstance(self.model, PeftModel) else "model")
        self.save_model(str(trained))
        self.save_state()
        self.accelerator.wait_for_everyone()
        if not self.is_world_process_zero():
            return
        draw_curve(self.state.log_history, run_folder / "curve.png")
        if isinstance(self.model, PeftModel) and self.args.export_merged:
            # This process merges alone: under ZeRO-3 loading would wait for the others.
            unset_hf_deepspeed_config()
            export_merged(trained, run_folder / "merged")
        if not isinstance(self.model, PeftModel):
            keep_origin(Path(self.model.config.name_or_path), trained)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Leave the card to `hub.py`, which knows data and licences."""
