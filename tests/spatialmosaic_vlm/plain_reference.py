"""The model once more, as its equations say it: one sample, one view or head after another, plain products in float64.

It shares nothing with the package but the names of the weights. Shapes: tokens (number, width), views (number, ...).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.nn import functional

State = dict[str, torch.Tensor]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def part(state: State, name: str) -> State:
    """Weights below a module, in float64."""
    return {key.removeprefix(f"{name}."): value.double() for key, value in state.items() if key.startswith(f"{name}.")}


def linear(x: torch.Tensor, state: State, name: str) -> torch.Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def norm(x: torch.Tensor, state: State, name: str, eps: float) -> torch.Tensor:
    centred = x - x.mean(-1, keepdim=True)
    scaled = centred / (centred.square().mean(-1, keepdim=True) + eps).sqrt()
    return scaled * state[f"{name}.weight"] + state[f"{name}.bias"]


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Softmax attention of one head."""
    return (q @ k.T / math.sqrt(q.shape[-1])).softmax(-1) @ v


def turn(x: torch.Tensor, positions: torch.Tensor, base: float = 100.0) -> torch.Tensor:
    """Rotary embedding along one axis: pairs (i, i + half) turn by position / base ** (i / half)."""
    half = x.shape[-1] // 2
    angles = positions[:, None] / base ** (torch.arange(half).double() / half)
    first, second = x[:, :half], x[:, half:]
    return torch.cat(
        [first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()], dim=1
    )


def block(
    x: torch.Tensor, state: State, heads: int, eps: float, positions: torch.Tensor | None = None
) -> torch.Tensor:
    """A transformer block over one sequence; `positions`, rows and columns, also say that queries are normalised."""
    queries, keys, values = linear(norm(x, state, "norm1", eps), state, "attn.qkv").chunk(3, dim=-1)
    attended = []
    for q, k, v in zip(*(t.chunk(heads, dim=-1) for t in (queries, keys, values)), strict=True):
        if positions is not None:
            q, k = norm(q, state, "attn.q_norm", eps), norm(k, state, "attn.k_norm", eps)
            half = q.shape[-1] // 2
            q, k = (
                torch.cat([turn(t[:, :half], positions[:, 0]), turn(t[:, half:], positions[:, 1])], 1) for t in (q, k)
            )
        attended.append(attend(q, k, v))
    x = x + state["ls1.gamma"] * linear(torch.cat(attended, dim=-1), state, "attn.proj")
    hidden = functional.gelu(linear(norm(x, state, "norm2", eps), state, "mlp.fc1"))
    return x + state["ls2.gamma"] * linear(hidden, state, "mlp.fc2")


def trunk(image: torch.Tensor, state: State, config: Any) -> torch.Tensor:
    """DINOv2 with registers on one image (3, height, width) in [0, 1]: its patch tokens."""
    size = config.patch_size
    rows, columns = image.shape[1] // size, image.shape[2] // size
    pixels = (image - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    patches = pixels.unfold(1, size, size).unfold(2, size, size).permute(1, 2, 0, 3, 4).reshape(rows * columns, -1)
    weight = state["patch_embed.proj.weight"]
    x = patches @ weight.flatten(1).T + state["patch_embed.proj.bias"]
    table = state["pos_embed"][0]
    side = math.isqrt(len(table) - 1)
    grid = table[1:].T.reshape(1, -1, side, side)
    if (rows, columns) != (side, side):
        grid = functional.interpolate(grid, size=(rows, columns), mode="bicubic", antialias=True)
    x = torch.cat([state["cls_token"][0] + table[:1], state["register_tokens"][0], x + grid[0].flatten(1).T])
    for layer in range(config.num_patch_layers):
        x = block(x, part(state, f"blocks.{layer}"), config.num_attention_heads, config.patch_layer_norm_eps)
    return norm(x, state, "norm", config.patch_layer_norm_eps)[1 + config.num_register_tokens :]


def geometry(images: torch.Tensor, state: State, config: Any) -> list[torch.Tensor]:
    """VGGT's aggregator on the views of one sample: after each pair, (views, tokens, 2 * width)."""
    rows, columns = (side // config.patch_size for side in images.shape[2:])
    special = 1 + config.num_register_tokens
    grid = torch.tensor([(1 + row, 1 + column) for row in range(rows) for column in range(columns)])
    positions = torch.cat([torch.zeros(special, 2), grid]).double()
    views = []
    for index, image in enumerate(images):
        kind = min(index, 1)
        tokens = trunk(image, part(state, "patch_embed"), config)
        views.append(torch.cat([state["camera_token"][0, kind], state["register_token"][0, kind], tokens]))
    x, outputs = torch.stack(views), []
    for layer in range(config.num_hidden_layers):
        within, across = (part(state, f"{name}.{layer}") for name in ("frame_blocks", "global_blocks"))
        heads, eps = config.num_attention_heads, config.layer_norm_eps
        alone = torch.stack([block(view, within, heads, eps, positions) for view in x])
        x = block(alone.flatten(0, 1), across, heads, eps, positions.repeat(len(x), 1)).view_as(alone)
        outputs.append(torch.cat([alone, x], dim=-1))
    return outputs


def fuse(visual: torch.Tensor, memory: torch.Tensor, state: State, heads: int) -> torch.Tensor:
    """Equation 8 with the norms, the output projection and the residual of the authors' code."""
    memory = norm(memory, state, "geometry_norm", 1e-5)
    q = linear(norm(visual, state, "query_norm", 1e-5), state, "q_proj")
    k, v = (linear(memory, state, name) for name in ("k_proj", "v_proj"))
    attended = [attend(*head) for head in zip(*(t.chunk(heads, dim=-1) for t in (q, k, v)), strict=True)]
    return visual + norm(linear(torch.cat(attended, dim=-1), state, "o_proj"), state, "out_norm", 1e-5)


def view_tokens(visual: torch.Tensor, images: torch.Tensor, state: State, config: Any) -> torch.Tensor:
    """What the language model sees of a sample: from vision tower's tokens (views, tokens, width) and geometry's pixels."""
    encoded = geometry(images, part(state, "geometry_encoder"), config.geometry_config)[-1]
    special = 1 + config.geometry_config.num_register_tokens
    memory = torch.cat([encoded[:, :1], encoded[:, special:]], dim=1)
    weights, heads = part(state, "fusion"), config.fusion_num_heads
    if config.fusion_scope == "sample":
        fused = fuse(visual.flatten(0, 1), memory.flatten(0, 1), weights, heads).view_as(visual)
    else:
        fused = torch.stack([fuse(*view, weights, heads) for view in zip(visual, memory, strict=True)])
    projector = part(state, "multi_modal_projector")
    tokens = linear(functional.gelu(linear(fused, projector, "linear_1")), projector, "linear_2")
    side = math.isqrt(tokens.shape[1])
    square = tokens.unflatten(1, (side, side)).permute(0, 3, 1, 2)
    half = math.ceil(side / 2)
    pooled = functional.interpolate(square, size=(half, half), mode="bilinear").permute(0, 2, 3, 1)
    newline = state["image_newline"].double().expand(*pooled.shape[:2], 1, -1)
    return torch.cat([pooled, newline], dim=2).flatten(1, 2)
