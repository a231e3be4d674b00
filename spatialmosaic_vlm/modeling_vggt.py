"""VGGT's aggregator as a transformers model: tokens that know the geometry of all views of a sample.

The parameters bear the names of `facebook/VGGT-1B`, so that its checkpoint loads as it is:

    VGGTEncoderModel.from_pretrained("facebook/VGGT-1B", config=VGGTEncoderConfig())

Inside, all tokens of all views lie in one row, (tokens, width), and a list says how many belong to each view or sample:
linear layers see one row, attention keeps to its segment (`segments.py`), nothing is padded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import initialization as init
from transformers.activations import ACT2FN
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import ModelOutput
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS, PreTrainedModel
from transformers.utils.generic import can_return_tuple

from .configuration_vggt import VGGTEncoderConfig
from .segments import eager_attention_forward, grouped, segment_attention, view_counts


@dataclass
class VGGTEncoderOutput(ModelOutput):
    """What a `VGGTEncoderModel` returns for n views.

    Views of different sizes have different numbers of patches; their tokens are then padded with zeros at the end and
    `patch_mask` tells which are real.

    Args:
        last_hidden_state: Shape (n, 1 + registers + patches, output_size): camera token, registers, patches row by row.
        camera_tokens: Shape (n, 1, output_size).
        patch_tokens: Shape (n, patches, output_size).
        patch_mask: Shape (n, patches), bool; None where all views have one size.
        hidden_states: One entry a pair of blocks, shaped as `last_hidden_state`; None for a pair that was not chosen.
            Given where `output_hidden_states` asks for it.
    """

    last_hidden_state: torch.Tensor | None = None
    camera_tokens: torch.Tensor | None = None
    patch_tokens: torch.Tensor | None = None
    patch_mask: torch.Tensor | None = None
    hidden_states: tuple[torch.Tensor | None, ...] | None = None


def rope_2d(grid: tuple[int, int], config: VGGTEncoderConfig, device: torch.device) -> torch.Tensor:
    """Angles of the rotary embedding for the tokens of one view.

    Half of a head's width turns with the row, half with the column; inside each half the frequencies stand twice.
    Special tokens stand at (0, 0), the first patch at (1, 1).

    Args:
        grid: Rows and columns of patches.
        config: Says head width, special tokens and the base of the frequencies.
        device: Where the angles go.

    Returns:
        Shape (special tokens + patches, head width), radians, float32.
    """
    half = config.hidden_size // config.num_attention_heads // 2
    exponents = torch.arange(0, half, 2, device=device, dtype=torch.float32) / half
    frequencies = 1.0 / config.rope_theta**exponents
    rows, columns = (torch.arange(1, side + 1, device=device, dtype=torch.float32) for side in grid)
    patches = torch.cartesian_prod(rows, columns)
    positions = torch.cat([patches.new_zeros(config.num_special_tokens, 2), patches])
    angles = positions[:, :, None] * frequencies
    return torch.cat([angles, angles], dim=-1).flatten(1)


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Turn heads (tokens, heads, head width) by the angles of `rope_2d`, in float32."""
    y1, y2, x1, x2 = x.float().chunk(4, dim=-1)
    turned = torch.cat([-y2, y1, -x2, x1], dim=-1)
    return (x.float() * cos + turned * sin).to(x.dtype)


class VGGTAttention(nn.Module):
    """Self-attention inside each segment of a row of tokens."""

    def __init__(self, config: VGGTEncoderConfig, qk_norm: bool):
        super().__init__()
        self.config = config
        self.num_heads = config.num_attention_heads
        self.head_dim = config.hidden_size // self.num_heads
        self.scaling = self.head_dim**-0.5
        self.is_causal = False
        self.num_key_value_groups = 1
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.q_norm = nn.LayerNorm(self.head_dim, eps=config.layer_norm_eps) if qk_norm else nn.Identity()
        self.k_norm = nn.LayerNorm(self.head_dim, eps=config.layer_norm_eps) if qk_norm else nn.Identity()
        self.proj = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(
        self, x: torch.Tensor, lengths: list[int], rope: tuple[torch.Tensor, torch.Tensor] | None
    ) -> torch.Tensor:
        """Attend. `x`: (tokens, width); `lengths`: tokens of each segment; `rope`: cosines and sines a token."""
        q, k, v = self.qkv(x).view(len(x), 3, self.num_heads, self.head_dim).unbind(1)
        q, k = self.q_norm(q), self.k_norm(k)
        if rope is not None:
            q, k = rotate(q, *rope), rotate(k, *rope)
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(self.config._attn_implementation, eager_attention_forward)
        return self.proj(segment_attention(attend, self, q, k, v, lengths, lengths))


