"""The geometry encoder against numbers of the reference implementation, and against transformers' DINOv2."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersModel

from spatialmosaic_vlm import VGGTEncoderConfig, VGGTEncoderModel

# Written down from the reference implementation at these sizes: views, height, width; mean and standard deviation of
# the last layer; channels 0, 1, 33, 63 of the last view's camera token; channels 0, 17, 40, 63 of the first view's
# last patch.
GOLDEN = [
    (
        (1, 70, 70),
        (0.046540, 1.061381),
        (0.20895, 0.84825, 0.87009, -0.57144),
        (-0.87214, 0.25269, -0.15537, -1.60514),
    ),
    (
        (3, 70, 70),
        (0.041936, 1.027466),
        (-0.05276, 0.10001, 0.05774, 0.02531),
        (-0.87505, 0.25004, -0.15893, -1.60414),
    ),
    ((2, 42, 98), (0.066297, 1.084895), (-0.04239, 0.0907, 0.04646, 0.03858), (0.6272, 0.52754, 0.38617, 0.19219)),
]
ROUNDING = 1e-5

Config = Callable[..., VGGTEncoderConfig]


def set_golden_weights(module: nn.Module) -> None:
    """Weights that follow from their names alone, as in the reference run."""
    for name, parameter in module.named_parameters():
        index = torch.arange(parameter.numel(), dtype=torch.float64)
        values = 0.2 * torch.sin(0.7 * index + zlib.crc32(name.encode()) % 1000)
        if "norm" in name and name.endswith("weight"):
            values = values + 1
        parameter.data = values.float().view_as(parameter)


def golden_pixels(views: int, height: int, width: int) -> torch.Tensor:
    index = torch.arange(views * 3 * height * width, dtype=torch.float64)
    return (0.5 + 0.5 * torch.sin(0.013 * index + 1)).float().view(views, 3, height, width)


@pytest.fixture(scope="module")
def encoder(tiny_vggt: Config) -> VGGTEncoderModel:
    model = VGGTEncoderModel(tiny_vggt()).eval().requires_grad_(False)
    set_golden_weights(model)
    return model


@pytest.mark.parametrize(("size", "moments", "camera", "patch"), GOLDEN)
def test_equals_the_reference(
    encoder: VGGTEncoderModel,
    size: tuple[int, int, int],
    moments: tuple[float, float],
    camera: tuple[float, ...],
    patch: tuple[float, ...],
) -> None:
    out = encoder(golden_pixels(*size))
    last = out.last_hidden_state
    assert last.shape == (size[0], 5 + size[1] * size[2] // 196, 64)
    torch.testing.assert_close(torch.stack([last.mean(), last.std()]), torch.tensor(moments), atol=ROUNDING, rtol=0)
    torch.testing.assert_close(out.camera_tokens[-1, 0, [0, 1, 33, 63]], torch.tensor(camera), atol=ROUNDING, rtol=0)
    torch.testing.assert_close(out.patch_tokens[0, -1, [0, 17, 40, 63]], torch.tensor(patch), atol=ROUNDING, rtol=0)


@pytest.mark.parametrize("grid", [(5, 5), (3, 7), (6, 4)])
def test_the_trunk_equals_dinov2(tiny_vggt: Config, grid: tuple[int, int]) -> None:
    config = tiny_vggt(num_patch_layers=3)
    trunk = VGGTEncoderModel(config).patch_embed.eval()
    set_golden_weights(trunk)
    theirs = Dinov2WithRegistersModel(
        Dinov2WithRegistersConfig(
            hidden_size=32,
            num_hidden_layers=3,
            num_attention_heads=4,
            image_size=70,
            patch_size=14,
            num_register_tokens=4,
            layer_norm_eps=1e-6,
        )
    ).eval()
    theirs.load_state_dict(as_dinov2(trunk.state_dict()))
    pixels = golden_pixels(2, 14 * grid[0], 14 * grid[1])
    with torch.no_grad():
        ours = trunk([pixels], [5 + grid[0] * grid[1]] * 2).view(2, -1, 32)
        expected = theirs(pixels).last_hidden_state[:, 5:]
    torch.testing.assert_close(ours, expected, atol=ROUNDING, rtol=0)


def as_dinov2(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename the trunk's parameters as transformers' DINOv2 calls them, and split queries, keys and values."""
    renamed = {
        "embeddings.cls_token": state["cls_token"],
        "embeddings.position_embeddings": state["pos_embed"],
        "embeddings.register_tokens": state["register_tokens"],
        "embeddings.mask_token": torch.zeros(1, 32),
        "embeddings.patch_embeddings.projection.weight": state["patch_embed.proj.weight"],
        "embeddings.patch_embeddings.projection.bias": state["patch_embed.proj.bias"],
        "layernorm.weight": state["norm.weight"],
        "layernorm.bias": state["norm.bias"],
    }
    for name, value in state.items():
        if not name.startswith("blocks."):
            continue
        _, number, rest = name.split(".", 2)
        prefix = f"encoder.layer.{number}"
        if rest.startswith("attn.qkv"):
            for part, piece in zip("qkv", value.chunk(3), strict=True):
                renamed[f"{prefix}.attention.{part}_proj.{rest.rpartition('.')[2]}"] = piece
        else:
            rest = rest.replace("attn.proj", "attention.o_proj").replace("gamma", "lambda1")
            rest = rest.replace("ls1", "layer_scale1").replace("ls2", "layer_scale2")
            renamed[f"{prefix}.{rest}"] = value
    return renamed


