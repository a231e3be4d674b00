"""A process that loads a checkpoint through the Auto classes and answers, with this package or as if it were missing.

python load_and_answer.py with|without CHECKPOINT INPUTS OUT
"""

from __future__ import annotations

import importlib.abc
import sys
from typing import Any


class Hidden(importlib.abc.MetaPathFinder):
    """Hides this package from imports."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        if fullname.split(".")[0].startswith("spatialmosaic"):
            raise ModuleNotFoundError(fullname)


package, checkpoint, inputs_file, out_file = sys.argv[1:]
remote = package == "without"
if remote:
    sys.meta_path.insert(0, Hidden())
else:
    import spatialmosaic_vlm  # noqa: F401

import torch  # noqa: E402
from transformers import AutoConfig, AutoModel, AutoModelForImageTextToText, AutoProcessor  # noqa: E402

torch.set_num_threads(1)
config = AutoConfig.from_pretrained(checkpoint, trust_remote_code=remote)
model = AutoModelForImageTextToText.from_pretrained(checkpoint, trust_remote_code=remote).eval()
base = AutoModel.from_pretrained(checkpoint, trust_remote_code=remote).eval()
processor = AutoProcessor.from_pretrained(checkpoint, trust_remote_code=remote)
inputs = torch.load(inputs_file)
with torch.no_grad():
    results = {
        "classes": [type(part).__name__ for part in (config, model, base, processor)],
        "modules": [type(part).__module__.split(".")[0] for part in (config, model, base, processor)],
        "logits": model(**inputs).logits,
        "hidden": base(**inputs).last_hidden_state,
        "answer": model.generate(**inputs, max_new_tokens=4, do_sample=False),
        "prompt": processor(text="How many?")["input_ids"],
    }
model.save_pretrained(out_file + "-again")
torch.save(results, out_file)
