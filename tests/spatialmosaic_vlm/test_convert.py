"""Conversion of tiny checkpoints in each published layout: same function, and the same again after saving."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    AutoModel,
    AutoModelForImageTextToText,
    AutoProcessor,
    CLIPConfig,
    CLIPModel,
    LlamaConfig,
    LlamaForCausalLM,
    LlavaNextVideoConfig,
    LlavaNextVideoForConditionalGeneration,
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    Qwen2Config,
    Qwen2ForCausalLM,
    SiglipConfig,
    SiglipModel,
    SiglipTextConfig,
    SiglipVisionConfig,
)

from spatialmosaic_vlm import VGGTEncoderConfig, VGGTEncoderModel
from spatialmosaic_vlm.authors_weights import merge_fusion
from spatialmosaic_vlm.convert import ConvertConfig, convert

from ..hub_server import HubServer

ROUNDING = 1e-5
VISION = {
    "model_type": "siglip_vision_model",
    "hidden_size": 24,
    "intermediate_size": 32,
    "patch_size": 14,
    "image_size": 42,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "vision_use_head": False,
}
CLIP = VISION | {"model_type": "clip_vision_model", "image_size": 56, "num_hidden_layers": 3}
TEXT = {
    "model_type": "qwen2",
    "vocab_size": 264,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "eos_token_id": 256,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
}
LLAMA = TEXT | {"model_type": "llama"}
NO_IMAGE_TOKEN = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEXT_IDS = torch.tensor([[5, 77, 30, 2]])


def randomised(model: nn.Module) -> Any:
    """Weights large enough for every part to matter."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def write(folder: Path, state: dict[str, torch.Tensor], config: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: value.contiguous() for name, value in state.items()}, folder / "model.safetensors", {"format": "pt"}
    )
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def renamed(state: dict[str, torch.Tensor], rules: dict[str, str]) -> dict[str, torch.Tensor]:
    result = {}
    for name, value in state.items():
        rule = next((rule for rule in rules if re.match(rule, name)), None)
        assert rule is not None, name
        result[re.sub(rule, rules[rule], name)] = value.clone()
    return result


@pytest.fixture(scope="module")
def vggt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights under the names of the published checkpoint, heads included, and its configuration that says little."""
    config = VGGTEncoderConfig(
        image_size=56, hidden_size=16, num_hidden_layers=2, num_patch_layers=1, num_attention_heads=2
    )
    state = {f"aggregator.{n}": v for n, v in randomised(VGGTEncoderModel(config)).state_dict().items()}
    state |= {"aggregator.patch_embed.mask_token": torch.zeros(1, 16), "camera_head.token_norm.weight": torch.ones(2)}
    original = {"img_size": 518, "patch_size": 14, "embed_dim": 1024}
    return write(tmp_path_factory.mktemp("vggt") / "VGGT", state, original)


@pytest.fixture(scope="module")
def onevision() -> LlavaOnevisionForConditionalGeneration:
    config = LlavaOnevisionConfig(vision_config=VISION, text_config=TEXT, image_token_index=259)
    return randomised(LlavaOnevisionForConditionalGeneration(config))


@pytest.fixture(scope="module")
def onevision_folder(
    onevision: LlavaOnevisionForConditionalGeneration,
    make_tokenizer: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """As llava-hf publishes it."""
    rules = {
        r"model\.vision_tower\.": "vision_tower.vision_model.",
        r"model\.language_model\.": "language_model.model.",
        r"lm_head\.": "language_model.lm_head.",
        r"model\.": "",
    }
    folder = tmp_path_factory.mktemp("onevision") / "llava"
    write(folder, renamed(onevision.state_dict(), rules), onevision.config.to_dict() | {"dtype": "float32"})
    make_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def original_folder(
    onevision: LlavaOnevisionForConditionalGeneration,
    siglip_folder: Path,
    make_tokenizer: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """As lmms-lab publishes it: flat configuration, other names, no image token."""
    rules = {
        r"model\.vision_tower\.": "model.vision_tower.vision_tower.vision_model.",
        r"model\.language_model\.": "model.",
        r"model\.multi_modal_projector\.linear_1\.": "model.mm_projector.0.",
        r"model\.multi_modal_projector\.linear_2\.": "model.mm_projector.2.",
        r"(lm_head\.|model\.image_newline)": r"\1",
    }
    text = {name: value for name, value in TEXT.items() if name != "rope_parameters"}
    config = text | {
        "model_type": "llava_qwen",
        "architectures": ["LlavaQwenForCausalLM"],
        "mm_vision_tower": str(siglip_folder),
        "mm_patch_merge_type": "spatial_unpad",
        "mm_spatial_pool_stride": 2,
        "_name_or_path": "a/folder/of/theirs",
        "image_grid_pinpoints": [[384, 384]],
        "rope_theta": 1e6,
    }
    folder = tmp_path_factory.mktemp("original") / "llava"
    write(folder, renamed(onevision.state_dict(), rules), config)
    make_tokenizer(NO_IMAGE_TOKEN).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def siglip() -> SiglipModel:
    vision = {name: value for name, value in VISION.items() if name not in ("model_type", "vision_use_head")}
    text = {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = SiglipConfig(
        vision_config=SiglipVisionConfig(**(vision | {"num_hidden_layers": 3})),
        text_config=SiglipTextConfig(**text, vocab_size=20),
    )
    return randomised(SiglipModel(config))


@pytest.fixture(scope="module")
def siglip_folder(siglip: SiglipModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Vision and text tower together, as google publishes it, with the one layer more that is not read."""
    folder = tmp_path_factory.mktemp("siglip") / "siglip"
    siglip.save_pretrained(folder)
    return folder


