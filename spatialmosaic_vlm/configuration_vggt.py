"""Configuration of the VGGT geometry encoder."""

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig


@strict
class VGGTEncoderConfig(PreTrainedConfig):
    """Sizes of a `VGGTEncoderModel`; the defaults are those of `facebook/VGGT-1B`.

    Args:
        image_size: Side in pixels of the square images that the table of position embeddings was trained for. Other
            sizes are encoded too: the table is interpolated.
        patch_size: Side of a patch in pixels; both sides of every image are multiples of it.
        num_channels: Colour channels of an image.
        hidden_size: Width of a token inside the encoder. The output is twice as wide (`output_size`).
        num_hidden_layers: Pairs of a block within each view and a block across all views of a sample.
        num_patch_layers: Blocks of the DINOv2 trunk that turns patches into tokens.
        num_attention_heads: Heads of every block; the head width is a multiple of 4, for the rotary embedding.
        mlp_ratio: Width of the feed-forward layer over `hidden_size`.
        num_register_tokens: Register tokens a view, in the trunk and in the pairs alike.
        hidden_act: Activation of the feed-forward layers.
        layer_norm_eps: Epsilon of the norms of the pairs.
        patch_layer_norm_eps: Epsilon of the norms of the trunk.
        layerscale_value: Initial scale of the residual branches of the pairs.
        patch_layerscale_value: Initial scale of the residual branches of the trunk.
        qk_norm: Whether the pairs normalise queries and keys of each head.
        rope_theta: Base of the frequencies of the two-dimensional rotary embedding.
        image_mean: Mean of each colour channel or of all, subtracted from pixels in [0, 1].
        image_std: Standard deviation of each colour channel or of all, by which pixels are divided.
        initializer_range: Standard deviation of the initial weights.
    """

    model_type = "vggt_encoder"

    image_size: int = 518
    patch_size: int = 14
    num_channels: int = 3
    hidden_size: int = 1024
    num_hidden_layers: int = 24
    num_patch_layers: int = 24
    num_attention_heads: int = 16
    mlp_ratio: float | int = 4.0
    num_register_tokens: int = 4
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-5
    patch_layer_norm_eps: float = 1e-6
    layerscale_value: float | int = 0.01
    patch_layerscale_value: float | int = 1.0
    qk_norm: bool = True
    rope_theta: float | int = 100.0
    image_mean: float | tuple[float, ...] | list[float] = (0.485, 0.456, 0.406)
    image_std: float | tuple[float, ...] | list[float] = (0.229, 0.224, 0.225)
    initializer_range: float = 0.02

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        if self.hidden_size % (4 * self.num_attention_heads):
            raise ValueError(
                f"Expected a hidden_size that {self.num_attention_heads} heads divide into widths that are multiples "
                f"of 4, for the rotary embedding; got {self.hidden_size}."
            )

    @property
    def output_size(self) -> int:
        """Width of an output token: the token within its view, then the token across views."""
        return 2 * self.hidden_size

    @property
    def num_special_tokens(self) -> int:
        """Tokens in front of the patches of each view: one camera token, then the registers."""
        return 1 + self.num_register_tokens


__all__ = ["VGGTEncoderConfig"]