class VGGTMlp(nn.Module):
    """Two linear layers around an activation."""

    def __init__(self, config: VGGTEncoderConfig):
        super().__init__()
        hidden = int(config.hidden_size * config.mlp_ratio)
        self.fc1 = nn.Linear(config.hidden_size, hidden)
        self.act = ACT2FN[config.hidden_act]
        self.fc2 = nn.Linear(hidden, config.hidden_size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Keep the shape (tokens, width)."""
        return self.fc2(self.act(self.fc1(x)))


class VGGTLayerScale(nn.Module):
    """A learned factor for each channel of a residual branch."""

    def __init__(self, width: int, value: float):
        super().__init__()
        self.value = value
        self.gamma = nn.Parameter(torch.full((width,), value))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scale the last dimension."""
        return x * self.gamma


class VGGTBlock(GradientCheckpointingLayer):
    """A transformer block with pre-norms and layer scales; trunk and pairs differ in epsilon, scale and qk-norm."""

    def __init__(self, config: VGGTEncoderConfig, eps: float, layerscale: float, qk_norm: bool):
        super().__init__()
        self.norm1 = nn.LayerNorm(config.hidden_size, eps=eps)
        self.attn = VGGTAttention(config, qk_norm)
        self.ls1 = VGGTLayerScale(config.hidden_size, layerscale)
        self.norm2 = nn.LayerNorm(config.hidden_size, eps=eps)
        self.mlp = VGGTMlp(config)
        self.ls2 = VGGTLayerScale(config.hidden_size, layerscale)

    def forward(
        self, x: torch.Tensor, lengths: list[int], rope: tuple[torch.Tensor, torch.Tensor] | None = None
    ) -> torch.Tensor:
        """Keep the shape (tokens, width); attention stays inside the segments that `lengths` cuts."""
        x = x + self.ls1(self.attn(self.norm1(x), lengths, rope))
        return x + self.ls2(self.mlp(self.norm2(x)))


class VGGTPatchProjection(nn.Module):
    """The convolution that turns each patch into a token."""

    def __init__(self, config: VGGTEncoderConfig):
        super().__init__()
        self.proj = nn.Conv2d(config.num_channels, config.hidden_size, config.patch_size, stride=config.patch_size)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Turn (views, channels, height, width) into (views, patches, width)."""
        return self.proj(pixels.to(self.proj.weight.dtype)).flatten(2).transpose(1, 2)


class VGGTPatchEmbed(nn.Module):
    """The DINOv2 trunk (with registers) that sees each view alone."""

    def __init__(self, config: VGGTEncoderConfig):
        super().__init__()
        self.config = config
        width = config.hidden_size
        self.table_side = config.image_size // config.patch_size
        self.patch_embed = VGGTPatchProjection(config)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, self.table_side**2 + 1, width))
        self.register_tokens = nn.Parameter(torch.zeros(1, config.num_register_tokens, width))
        self.blocks = nn.ModuleList(
            VGGTBlock(config, config.patch_layer_norm_eps, config.patch_layerscale_value, qk_norm=False)
            for _ in range(config.num_patch_layers)
        )
        self.norm = nn.LayerNorm(width, eps=config.patch_layer_norm_eps)

    def positions(self, grid: tuple[int, int]) -> torch.Tensor:
        """Position embeddings of the class token and the patches of a grid: (1, 1 + patches, width)."""
        side = self.table_side
        if grid == (side, side):
            return self.pos_embed
        # Contiguous: with channels last, PyTorch interpolates to a single column wrongly on CPUs.
        table = self.pos_embed[:, 1:].float().unflatten(1, (side, side)).permute(0, 3, 1, 2).contiguous()
        table = nn.functional.interpolate(table, size=grid, mode="bicubic", antialias=True)
        patches = table.permute(0, 2, 3, 1).flatten(1, 2).to(self.pos_embed.dtype)
        return torch.cat([self.pos_embed[:, :1], patches], dim=1)

    def embed(self, pixels: torch.Tensor) -> torch.Tensor:
        """Turn views of one size, (views, channels, height, width), into a row of tokens, specials first a view."""
        grid = (pixels.shape[-2] // self.config.patch_size, pixels.shape[-1] // self.config.patch_size)
        patches = self.patch_embed(pixels)
        x = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], dim=1) + self.positions(grid)
        registers = self.register_tokens.expand(len(patches), -1, -1)
        return torch.cat([x[:, :1], registers, x[:, 1:]], dim=1).flatten(0, 1)

    def forward(self, images: list[torch.Tensor], lengths: list[int]) -> torch.Tensor:
        """Encode each view alone.

        Args:
            images: Normalised pixels, (views, channels, height, width) each, all views of an entry of one size.
            lengths: Tokens of each view, special ones included.

        Returns:
            Patch tokens of all views in a row, (patches, width).
        """
        x = torch.cat([self.embed(pixels) for pixels in images])
        for block in self.blocks:
            x = block(x, lengths)
        x = torch.cat([view[self.config.num_special_tokens :] for view in x.split(lengths)])
        return self.norm(x)


class VGGTPreTrainedModel(PreTrainedModel):
    """Loading, saving and initialising of VGGT encoders."""

    config: VGGTEncoderConfig
    config_class = VGGTEncoderConfig
    base_model_prefix = "aggregator"
    main_input_name = "pixel_values"
    input_modalities = ("image",)
    supports_gradient_checkpointing = True
    _no_split_modules = ["VGGTBlock"]
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True
    # The checkpoint also holds the heads for cameras, depth, points and tracks, and an unused mask token.
    _keys_to_ignore_on_load_unexpected = [r"(camera|point|depth|track)_head\.", r"patch_embed\.mask_token"]

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        std = self.config.initializer_range
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            init.trunc_normal_(module.weight, mean=0.0, std=std)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)
        elif isinstance(module, VGGTLayerScale):
            init.constant_(module.gamma, module.value)
        elif isinstance(module, VGGTPatchEmbed):
            init.trunc_normal_(module.pos_embed, std=std)
            init.normal_(module.cls_token, std=1e-6)
            init.normal_(module.register_tokens, std=1e-6)
        elif isinstance(module, VGGTEncoderModel):
            init.normal_(module.camera_token, std=1e-6)
            init.normal_(module.register_token, std=1e-6)


class VGGTEncoderModel(VGGTPreTrainedModel):
    """VGGT without its heads: alternating attention within each view and across the views of a sample.

    The first view of a sample is the reference: it alone bears the first camera and register tokens, so the order of
    views matters.
    """

    def __init__(self, config: VGGTEncoderConfig):
        super().__init__(config)
        width = config.hidden_size
        self.patch_embed = VGGTPatchEmbed(config)
        self.camera_token = nn.Parameter(torch.zeros(1, 2, 1, width))
        self.register_token = nn.Parameter(torch.zeros(1, 2, config.num_register_tokens, width))
        self.frame_blocks, self.global_blocks = (
            nn.ModuleList(
                VGGTBlock(config, config.layer_norm_eps, config.layerscale_value, config.qk_norm)
                for _ in range(config.num_hidden_layers)
            )
            for _ in range(2)
        )
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """Return the module that sees the pixels first."""
        return self.patch_embed.patch_embed

    @can_return_tuple
    def forward(
        self,
        pixel_values: torch.Tensor,
        num_views: torch.Tensor | Sequence[int] | None = None,
        image_sizes: torch.Tensor | Sequence[Sequence[int]] | None = None,
        output_hidden_states: bool | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> VGGTEncoderOutput:
        """Encode the views of one or more samples; samples do not see each other.

        Args:
            pixel_values: Shape (views of all samples, channels, height, width), RGB in [0, 1], the views of a sample
                next to each other in their order.
            num_views: Views of each sample; all views are one sample where it is None.
            image_sizes: Height and width of each view in pixels, for views of different sizes: such a view fills the
                top left of its picture, and what lies outside is not looked at.
            output_hidden_states: Whether to return the output of every pair of blocks, or the indices of those to
                return (VGGT's own heads read 4, 11, 17 and 23).
            **kwargs: Ignored, so that a caller may pass what other encoders need.

        Raises:
            ValueError: `num_views` does not add up, or a side is no multiple of the patch size.
        """
        config = self.config
        views = [len(pixel_values)] if num_views is None else view_counts(num_views, len(pixel_values))
        sizes = _image_sizes(image_sizes, pixel_values, config.patch_size)
        grids = [(height // config.patch_size, width // config.patch_size) for height, width in sizes]
        num_patches = [rows * columns for rows, columns in grids]
        view_lengths = [config.num_special_tokens + count for count in num_patches]
        sample_lengths = [sum(lengths) for lengths in grouped(view_lengths, views) if lengths]

        patches = self.patch_embed(self._normalised(pixel_values, sizes), view_lengths)
        x = self._with_special_tokens(patches, num_patches, views)
        angles = {grid: rope_2d(grid, config, x.device) for grid in dict.fromkeys(grids)}
        row = torch.cat([angles[grid] for grid in grids])[:, None]
        rope = (row.cos(), row.sin())

        if output_hidden_states is None:
            output_hidden_states = config.output_hidden_states
        chosen = _chosen_layers(output_hidden_states, config.num_hidden_layers)
        collected: list[torch.Tensor | None] = []
        for layer, (frame_block, global_block) in enumerate(zip(self.frame_blocks, self.global_blocks, strict=True)):
            within = frame_block(x, view_lengths, rope)
            x = global_block(within, sample_lengths, rope)
            if layer in chosen or layer == config.num_hidden_layers - 1:
                last = _by_view(torch.cat([within, x], dim=-1), view_lengths)
            collected.append(last if layer in chosen else None)
        return VGGTEncoderOutput(
            last_hidden_state=last,
            camera_tokens=last[:, :1],
            patch_tokens=last[:, config.num_special_tokens :],
            patch_mask=_patch_mask(num_patches, x.device),
            hidden_states=tuple(collected) if chosen else None,
        )

    def _normalised(self, pixel_values: torch.Tensor, sizes: list[tuple[int, int]]) -> list[torch.Tensor]:
        """Pixels as the trunk was trained on, in as few tensors as the sizes allow."""
        mean, std = (
            pixel_values.new_tensor(values).view(-1, 1, 1)
            for values in (self.config.image_mean, self.config.image_std)
        )
        pixels = (pixel_values - mean) / std
        if len(set(sizes)) == 1:
            return [pixels[..., : sizes[0][0], : sizes[0][1]]]
        return [pixels[i : i + 1, :, :height, :width] for i, (height, width) in enumerate(sizes)]

    def _with_special_tokens(self, patches: torch.Tensor, num_patches: list[int], views: list[int]) -> torch.Tensor:
        """Put camera and register tokens in front of the patches of each view."""
        kinds = [int(position > 0) for count in views for position in range(count)]
        special = torch.cat([self.camera_token[0], self.register_token[0]], dim=1)
        parts = zip(kinds, patches.split(num_patches), strict=True)
        return torch.cat([tokens for kind, view in parts for tokens in (special[kind], view)])


def _image_sizes(
    image_sizes: torch.Tensor | Sequence[Sequence[int]] | None, pixel_values: torch.Tensor, patch_size: int
) -> list[tuple[int, int]]:
    total, _, height, width = pixel_values.shape
    if image_sizes is None:
        sizes = [(height, width)] * total
    else:
        rows = image_sizes.tolist() if isinstance(image_sizes, torch.Tensor) else image_sizes
        sizes = [(int(h), int(w)) for h, w in rows]
    if len(sizes) != total:
        raise ValueError(f"Expected a height and width for each of the {total} views, got {len(sizes)} image_sizes.")
    for h, w in dict.fromkeys(sizes):
        if not (0 < h <= height and 0 < w <= width) or h % patch_size or w % patch_size:
            raise ValueError(
                f"Expected views whose height and width are multiples of {patch_size} and at most those of "
                f"pixel_values, {height} x {width}; got {h} x {w}."
            )
    return sizes


def _chosen_layers(output_hidden_states: bool | Sequence[int] | None, num_layers: int) -> set[int]:
    """Which pairs to return the output of."""
    chosen = range(num_layers) if output_hidden_states is True else output_hidden_states or ()
    return {layer % num_layers for layer in chosen}


def _by_view(row: torch.Tensor, lengths: list[int]) -> torch.Tensor:
    """Turn a row of tokens into (views, tokens, width), padded with zeros where views differ in length."""
    if len(set(lengths)) == 1:
        return row.unflatten(0, (len(lengths), -1))
    return nn.utils.rnn.pad_sequence(row.split(lengths), batch_first=True)


def _patch_mask(num_patches: list[int], device: torch.device) -> torch.Tensor | None:
    if len(set(num_patches)) == 1:
        return None
    counts = torch.tensor(num_patches, device=device)
    return torch.arange(max(num_patches), device=device) < counts[:, None]


__all__ = ["VGGTEncoderModel", "VGGTEncoderOutput", "VGGTPreTrainedModel"]