def convert_and_load(config: ConvertConfig) -> tuple[Any, Any]:
    folder = convert(config)
    model, report = AutoModelForImageTextToText.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert {file.name for file in folder.parent.iterdir() if "partial" in file.name} == set()
    return model.eval(), AutoProcessor.from_pretrained(folder)


def view_tokens(model: Any, pixels: torch.Tensor) -> torch.Tensor:
    features = torch.rand(len(pixels), 17, 32)
    with torch.no_grad():
        return model.model.get_image_features(
            pixels, num_views=[len(pixels)], geometry_features=features
        ).pooler_output


@pytest.mark.parametrize("layout", ["onevision_folder", "original_folder"])
def test_llava_keeps_its_function(
    layout: str,
    onevision: LlavaOnevisionForConditionalGeneration,
    vggt: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    source = request.getfixturevalue(layout)
    config = ConvertConfig(tmp_path / "out", source=str(source), geometry=str(vggt), fusion_gate=True, dtype="float32")
    model, processor = convert_and_load(config)
    assert processor.image_token_id == model.config.image_token_id == 259
    assert processor.tokens_per_view == model.config.tokens_per_view == 6
    pixels = torch.rand(2, 3, 42, 42)
    with torch.no_grad():
        assert torch.equal(model(TEXT_IDS).logits, onevision(TEXT_IDS).logits)
        seen = onevision.model.vision_tower(pixels, output_hidden_states=True).hidden_states[-1]
        expected = onevision.model.apply_pooling(onevision.model.multi_modal_projector(seen))
    ours = view_tokens(model, pixels).view(2, 2, 3, 32)
    torch.testing.assert_close(ours[:, :, :2].flatten(1, 2), expected, atol=ROUNDING, rtol=0)
    torch.testing.assert_close(ours[0, 0, 2], onevision.model.image_newline.data)


def test_a_flat_configuration_leaves_what_the_language_model_knows(
    original_folder: Path, vggt: Path, tmp_path: Path
) -> None:
    folder = convert(ConvertConfig(tmp_path / "out", source=str(original_folder), geometry=str(vggt)))
    text = json.loads((folder / "config.json").read_text(encoding="utf-8"))["text_config"]
    assert text["rope_parameters"]["rope_theta"] == 1e6
    assert not {"_name_or_path", "image_grid_pinpoints", "mm_vision_tower"} & set(text)


def test_vggt_is_taken_as_it_is(onevision_folder: Path, vggt: Path, tmp_path: Path) -> None:
    model, processor = convert_and_load(
        ConvertConfig(tmp_path / "out", source=str(onevision_folder), geometry=str(vggt), dtype="float32")
    )
    published = load_file(vggt / "model.safetensors")
    for name, value in model.model.geometry_encoder.state_dict().items():
        assert torch.equal(value, published[f"aggregator.{name}"]), name
    assert model.config.geometry_config.num_attention_heads == 2
    assert processor.geometry_size == 56


@pytest.mark.parametrize("layout", ["onevision_folder", "original_folder"])
def test_saving_again_keeps_the_names(layout: str, vggt: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    source = str(request.getfixturevalue(layout))
    model, _ = convert_and_load(ConvertConfig(tmp_path / "one", source=source, geometry=str(vggt), dtype="float32"))
    model.save_pretrained(tmp_path / "two")
    assert set(load_file(tmp_path / "one/model.safetensors")) == set(load_file(tmp_path / "two/model.safetensors"))
    again = AutoModelForImageTextToText.from_pretrained(tmp_path / "two").eval()
    with torch.no_grad():
        assert torch.equal(again(TEXT_IDS).logits, model(TEXT_IDS).logits)


def test_clip_and_vicuna(make_tokenizer: Callable[..., Any], vggt: Path, tmp_path: Path) -> None:
    config = LlavaNextVideoConfig(
        vision_config=CLIP,
        text_config=LLAMA,
        image_token_index=259,
        video_token_index=260,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
    )
    theirs = randomised(LlavaNextVideoForConditionalGeneration(config))
    rules = {
        r"model\.vision_tower\.": "vision_tower.vision_model.",
        r"model\.language_model\.": "language_model.model.",
        r"lm_head\.": "language_model.lm_head.",
        r"model\.": "",
    }
    source = write(tmp_path / "source", renamed(theirs.state_dict(), rules), config.to_dict() | {"dtype": "float32"})
    make_tokenizer((*NO_IMAGE_TOKEN, "<image>", "</s>")).save_pretrained(source)
    model, processor = convert_and_load(
        ConvertConfig(tmp_path / "out", source=str(source), geometry=str(vggt), fusion_gate=True, dtype="float32")
    )
    assert model.config.tokens_per_view == processor.tokens_per_view == 4
    assert processor.image_processor.do_center_crop is False
    assert processor.apply_chat_template([{"role": "user", "content": "Hi"}]) == "USER: Hi "
    pixels = torch.rand(2, 3, 56, 56)
    with torch.no_grad():
        assert torch.equal(model(TEXT_IDS).logits, theirs(TEXT_IDS).logits)
        expected = theirs.model.get_video_features(
            pixels[None], vision_feature_layer=-2, vision_feature_select_strategy="default"
        ).pooler_output
    expected = torch.cat(list(expected)).reshape(2, 4, 32)
    torch.testing.assert_close(view_tokens(model, pixels), expected, atol=ROUNDING, rtol=0)


@pytest.fixture
def text_folder(make_tokenizer: Callable[..., Any], tmp_path: Path) -> Callable[..., tuple[nn.Module, Path]]:
    """Writes a language model in several files, whose tokenizer lacks the image token."""

    def write(kind: type, config: Any, *special_tokens: str) -> tuple[nn.Module, Path]:
        model = randomised(kind(config))
        model.save_pretrained(tmp_path / "text", max_shard_size="20KB")
        make_tokenizer((*NO_IMAGE_TOKEN, *special_tokens)).save_pretrained(tmp_path / "text")
        return model, tmp_path / "text"

    return write


@pytest.mark.parametrize("tied", [False, True])
def test_parts_that_have_not_met(
    tied: bool, siglip: SiglipModel, siglip_folder: Path, text_folder: Callable[..., Any], vggt: Path, tmp_path: Path
) -> None:
    text, folder = text_folder(
        Qwen2ForCausalLM, Qwen2Config(**TEXT | {"vocab_size": 259, "tie_word_embeddings": tied})
    )
    parts = {"vision": str(siglip_folder), "text": str(folder), "geometry": str(vggt)}
    model, processor = convert_and_load(ConvertConfig(tmp_path / "out", **parts, dtype="float32"))
    # The image token is new: the embeddings have grown by it.
    assert processor.image_token_id == model.config.image_token_id == 259
    assert model.get_input_embeddings().weight.shape == (260, 32)
    assert (model.lm_head.weight is model.get_input_embeddings().weight) == tied
    pixels = torch.rand(2, 3, 42, 42)
    with torch.no_grad():
        torch.testing.assert_close(model(TEXT_IDS).logits[..., :259], text(TEXT_IDS).logits, atol=ROUNDING, rtol=0)
        expected = siglip.vision_model(pixels, output_hidden_states=True).hidden_states[-2]
        seen = model.model.vision_tower(pixels, output_hidden_states=True).hidden_states[-1]
    assert torch.equal(seen, expected)


def test_clip_and_llama_that_have_not_met(text_folder: Callable[..., Any], vggt: Path, tmp_path: Path) -> None:
    text, folder = text_folder(LlamaForCausalLM, LlamaConfig(**LLAMA), "</s>")
    narrow = {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    clip = randomised(CLIPModel(CLIPConfig(vision_config=CLIP, text_config=narrow | {"vocab_size": 20})))
    clip.save_pretrained(tmp_path / "clip")
    parts = {"vision": str(tmp_path / "clip"), "text": str(folder), "geometry": str(vggt)}
    model, processor = convert_and_load(ConvertConfig(tmp_path / "out", **parts, dtype="float32"))
    assert model.generation_config.eos_token_id[0] == processor.tokenizer.convert_tokens_to_ids("</s>")
    pixels = torch.rand(2, 3, 56, 56)
    with torch.no_grad():
        assert torch.equal(model(TEXT_IDS).logits, text(TEXT_IDS).logits)
        expected = clip.vision_model(pixels, output_hidden_states=True).hidden_states[-2][:, 1:]
        features = torch.rand(2, 17, 32)
        fused = model.get_image_features(pixels, num_views=[2], geometry_features=features).last_hidden_state
        branch = model.model.fusion(expected.flatten(0, 1), features.flatten(0, 1), [16] * 2, [17] * 2)
    torch.testing.assert_close(fused.flatten(0, 1), branch, atol=ROUNDING, rtol=0)


def test_parts_of_another_kind_are_named(
    siglip_folder: Path, text_folder: Callable[..., Any], vggt: Path, tmp_path: Path
) -> None:
    _, text = text_folder(LlamaForCausalLM, LlamaConfig(**LLAMA))
    parts = {"text": str(text), "geometry": str(vggt)}
    with pytest.raises(ValueError, match=r"SigLIP or CLIP; .*text is llama"):
        convert(ConvertConfig(tmp_path / "out", vision=str(text), **parts))
    with pytest.raises(ValueError, match=r"knows </s>, which ends the answers of a vicuna prompt; that of .*text"):
        convert(ConvertConfig(tmp_path / "out", vision=str(siglip_folder), **parts))
    state = load_file(siglip_folder / "model.safetensors")
    del state["vision_model.post_layernorm.bias"]
    config = json.loads((siglip_folder / "config.json").read_text(encoding="utf-8"))
    vision = write(tmp_path / "incomplete", state, config)
    text_folder(LlamaForCausalLM, LlamaConfig(**LLAMA), "</s>")
    with pytest.raises(ValueError, match=r"weights of the model in .*incomplete; 1 are missing, such as post_layer"):
        convert(ConvertConfig(tmp_path / "out", vision=str(vision), **parts))


def test_a_converted_model_answers(
    onevision_folder: Path,
    vggt: Path,
    picture: Callable[..., Image.Image],
    conversation: Callable[..., Any],
    tmp_path: Path,
) -> None:
    model, processor = convert_and_load(
        ConvertConfig(tmp_path / "out", source=str(onevision_folder), geometry=str(vggt), geometry_resize="keep")
    )
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert model.generation_config.eos_token_id[0] == processor.tokenizer.convert_tokens_to_ids("<|im_end|>")
    inputs = processor.apply_chat_template(
        conversation([picture(1), picture(2)], "Which?"),
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        add_generation_prompt=True,
    )
    assert model.generate(**inputs, max_new_tokens=3).shape[1] > inputs["input_ids"].shape[1]
    assert AutoModel.from_pretrained(tmp_path / "out").config.fusion_scope == "view"
    choices = json.loads((tmp_path / "out/conversion.json").read_text(encoding="utf-8"))
    assert choices["geometry_resize"] == "keep"


def test_names_on_the_hub_do_as_well_as_folders(
    onevision: LlavaOnevisionForConditionalGeneration,
    onevision_folder: Path,
    vggt: Path,
    hub: HubServer,
    tmp_path: Path,
) -> None:
    upload = (
        "import sys; from huggingface_hub import HfApi\n"
        "for name, folder in zip(sys.argv[1::2], sys.argv[2::2]):\n"
        "    HfApi().create_repo(name); HfApi().upload_folder(repo_id=name, folder_path=folder)"
    )
    convert = Path(sys.executable).with_name("spatialmosaic-convert")
    for command in (
        [sys.executable, "-c", upload, "tester/llava", onevision_folder, "tester/vggt", vggt],
        [
            convert,
            "--source",
            "tester/llava",
            "--geometry",
            "tester/vggt",
            "--out",
            tmp_path / "out",
            "--dtype=float32",
        ],
    ):
        environment = os.environ | hub.environment(tmp_path)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    # DeepSpeed, where it is installed, greets on the standard output.
    assert done.stdout.splitlines()[-1] == f"The checkpoint is in {tmp_path / 'out'}."
    assert "MISSING" not in done.stderr
    model = AutoModelForImageTextToText.from_pretrained(tmp_path / "out").eval()
    with torch.no_grad():
        assert torch.equal(model(TEXT_IDS).logits, onevision(TEXT_IDS).logits)


def test_without_geometry(onevision_folder: Path, tmp_path: Path) -> None:
    model, processor = convert_and_load(ConvertConfig(tmp_path / "out", source=str(onevision_folder), geometry=None))
    assert model.model.geometry_encoder is None
    assert processor.geometry_size is None


class AuthorsFusion(nn.Module):
    """The fusion block as it is published: linear layers in front of and behind an attention that has its own."""

    def __init__(self, visual: int = 24, geometric: int = 32, heads: int = 2):
        super().__init__()
        self.clip_norm, self.spatial_encoder_norm = nn.LayerNorm(visual), nn.LayerNorm(geometric)
        self.clip_query_proj = nn.Linear(visual, visual)
        self.spatial_encoder_key_proj = nn.Linear(geometric, visual)
        self.spatial_encoder_value_proj = nn.Linear(geometric, visual)
        self.cross_attention = nn.MultiheadAttention(visual, heads, batch_first=True)
        self.out_norm, self.out_proj = nn.LayerNorm(visual), nn.Linear(visual, visual)

    def forward(self, visual: torch.Tensor, geometry: torch.Tensor) -> torch.Tensor:
        memory = self.spatial_encoder_norm(geometry)
        attended, _ = self.cross_attention(
            self.clip_query_proj(self.clip_norm(visual)),
            self.spatial_encoder_key_proj(memory),
            self.spatial_encoder_value_proj(memory),
        )
        return visual + self.out_norm(self.out_proj(attended))


@pytest.mark.parametrize("suffix", [".bin", ".safetensors"])
def test_the_authors_fusion_is_merged_exactly(suffix: str, onevision_folder: Path, vggt: Path, tmp_path: Path) -> None:
    theirs = randomised(AuthorsFusion())
    projector = nn.Sequential(nn.Linear(24, 32), nn.GELU(), nn.Linear(32, 32))
    state = {f"base_model.model.model.fusion_block.{n}": v for n, v in theirs.state_dict().items()}
    state |= {f"base_model.model.model.mm_projector.{n}": v for n, v in projector.state_dict().items()}
    file = tmp_path / f"non_lora_trainables{suffix}"
    if suffix == ".bin":
        torch.save(state, file)
    else:
        save_file(state, file)
    model, _ = convert_and_load(
        ConvertConfig(tmp_path / "out", source=str(onevision_folder), geometry=str(vggt), fusion=file, dtype="float32")
    )
    visual, geometry = torch.randn(3, 9, 24), torch.randn(3, 17, 32)
    with torch.no_grad():
        ours = model.model.fusion(visual.flatten(0, 1), geometry.flatten(0, 1), [9] * 3, [17] * 3)
        torch.testing.assert_close(ours.view_as(visual), theirs(visual, geometry), atol=ROUNDING, rtol=0)
        torch.testing.assert_close(model.model.multi_modal_projector(visual), projector(visual))


def test_half_precision_is_merged_without_rounding(tmp_path: Path) -> None:
    theirs = AuthorsFusion().bfloat16().state_dict()
    merged = merge_fusion(theirs, tmp_path / "weights.bin")["k_proj.weight"]
    inner = theirs["cross_attention.in_proj_weight"].chunk(3)[1]
    assert torch.equal(merged, inner.double() @ theirs["spatial_encoder_key_proj.weight"].double())


@pytest.mark.parametrize("suffix", [".bin", ".safetensors"])
def test_fusion_weights_that_are_none_are_named(
    suffix: str, onevision_folder: Path, vggt: Path, tmp_path: Path
) -> None:
    file = tmp_path / f"weights{suffix}"
    config = ConvertConfig(tmp_path / "out", source=str(onevision_folder), geometry=str(vggt), fusion=file)
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        convert(config)
    file.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="cannot be read"):
        convert(config)


def test_an_incomplete_fusion_is_named(tmp_path: Path) -> None:
    state = AuthorsFusion().state_dict()
    del state["out_proj.bias"]
    with pytest.raises(ValueError, match=r"fusion_block in .*weights\.bin; out_proj\.bias is missing"):
        merge_fusion(state, tmp_path / "weights.bin")


def test_fusion_of_another_size_is_named(onevision_folder: Path, vggt: Path, tmp_path: Path) -> None:
    file = tmp_path / "weights.bin"
    torch.save({f"fusion_block.{n}": v for n, v in AuthorsFusion(visual=16).state_dict().items()}, file)
    config = ConvertConfig(tmp_path / "out", source=str(onevision_folder), geometry=str(vggt), fusion=file)
    with pytest.raises(ValueError, match=r"shape \(24,\).*got \(16,\)"):
        convert(config)
    assert {path.name for path in tmp_path.iterdir()} == {"weights.bin"}


def test_missing_weights_are_named(onevision_folder: Path, vggt: Path, tmp_path: Path) -> None:
    state = load_file(onevision_folder / "model.safetensors")
    del state["multi_modal_projector.linear_2.bias"]
    source = tmp_path / "source"
    write(source, state, json.loads((onevision_folder / "config.json").read_text(encoding="utf-8")))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (source / name).write_bytes((onevision_folder / name).read_bytes())
    with pytest.raises(ValueError, match=r"1 are missing, such as model\.multi_modal_projector\.linear_2\.bias"):
        convert(ConvertConfig(tmp_path / "out", source=str(source), geometry=str(vggt)))
    assert not (tmp_path / "out").exists()


def test_a_geometry_checkpoint_of_another_kind_is_named(
    onevision_folder: Path, siglip_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"weights of VGGT in .*siglip; register_token is missing"):
        convert(ConvertConfig(tmp_path / "out", source=str(onevision_folder), geometry=str(siglip_folder)))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({}, ValueError, "either a source, or a vision tower and a language model"),
        ({"vision": "a"}, ValueError, "either a source"),
        ({"source": "a", "vision": "b"}, ValueError, "either a source"),
        ({"source": "a", "geometry": None, "fusion": Path("b")}, ValueError, "without one there is no fusion"),
    ],
)
def test_choices_that_do_not_fit(changes: dict[str, Any], error: type, message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message):
        convert(ConvertConfig(tmp_path / "out", **changes))


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    with pytest.raises(FileExistsError, match="name another folder or remove it"):
        convert(ConvertConfig(tmp_path, source="a"))


def test_an_unknown_source_ends_the_command_with_one_sentence(siglip_folder: Path, tmp_path: Path) -> None:
    command = [Path(sys.executable).with_name("spatialmosaic-convert"), "--out", tmp_path / "out"]
    done = subprocess.run(
        [*command, "--source", siglip_folder, "--geometry", "None"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "error: Expected a source of type llava_qwen, llava_onevision or llava_next_video; "
        f"{siglip_folder} is siglip. Name its vision tower and its language model instead (--vision and --text)."
    )
