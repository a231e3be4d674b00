"""The checkpoint layouts that can be converted: what their configurations say, and what their weights are called."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open
from transformers import AutoConfig, AutoTokenizer, CLIPImageProcessorPil, Qwen2Config, SiglipImageProcessorPil
from transformers.utils import cached_file

from .chat_templates import ChatStyle, chat_template
from .configuration_spatial_mosaic import SpatialMosaicConfig
from .configuration_vggt import VGGTEncoderConfig
from .convert import ConvertConfig
from .processing_spatial_mosaic import SpatialMosaicProcessor

_LANGUAGE_MODEL = {r"^model\.(embed_tokens|layers|norm)\.": r"model.language_model.\1."}
_LLAVA_HF = {
    r"^language_model\.lm_head\.": "lm_head.",
    r"^language_model\.model\.": "model.language_model.",
    r"^(model\.)?vision_tower\.(vision_model\.)?": "model.vision_tower.",
    r"^multi_modal_projector\.": "model.multi_modal_projector.",
    r"^image_newline": "model.image_newline",
}
_LLAVA_ORIGINAL = _LANGUAGE_MODEL | {
    r"^model\.vision_tower\.vision_tower\.vision_model\.": "model.vision_tower.",
    r"^model\.mm_projector\.0\.": "model.multi_modal_projector.linear_1.",
    r"^model\.mm_projector\.2\.": "model.multi_modal_projector.linear_2.",
}
_ADDED = ("model.geometry_encoder.", "model.fusion.")
_ANSWER_ENDS: dict[ChatStyle, str] = {"chatml": "<|im_end|>", "vicuna": "</s>"}


@dataclass(frozen=True)
class Layout:
    """How a source becomes a SpatialMosaic model."""

    config: SpatialMosaicConfig
    key_mapping: dict[str, str]
    """Regular expressions of the source's weight names, and what replaces them."""
    new_parts: tuple[str, ...]
    """Beginnings of the names of weights that the source has not."""
    chat_style: ChatStyle

    @property
    def answer_end(self) -> str:
        """The token that ends an answer."""
        return _ANSWER_ENDS[self.chat_style]


def read_layout(config: ConvertConfig) -> Layout:
    """Recognise the source and derive the configuration.

    Raises:
        ValueError: The source is none of the known kinds.
    """
    choices: dict[str, Any] = {
        "geometry_config": None if config.geometry is None else _vggt_config(config.geometry),
        "fusion_scope": config.fusion_scope,
        "fusion_gate": config.fusion_gate,
    }
    if config.source is None:
        assert config.vision is not None
        assert config.text is not None
        return _from_parts(config.vision, config.text, choices)
    raw = _read_json(config.source)
    kind = raw.get("model_type")
    if kind == "llava_qwen" or "LlavaQwenForCausalLM" in (raw.get("architectures") or ()):
        return _from_llava_original(raw, choices)
    if kind in ("llava_onevision", "llava_next_video"):
        return _from_llava_hf(config.source, choices)
    raise ValueError(
        f"Expected a source of type llava_qwen, llava_onevision or llava_next_video; {config.source} is {kind}. "
        "Name its vision tower and its language model instead (--vision and --text)."
    )


