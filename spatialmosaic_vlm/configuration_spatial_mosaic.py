"""Configuration of SpatialMosaicVLM: a vision tower, a geometry encoder, a language model, and how they are joined."""

from typing import Any, Literal

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

from .configuration_vggt import VGGTEncoderConfig

# A nested configuration is found by its model type; transformers does not know this one.
AutoConfig.register("vggt_encoder", VGGTEncoderConfig, exist_ok=True)

_AUTO_MAP = {
    "AutoConfig": "configuration_spatial_mosaic.SpatialMosaicConfig",
    "AutoModel": "modeling_spatial_mosaic.SpatialMosaicModel",
    "AutoModelForImageTextToText": "modeling_spatial_mosaic.SpatialMosaicForConditionalGeneration",
}


@strict
class SpatialMosaicConfig(PreTrainedConfig):
    """Sizes and choices of a SpatialMosaic model; the defaults are those of the published system.

    Args:
        vision_config: The vision tower, by `model_type`; any that `AutoModel` builds and whose tokens form a square.
        geometry_config: The geometry encoder, by `model_type`; None builds the model without geometry.
        text_config: The language model, by `model_type`; any that `AutoModel` builds.
        image_token_index: Id of the placeholder token that view tokens replace; also `image_token_id`.
        vision_feature_layer: Index into the hidden states of the vision tower.
        vision_feature_select_strategy: `full` keeps all tokens of that layer, `default` drops the first (CLIP's class
            token).
        fusion_num_heads: Attention heads of the fusion; they divide the width of the vision tower.
        fusion_dropout: Dropout on the fused branch.
        fusion_scope: `view`: the tokens of a view attend to the geometry of the same view, as the authors' code does;
            `sample`: to that of all views, as the paper's equations 7 to 12 say.
        fusion_gate: Whether a learned gate, zero at first, scales the fused branch: training then starts from the
            behaviour of the pretrained model.
        geometry_features: Which tokens of the geometry encoder are attended to: `all` (camera and patches), `patch` or
            `camera`.
        spatial_pool_stride: Factor by which rows and columns of view tokens are reduced; 1 keeps them.
        pool_before_projection: Whether they are reduced before the projector, as in LLaVA-NeXT-Video, or after it.
        newline_position: `grid` ends every row of view tokens with a learned newline token, `none` does not.
        projector_hidden_act: Activation between the two layers of the projector.
        tie_word_embeddings: Whether input and output embeddings share their weights; also taken from `text_config`.
    """

    model_type = "spatial_mosaic"
    attribute_map = {"image_token_id": "image_token_index"}
    # Batches differ in their views, so processes could not gather these.
    keys_to_ignore_at_inference = ["past_key_values", "image_hidden_states"]
    sub_configs_defaults = {
        "vision_config": SubConfigSpec(
            config_class=AutoConfig,
            model_type="siglip_vision_model",
            init_kwargs={
                "hidden_size": 1152,
                "intermediate_size": 4304,
                "patch_size": 14,
                "image_size": 384,
                "num_hidden_layers": 26,
                "num_attention_heads": 16,
                "vision_use_head": False,
            },
        ),
        "geometry_config": SubConfigSpec(config_class=AutoConfig, model_type="vggt_encoder", optional=True),
        "text_config": SubConfigSpec(config_class=AutoConfig, model_type="qwen2"),
    }

    vision_config: Any = None
    geometry_config: Any = None
    text_config: Any = None
    image_token_index: int = 151646
    vision_feature_layer: int = -1
    vision_feature_select_strategy: Literal["default", "full"] = "full"
    fusion_num_heads: int = 18
    fusion_dropout: float | int = 0.0
    fusion_scope: Literal["view", "sample"] = "view"
    fusion_gate: bool = False
    geometry_features: Literal["all", "patch", "camera"] = "all"
    spatial_pool_stride: int = 2
    pool_before_projection: bool = False
    newline_position: Literal["grid", "none"] = "grid"
    projector_hidden_act: str = "gelu"
    tie_word_embeddings: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        # Saving a model writes the entry of its own class alone, and then the other Auto class cannot load the folder.
        if getattr(self, "auto_map", None) is None:
            self.auto_map = dict(_AUTO_MAP)
        # Qwen2's small models say so in their own configuration.
        if getattr(self.text_config, "tie_word_embeddings", False):
            self.tie_word_embeddings = True
        width = self.vision_config.hidden_size
        if self.geometry_config is not None and (self.fusion_num_heads < 1 or width % self.fusion_num_heads):
            raise ValueError(
                f"Expected fusion_num_heads to divide the width of the vision tower, {width}; "
                f"got {self.fusion_num_heads}."
            )
        if self.spatial_pool_stride < 1:
            raise ValueError(f"Expected a spatial_pool_stride of at least 1, got {self.spatial_pool_stride}.")

    @property
    def tokens_per_view(self) -> int:
        """Placeholder tokens that one view takes in the language model's input."""
        side = self.vision_config.image_size // self.vision_config.patch_size
        pooled = -(-side // self.spatial_pool_stride)
        return pooled * (pooled + 1) if self.newline_position == "grid" else pooled * pooled


__all__ = ["SpatialMosaicConfig"]