def test_samples_do_not_see_each_other(encoder: VGGTEncoderModel) -> None:
    pixels = golden_pixels(10, 70, 70)
    together = encoder(pixels, num_views=torch.tensor([2, 5, 3])).last_hidden_state
    alone = [encoder(part).last_hidden_state for part in pixels.split([2, 5, 3])]
    torch.testing.assert_close(together, torch.cat(alone), atol=ROUNDING, rtol=0)
    mixed = encoder(pixels).last_hidden_state
    assert (mixed - together).abs().max() > 0.1


def test_another_sample_changes_no_bit(encoder: VGGTEncoderModel) -> None:
    pixels = golden_pixels(5, 42, 56)
    before = encoder(pixels, num_views=[2, 3]).last_hidden_state[:2]
    pixels[2:] = pixels[2:].flip(-1)
    assert torch.equal(before, encoder(pixels, num_views=[2, 3]).last_hidden_state[:2])


def test_views_of_different_sizes_share_a_batch(encoder: VGGTEncoderModel) -> None:
    wide, tall = golden_pixels(2, 42, 98), golden_pixels(1, 70, 28)
    stack = torch.full((3, 3, 70, 98), 7.0)
    stack[:2, :, :42], stack[2:, ..., :28] = wide, tall
    out = encoder(stack, num_views=[2, 1], image_sizes=torch.tensor([[42, 98], [42, 98], [70, 28]]))
    assert out.patch_mask.sum(-1).tolist() == [21, 21, 10]
    torch.testing.assert_close(out.last_hidden_state[:2], encoder(wide).last_hidden_state, atol=ROUNDING, rtol=0)
    torch.testing.assert_close(out.last_hidden_state[2:, :15], encoder(tall).last_hidden_state, atol=ROUNDING, rtol=0)
    assert not out.last_hidden_state[2:, 15:].any()


def test_views_of_one_sample_may_differ_in_size(encoder: VGGTEncoderModel) -> None:
    pixels = golden_pixels(2, 70, 70)
    mixed = encoder(pixels, image_sizes=[[70, 70], [42, 56]])
    assert (mixed.last_hidden_state[0] - encoder(pixels).last_hidden_state[0]).abs().max() > 1e-3
    assert mixed.patch_mask.sum(-1).tolist() == [25, 12]


def test_the_first_view_is_the_reference(encoder: VGGTEncoderModel) -> None:
    pixels = golden_pixels(2, 42, 42)
    swapped = encoder(pixels.flip(0)).last_hidden_state.flip(0)
    assert (encoder(pixels).last_hidden_state - swapped).abs().max() > 1e-3


@pytest.mark.parametrize("chosen", [True, [0, -1], (1,)])
def test_chosen_layers(encoder: VGGTEncoderModel, chosen: bool | list[int]) -> None:
    pixels = golden_pixels(2, 42, 42)
    everything = encoder(pixels, output_hidden_states=True)
    assert len(everything.hidden_states) == 3
    assert torch.equal(everything.hidden_states[-1], everything.last_hidden_state)
    out = encoder(pixels, output_hidden_states=chosen)
    wanted = range(3) if chosen is True else [layer % 3 for layer in chosen]
    for layer in range(3):
        if layer in wanted:
            assert torch.equal(out.hidden_states[layer], everything.hidden_states[layer])
        else:
            assert out.hidden_states[layer] is None