def build_processor(config: ConvertConfig, layout: Layout) -> SpatialMosaicProcessor:
    """Make the processor of the model: its vision tower's pixels, the source's tokens, our prompt.

    Raises:
        ValueError: The tokenizer does not know how an answer ends.
    """
    vision, geometry = layout.config.vision_config, layout.config.geometry_config
    tokenizer = AutoTokenizer.from_pretrained(config.source or config.text, padding_side="left")
    if "<image>" not in tokenizer.get_vocab():
        tokenizer.add_tokens(["<image>"], special_tokens=True)
    if layout.answer_end not in tokenizer.get_vocab():
        raise ValueError(
            f"Expected a tokenizer that knows {layout.answer_end}, which ends the answers of a {layout.chat_style} "
            f"prompt; that of {config.source or config.text} does not."
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    size = {"height": vision.image_size, "width": vision.image_size}
    # Nothing is cropped: what lies at the border of a view is asked for too.
    if vision.model_type == "siglip_vision_model":
        image_processor = SiglipImageProcessorPil(size=size)
    else:
        image_processor = CLIPImageProcessorPil(size=size, do_center_crop=False)
    return SpatialMosaicProcessor(
        image_processor,
        tokenizer,
        tokens_per_view=layout.config.tokens_per_view,
        geometry_size=None if geometry is None else geometry.image_size,
        geometry_patch_size=14 if geometry is None else geometry.patch_size,
        geometry_resize=config.geometry_resize,
        chat_template=chat_template(layout.chat_style, config.frame_labels),
    )


def _from_llava_hf(source: str, choices: dict[str, Any]) -> Layout:
    """LLaVA-OneVision (SigLIP, Qwen2) and LLaVA-NeXT-Video (CLIP, Vicuna) as transformers writes them."""
    theirs = AutoConfig.from_pretrained(source)
    is_video = theirs.model_type == "llava_next_video"
    config = SpatialMosaicConfig(
        vision_config=theirs.vision_config,
        text_config=theirs.text_config,
        fusion_num_heads=_fusion_heads(theirs.vision_config),
        vision_feature_layer=theirs.vision_feature_layer,
        vision_feature_select_strategy=theirs.vision_feature_select_strategy,
        projector_hidden_act=theirs.projector_hidden_act,
        newline_position="none" if is_video else "grid",
        pool_before_projection=is_video,
        **choices,
    )
    return Layout(config, _LLAVA_HF, _ADDED, "vicuna" if is_video else "chatml")


def _from_llava_original(raw: dict[str, Any], choices: dict[str, Any]) -> Layout:
    """LLaVA-Video as its authors publish it: one flat configuration, the vision tower named."""
    known = {*Qwen2Config().to_dict(), "rope_theta", "rope_scaling"} - {"_name_or_path"}
    text = {name: value for name, value in raw.items() if name in known}
    vision_config = _vision_config(raw["mm_vision_tower"])
    has_newline = "unpad" in raw.get("mm_patch_merge_type", "")
    config = SpatialMosaicConfig(
        vision_config=vision_config,
        text_config=text | {"model_type": "qwen2", "architectures": None},
        fusion_num_heads=_fusion_heads(vision_config),
        newline_position="grid" if has_newline else "none",
        **choices,
    )
    return Layout(config, _LLAVA_ORIGINAL, _ADDED, "chatml")


def _from_parts(vision: str, text: str, choices: dict[str, Any]) -> Layout:
    """A vision tower and a language model that have not met: the projector is new."""
    vision_config, text_config = _vision_config(vision), AutoConfig.from_pretrained(text)
    config = SpatialMosaicConfig(
        vision_config=vision_config,
        text_config=text_config,
        fusion_num_heads=_fusion_heads(vision_config),
        vision_feature_select_strategy="default" if vision_config.model_type == "clip_vision_model" else "full",
        **choices,
    )
    new_parts = (*_ADDED, "model.vision_tower.", "model.multi_modal_projector.", "model.image_newline")
    chat_style: ChatStyle = "vicuna" if text_config.model_type == "llama" else "chatml"
    return Layout(config, _LANGUAGE_MODEL, new_parts, chat_style)


def _vision_config(name: str) -> Any:
    """The vision tower up to its last but one layer, which is the one that is read."""
    config = AutoConfig.from_pretrained(name)
    config = getattr(config, "vision_config", config)
    if config.model_type not in ("siglip_vision_model", "clip_vision_model"):
        raise ValueError(f"Expected a vision tower of SigLIP or CLIP; {name} is {config.model_type}.")
    config.num_hidden_layers -= 1
    config.vision_use_head = False
    return config


def _fusion_heads(vision_config: Any) -> int:
    """Heads 64 wide, as the authors have them: 18 for SigLIP."""
    width: int = vision_config.hidden_size
    return width // 64 if width % 64 == 0 else int(vision_config.num_attention_heads)


def _read_json(source: str) -> dict[str, Any]:
    try:
        file = cached_file(source, "config.json")
    except OSError as error:
        raise OSError(f"Expected the config.json of {source}, a folder or a name on the Hub: {error}") from None
    content: dict[str, Any] = json.loads(Path(str(file)).read_text(encoding="utf-8"))
    return content


def _vggt_config(source: str) -> VGGTEncoderConfig:
    """Sizes of a VGGT checkpoint: from its configuration where it is one of ours, else from its weights."""
    raw = _read_json(source)
    if raw.get("model_type") == VGGTEncoderConfig.model_type:
        return VGGTEncoderConfig.from_dict(raw)
    with safe_open(cached_file(source, "model.safetensors"), framework="pt") as weights:
        names = {name.removeprefix("aggregator."): name for name in weights.keys()}  # noqa: SIM118 (no mapping)

        def shape(name: str) -> list[int]:
            if name not in names:
                raise ValueError(f"Expected the weights of VGGT in {source}; {name} is missing.")
            found: list[int] = weights.get_slice(names[name]).get_shape()
            return found

        *_, num_registers, width = shape("register_token")
        patch_size = shape("patch_embed.patch_embed.proj.weight")[-1]
        side = round((shape("patch_embed.pos_embed")[1] - 1) ** 0.5)
        return VGGTEncoderConfig(
            image_size=side * patch_size,
            patch_size=patch_size,
            hidden_size=width,
            num_hidden_layers=sum(
                name.startswith("global_blocks.") and name.endswith(".norm1.weight") for name in names
            ),
            num_patch_layers=sum(
                name.startswith("patch_embed.blocks.") and name.endswith(".norm1.weight") for name in names
            ),
            num_attention_heads=width // shape("global_blocks.0.attn.q_norm.weight")[0],
            mlp_ratio=shape("global_blocks.0.mlp.fc1.weight")[0] / width,
            num_register_tokens=num_registers,
        )
