"""A tiny model, a benchmark on the sample rooms, and a way to call the command as a user does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

Command = Callable[..., subprocess.CompletedProcess[str]]

SMALL = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
VISION = SMALL | {"model_type": "siglip_vision_model", "patch_size": 14, "image_size": 28, "vision_use_head": False}
TEXT = SMALL | {
    "model_type": "qwen2",
    "vocab_size": 264,
    "num_key_value_heads": 1,
    "max_position_embeddings": 2048,
    "bos_token_id": 256,
    "eos_token_id": 258,
    "pad_token_id": 256,
}
GEOMETRY = {"model_type": "vggt_encoder", "image_size": 28, "hidden_size": 16, "num_hidden_layers": 1}
GEOMETRY |= {"num_patch_layers": 1, "num_attention_heads": 2}


@pytest.fixture(scope="session")
def bench(sample_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset folder whose test split holds the records of both sample rooms. Shared: copy it before you change it."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "paper").mkdir()
    parts = [pq.read_table(path, partitioning=None) for path in sorted((sample_dataset / "paper").glob("*.parquet"))]
    pq.write_table(pa.concat_tables(parts), folder / "paper" / "test-00000-of-00001.parquet")
    return folder


@pytest.fixture(scope="session")
def records(bench: Path) -> dict[str, dict[str, Any]]:
    """Its records by id."""
    rows = pq.read_table(bench / "paper" / "test-00000-of-00001.parquet", partitioning=None).to_pylist()
    return {row["id"]: row for row in rows}


@pytest.fixture(scope="session")
def pictures(records: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image root with a small picture for every frame that the test split shows."""
    root, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for name in sorted({path for row in records.values() for path in row["image_paths"]}):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(root / name)
    return root


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of SpatialMosaicVLM with a few thousand random weights."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, SiglipImageProcessor

    from spatialmosaic_vlm import SpatialMosaicConfig, SpatialMosaicForConditionalGeneration, SpatialMosaicProcessor

    torch.set_num_threads(1)
    torch.manual_seed(0)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>"])
    parts = {"vision_config": VISION, "text_config": TEXT, "geometry_config": GEOMETRY}
    config = SpatialMosaicConfig(**parts, image_token_index=259, fusion_num_heads=2)
    model = SpatialMosaicForConditionalGeneration(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    folder = tmp_path_factory.mktemp("model") / "tiny"
    model.save_pretrained(folder)
    SpatialMosaicProcessor(
        SiglipImageProcessor(size={"height": 28, "width": 28}),
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<|endoftext|>", eos_token="<|im_end|>"),
        tokens_per_view=config.tokens_per_view,
        geometry_size=28,
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def guessing_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with an output layer that prefers A, B, C and D to everything else: its first token is a letter."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    import spatialmosaic_vlm  # noqa: F401  (teaches the Auto classes)

    folder = tmp_path_factory.mktemp("model") / "guessing"
    model, processor = (
        AutoModelForImageTextToText.from_pretrained(tiny_model),
        AutoProcessor.from_pretrained(tiny_model),
    )
    torch.manual_seed(1)
    with torch.no_grad():
        model.lm_head.weight.zero_()
        for pair in ("AB", "CD"):
            row = torch.randn(model.lm_head.weight.shape[1])
            for letter, sign in zip(pair, (1, -1), strict=True):
                model.lm_head.weight[processor.tokenizer.convert_tokens_to_ids(letter)] = sign * row
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Runs `spatialmosaic-eval` in a process of its own."""
    folder = tmp_path_factory.mktemp("cwd")

    def run(*arguments: object, launcher: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *launcher, "-m", "spatialmosaic_eval", *map(str, arguments)]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return run


class Server(ThreadingHTTPServer):
    """Speaks the OpenAI protocol and answers every choice with a letter that its words decide; can misbehave."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[dict[str, Any]] = []
        self.behave: Callable[[int], str] = lambda number: "ok"
        self.delay = 0.0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that are killed hang up; nobody needs to read of it."""


def words_of(body: dict[str, Any]) -> str:
    return "".join(part["text"] for part in body["messages"][0]["content"] if part["type"] == "text")


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one packet: two would wait for each other

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.requests.append(body)
            how = self.server.behave(len(self.server.requests))
        time.sleep(30 if how == "hang" else self.server.delay)
        words = words_of(body)
        letters = [line[0] for line in words.split("\n") if line[1:2] == "."] or ["2"]
        answer = letters[int(sha256(words.encode()).hexdigest(), 16) % len(letters)]
        choice = {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
        usage = {"prompt_tokens": len(words), "completion_tokens": 1, "total_tokens": len(words) + 1}
        reply: Any = {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [choice],
            "usage": usage,
        }
        status = int(how) if how.isdigit() else 200
        if status != 200:
            reply = {"error": {"message": f"status {status} it is", "type": "x"}}
        elif how == "garbage":
            reply = ["what", "is", "this"]
        elif how == "empty":
            reply = reply | {"choices": []}
        payload = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        if status == 429:
            self.send_header("Retry-After", "0.01")
        self.end_headers()
        self.wfile.write(payload[:10] if how == "cut" else payload)
        self.close_connection = how == "cut"

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of this test alone."""
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