def test_eager_attention_equals_sdpa(encoder: VGGTEncoderModel, tiny_vggt: Config) -> None:
    eager = VGGTEncoderModel._from_config(tiny_vggt(), attn_implementation="eager").eval().requires_grad_(False)
    eager.load_state_dict(encoder.state_dict())
    pixels = golden_pixels(3, 42, 98)
    torch.testing.assert_close(
        eager(pixels, num_views=[1, 2]).last_hidden_state,
        encoder(pixels, num_views=[1, 2]).last_hidden_state,
        atol=3e-5,
        rtol=0,
    )


def test_bfloat16_stays_close(encoder: VGGTEncoderModel, tiny_vggt: Config) -> None:
    half = VGGTEncoderModel(tiny_vggt()).eval().requires_grad_(False)
    half.load_state_dict(encoder.state_dict())
    half.to(torch.bfloat16)
    pixels = golden_pixels(3, 70, 70)
    exact, rough = encoder(pixels).last_hidden_state, half(pixels).last_hidden_state
    assert rough.dtype == torch.bfloat16
    assert (exact - rough).norm() / exact.norm() < 0.03


def test_the_published_checkpoint_loads_as_it_is(encoder: VGGTEncoderModel, tiny_vggt: Config, tmp_path: Path) -> None:
    state = {f"aggregator.{name}": value.clone() for name, value in encoder.state_dict().items()}
    state["aggregator.patch_embed.mask_token"] = torch.zeros(1, 32)
    state |= {f"{head}_head.norm.weight": torch.zeros(3) for head in ("camera", "depth", "point", "track")}
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "config.json").write_text('{"img_size": 518, "patch_size": 14, "embed_dim": 1024}')
    loaded, report = VGGTEncoderModel.from_pretrained(tmp_path, config=tiny_vggt(), output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    pixels = golden_pixels(2, 70, 70)
    assert torch.equal(loaded.eval()(pixels).last_hidden_state, encoder(pixels).last_hidden_state)


def test_the_full_size_is_that_of_the_published_aggregator() -> None:
    with torch.device("meta"):
        model = VGGTEncoderModel(VGGTEncoderConfig())
    parameters = list(model.parameters())
    assert len(parameters) == 1209  # the checkpoint's 1210 but for the mask token, which nothing uses
    assert math.isclose(sum(p.numel() for p in parameters) / 1e6, 909.1, abs_tol=0.05)


@pytest.mark.parametrize(
    ("size", "arguments", "message"),
    [
        ((3, 70, 70), {"num_views": [1, 1]}, r"3 views.*\[1, 1\], which add up to 2"),
        ((1, 70, 60), {}, r"multiples of 14.*got 70 x 60"),
        ((2, 70, 70), {"image_sizes": [[70, 70]]}, r"each of the 2 views, got 1"),
        ((1, 70, 70), {"image_sizes": [[84, 70]]}, r"at most those of pixel_values, 70 x 70; got 84 x 70"),
    ],
)
def test_errors_name_both_numbers(
    encoder: VGGTEncoderModel, size: tuple[int, int, int], arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        encoder(golden_pixels(*size), **arguments)


def test_gradients_reach_every_weight_also_with_checkpointing(tiny_vggt: Config) -> None:
    gradients = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        model = VGGTEncoderModel(tiny_vggt()).train()
        if checkpointing:
            model.activation_checkpointing_enable()
        model(golden_pixels(2, 42, 42)).last_hidden_state.square().sum().backward()
        gradients.append({name: p.grad for name, p in model.named_parameters()})
    assert all(gradient is not None for gradient in gradients[0].values())
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient)


def test_compiles_as_one_graph(encoder: VGGTEncoderModel) -> None:
    pixels = golden_pixels(3, 42, 42)
    compiled = torch.compile(encoder, fullgraph=True, backend="eager")
    expected = encoder(pixels, num_views=[1, 2]).last_hidden_state
    assert torch.equal(compiled(pixels, num_views=[1, 2]).last_hidden_state, expected)
