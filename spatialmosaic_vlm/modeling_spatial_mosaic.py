"""SpatialMosaicVLM: a language model whose view tokens carry the geometry of all views of a sample (paper, Sec. 4).

    pixel_values ------------> vision_tower -----+
                                                 +--> fusion --> multi_modal_projector --> pooling --> language_model
    geometry_pixel_values ---> geometry_encoder -+

The views of all samples lie next to each other; `num_views` says how many belong to each. Modules are named as in
LLaVA-OneVision, so that its checkpoints fit by renaming keys; `geometry_encoder` and `fusion` are added.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import AutoModel, GenerationMixin
from transformers import initialization as init
from transformers.cache_utils import Cache
from transformers.modeling_outputs import BaseModelOutputWithPast, BaseModelOutputWithPooling, ModelOutput
from transformers.modeling_utils import PreTrainedModel, slice_logits_to_keep
from transformers.utils import torch_compilable_check
from transformers.utils.generic import can_return_tuple

from .branches import branch_mask
from .configuration_spatial_mosaic import SpatialMosaicConfig
from .fusion import SpatialMosaicFusion, SpatialMosaicProjector, end_rows, pool_views
from .geometry_encoders import build_geometry_encoder, geometry_row
from .placeholders import MISMATCH, check_packing, refuse_placeholders, views_by_row
from .segments import grouped, view_counts


@dataclass
class SpatialMosaicModelOutputWithPast(BaseModelOutputWithPast):
    """What `SpatialMosaicModel` returns: the language model's output, and the view tokens that went in.

    Args:
        image_hidden_states: Shape (view tokens of all samples, text width); None without views.
    """

    image_hidden_states: torch.Tensor | None = None


@dataclass
class SpatialMosaicCausalLMOutputWithPast(ModelOutput):
    """What `SpatialMosaicForConditionalGeneration` returns.

    Args:
        loss: Next-token loss, where labels were given.
        logits: Shape (batch, tokens, vocabulary).
        past_key_values: The cache.
        hidden_states: Of the language model, where asked for.
        attentions: Of the language model, where asked for.
        image_hidden_states: Shape (view tokens of all samples, text width); None without views.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    past_key_values: Cache | None = None
    hidden_states: tuple[torch.Tensor, ...] | None = None
    attentions: tuple[torch.Tensor, ...] | None = None
    image_hidden_states: torch.Tensor | None = None


class SpatialMosaicPreTrainedModel(PreTrainedModel):
    """Loading, saving and initialising of SpatialMosaic models."""

    config: SpatialMosaicConfig
    config_class = SpatialMosaicConfig
    base_model_prefix = "model"
    input_modalities = ("image", "text")
    supports_gradient_checkpointing = True
    _skip_keys_device_placement = ["past_key_values"]
    _no_split_modules = ["SpatialMosaicFusion"]
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, SpatialMosaicModel) and module.image_newline is not None:
            init.normal_(module.image_newline, std=1 / math.sqrt(self.config.text_config.hidden_size))
        if isinstance(module, SpatialMosaicFusion) and module.gate is not None:
            init.zeros_(module.gate)


class SpatialMosaicModel(SpatialMosaicPreTrainedModel):
    """The model without a language modelling head."""

    _keys_to_ignore_on_load_unexpected = [r"^lm_head\."]

    def __init__(self, config: SpatialMosaicConfig):
        super().__init__(config)
        self.vision_tower = AutoModel.from_config(config.vision_config)
        self.geometry_encoder: Any = None
        self.fusion: Any = None
        if config.geometry_config is not None:
            self.geometry_encoder = build_geometry_encoder(config.geometry_config)
            self.fusion = SpatialMosaicFusion(config)
        self.multi_modal_projector = SpatialMosaicProjector(config)
        has_newline = config.newline_position == "grid"
        self.image_newline = nn.Parameter(torch.zeros(config.text_config.hidden_size)) if has_newline else None
        self.language_model = AutoModel.from_config(config.text_config)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """Return the token embeddings of the language model."""
        return self.language_model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the token embeddings of the language model."""
        self.language_model.set_input_embeddings(value)

    def train(self, mode: bool = True) -> "SpatialMosaicModel":
        """Set the training mode; encoders all of whose parameters are frozen stay in evaluation mode."""
        super().train(mode)
        for encoder in (self.vision_tower, self.geometry_encoder):
            if encoder is not None and _is_frozen(encoder):
                encoder.eval()
        return self

    @can_return_tuple
    def get_image_features(
        self,
        pixel_values: torch.Tensor,
        geometry_pixel_values: torch.Tensor | None = None,
        geometry_image_sizes: torch.Tensor | None = None,
        num_views: torch.Tensor | Sequence[int] | None = None,
        geometry_features: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPooling:
        """Turn views into tokens of the language model.

        Args:
            pixel_values: Shape (views of all samples, channels, height, width), as the vision tower wants them.
            geometry_pixel_values: Shape (views of all samples, channels, height, width), RGB in [0, 1].
            geometry_image_sizes: Height and width in pixels of each view inside `geometry_pixel_values`, for views of
                different sizes; None where each fills its picture.
            num_views: Views of each sample. None is accepted for a single view, and without geometry.
            geometry_features: Shape (views of all samples, tokens, geometry width): geometry tokens computed before,
                instead of `geometry_pixel_values`.
            **kwargs: For the vision tower, such as `output_attentions`.

        Returns:
            `pooler_output`: the view tokens, (views, tokens_per_view, text width). `last_hidden_state`: the fused
            tokens before projection, (views, tokens, vision width). `hidden_states`, `attentions`: the vision
            tower's, where asked for.

        Raises:
            ValueError: Views of the wrong size, views that do not add up, or missing geometry.
        """
        views = self._view_counts(num_views, len(pixel_values))
        visual, outputs = self._encode_views(pixel_values, **kwargs)
        dtype = next((self.fusion or self.multi_modal_projector).parameters()).dtype
        visual = visual.to(dtype)
        if self.fusion is not None:
            geometry, lengths = self._encode_geometry(
                geometry_pixel_values, geometry_image_sizes, geometry_features, views
            )
            visual = self._fuse(visual, geometry.to(dtype), lengths, views)
        stride = self.config.spatial_pool_stride
        if self.config.pool_before_projection:
            tokens = self.multi_modal_projector(pool_views(visual, stride))
        else:
            tokens = pool_views(self.multi_modal_projector(visual), stride)
        if self.image_newline is not None:
            tokens = end_rows(tokens, self.image_newline)
        return BaseModelOutputWithPooling(
            last_hidden_state=visual,
            pooler_output=tokens,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )

    def _view_counts(self, num_views: torch.Tensor | Sequence[int] | None, total: int) -> list[int]:
        """Views of the samples that have any."""
        if num_views is None:
            if self.fusion is not None and total > 1:
                raise ValueError(
                    f"Expected num_views, the views of each sample, beside {total} views: "
                    "geometry must not mix samples. The processor returns it."
                )
            return [total]
        return [count for count in view_counts(num_views, total) if count]

    def _encode_views(self, pixel_values: torch.Tensor, **kwargs: Any) -> tuple[torch.Tensor, ModelOutput]:
        """Tokens of each view alone, (views, tokens, vision width), and all that the vision tower returned."""
        side, layer = self.config.vision_config.image_size, self.config.vision_feature_layer
        if pixel_values.shape[-2:] != (side, side):
            height, width = pixel_values.shape[-2:]
            raise ValueError(
                f"Expected pixel_values of {side} x {side}, as the vision tower was built for; got {height} x {width}."
            )
        everything = kwargs.pop("output_hidden_states", None) or self.config.vision_config.output_hidden_states
        with torch.set_grad_enabled(torch.is_grad_enabled() and not _is_frozen(self.vision_tower)):
            outputs = self.vision_tower(
                pixel_values.to(self.vision_tower.dtype),
                output_hidden_states=everything or [layer],
                return_dict=True,
                **kwargs,
            )
        tokens = outputs.hidden_states[layer]
        if self.config.vision_feature_select_strategy == "default":
            tokens = tokens[:, 1:]
        if math.isqrt(tokens.shape[1]) ** 2 != tokens.shape[1]:
            raise ValueError(
                f"Expected view tokens that form a square, got {tokens.shape[1]}. Where the vision tower adds a class "
                'token, set vision_feature_select_strategy="default".'
            )
        outputs.hidden_states = outputs.hidden_states if everything else None
        return tokens, outputs

    def _encode_geometry(
        self,
        pixel_values: torch.Tensor | None,
        image_sizes: torch.Tensor | None,
        features: torch.Tensor | None,
        views: list[int],
    ) -> tuple[torch.Tensor, list[int]]:
        """Geometry tokens of all views in a row, (tokens, geometry width), and how many each view has."""
        given = features if features is not None else pixel_values
        if given is None or len(given) != sum(views):
            name = "geometry_features" if features is not None else "geometry_pixel_values"
            count = "none" if given is None else str(len(given))
            raise ValueError(f"Expected {name} for each of the {sum(views)} views of pixel_values, got {count}.")
        if features is not None:
            return features.flatten(0, 1), [features.shape[1]] * len(features)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not _is_frozen(self.geometry_encoder)):
            outputs = self.geometry_encoder(pixel_values, num_views=views, image_sizes=image_sizes, return_dict=True)
        return geometry_row(outputs, self.config.geometry_features)

    def _fuse(
        self, visual: torch.Tensor, geometry: torch.Tensor, num_geometry: list[int], views: list[int]
    ) -> torch.Tensor:
        """Fuse within views or within samples; keeps the shape of `visual`, (views, tokens, vision width)."""
        num_visual = [visual.shape[1]] * len(visual)
        if self.config.fusion_scope == "sample":
            num_visual = [count * visual.shape[1] for count in views]
            num_geometry = [sum(part) for part in grouped(num_geometry, views)]
        fused = self.fusion(visual.flatten(0, 1), geometry, num_visual, num_geometry)
        return fused.view_as(visual)

    def get_placeholder_mask(
        self,
        input_ids: torch.Tensor | None,
        inputs_embeds: torch.Tensor,
        image_features: torch.Tensor,
    ) -> torch.Tensor:
        """Find the placeholders that view tokens replace.

        Args:
            input_ids: Shape (batch, tokens); None where only embeddings were given.
            inputs_embeds: Shape (batch, tokens, text width).
            image_features: Shape (view tokens of all samples, text width).

        Returns:
            Shape (batch, tokens, 1).

        Raises:
            ValueError: There are more or fewer placeholders than view tokens.
        """
        if input_ids is None:
            token = torch.tensor(self.config.image_token_id, device=inputs_embeds.device)
            mask = (inputs_embeds == self.get_input_embeddings()(token)).all(-1)
        else:
            mask = input_ids == self.config.image_token_id
        torch_compilable_check(
            mask.sum() == len(image_features),
            f"{MISMATCH}: tokens: {mask.sum()}, features: {len(image_features)}. "
            f"Each view takes {self.config.tokens_per_view} placeholder tokens.",
        )
        return mask[..., None]

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        pixel_values: torch.Tensor | None = None,
        geometry_pixel_values: torch.Tensor | None = None,
        geometry_image_sizes: torch.Tensor | None = None,
        num_views: torch.Tensor | Sequence[int] | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        use_cache: bool | None = None,
        geometry_features: torch.Tensor | None = None,
        mm_encoder_outputs: dict[str, BaseModelOutputWithPooling] | None = None,
        branch_ids: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> SpatialMosaicModelOutputWithPast:
        """Run the language model on text whose placeholders are replaced by view tokens.

        The views come as in `get_image_features`; where `num_views` is None, the placeholders of each row of
        `input_ids` (batch, tokens), `tokens_per_view` a view, are counted. `mm_encoder_outputs` holds, under `image`,
        what that method returned, instead of views. Several samples may share a row: their `position_ids` restart at
        0, and there is neither an `attention_mask` nor a cache. Several questions about the same views may share them:
        `branch_ids` (batch, tokens) is 0 in what they share and the number of the question behind it (`branches.py`).
        The rest is what any language model takes.

        Raises:
            ValueError: Inputs that do not fit together.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("Expected exactly one of input_ids and inputs_embeds.")
        keeps_cache = getattr(self.config.text_config, "use_cache", True) if use_cache is None else use_cache
        if branch_ids is None:
            check_packing(position_ids, attention_mask, keeps_cache, num_views is not None or pixel_values is None)
        inputs_embeds = self.get_input_embeddings()(input_ids) if inputs_embeds is None else inputs_embeds
        image = (mm_encoder_outputs or {}).get("image")
        if image is None and pixel_values is not None:
            views = self.views_by_row(input_ids, num_views, may_share_rows=position_ids is not None)
            image = self.get_image_features(
                pixel_values, geometry_pixel_values, geometry_image_sizes, views, geometry_features
            )
        elif image is None and input_ids is not None and num_views is not None:
            refuse_placeholders(input_ids, self.config.image_token_id)
        view_tokens = None
        if image is not None:
            inputs_embeds, view_tokens = self._with_views(input_ids, inputs_embeds, image.pooler_output)
        if branch_ids is not None:
            attention_mask = branch_mask(self.language_model.config, inputs_embeds, attention_mask, branch_ids)
        outputs = self.language_model(
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            use_cache=use_cache,
            **kwargs,
        )
        return SpatialMosaicModelOutputWithPast(**outputs, image_hidden_states=view_tokens)

    def views_by_row(
        self,
        input_ids: torch.Tensor | None,
        num_views: torch.Tensor | Sequence[int] | None,
        may_share_rows: bool = False,
    ) -> torch.Tensor | Sequence[int] | None:
        """Count the views of each sample, or check the given counts; see `placeholders.views_by_row`."""
        if input_ids is None:
            return num_views
        config = self.config
        return views_by_row(input_ids, num_views, config.image_token_id, config.tokens_per_view, may_share_rows)

    def _with_views(
        self,
        input_ids: torch.Tensor | None,
        inputs_embeds: torch.Tensor,
        views: torch.Tensor | list[torch.Tensor],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Put the tokens of views, (view tokens, text width) each, in place of the placeholders."""
        tokens = torch.cat(list(views)).to(inputs_embeds.device, inputs_embeds.dtype)
        mask = self.get_placeholder_mask(input_ids, inputs_embeds, tokens)
        return inputs_embeds.masked_scatter(mask, tokens), tokens


class SpatialMosaicForConditionalGeneration(SpatialMosaicPreTrainedModel, GenerationMixin):
    """The model with a language modelling head: answers questions about views."""

    _tied_weights_keys = {"lm_head.weight": "model.language_model.embed_tokens.weight"}
    _tp_plan = {"lm_head": "colwise_gather_output"}

    def __init__(self, config: SpatialMosaicConfig):
        super().__init__(config)
        self.model = SpatialMosaicModel(config)
        self.lm_head = nn.Linear(config.text_config.hidden_size, config.text_config.vocab_size, bias=False)
        self.post_init()

    def get_output_embeddings(self) -> nn.Module:
        """Return the language modelling head."""
        return self.lm_head

    def get_image_features(self, *args: Any, **kwargs: Any) -> BaseModelOutputWithPooling:
        """Turn views into tokens of the language model; see `SpatialMosaicModel.get_image_features`."""
        return self.model.get_image_features(*args, **kwargs)

    def generate(self, inputs: torch.Tensor | None = None, *args: Any, **kwargs: Any) -> Any:
        """Answer; see `GenerationMixin.generate`.

        Raises:
            ValueError: Inputs that do not fit together, as in `forward`.
        """
        # Views are encoded before forward sees the prompt: only here can they be held against its placeholders.
        prompt = kwargs.get("input_ids", inputs)
        is_whole = all(kwargs.get(name) is None for name in ("inputs_embeds", "mm_encoder_outputs", "past_key_values"))
        if prompt is not None and is_whole:
            if kwargs.get("pixel_values") is None:
                refuse_placeholders(prompt, self.config.image_token_id)
            else:
                kwargs["num_views"] = self.model.views_by_row(prompt, kwargs.get("num_views"))
        return super().generate(inputs, *args, **kwargs)

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        pixel_values: torch.Tensor | None = None,
        geometry_pixel_values: torch.Tensor | None = None,
        geometry_image_sizes: torch.Tensor | None = None,
        num_views: torch.Tensor | Sequence[int] | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        geometry_features: torch.Tensor | None = None,
        mm_encoder_outputs: dict[str, BaseModelOutputWithPooling] | None = None,
        **kwargs: Any,
    ) -> SpatialMosaicCausalLMOutputWithPast:
        """Compute next-token scores, and the loss where `labels` (batch, tokens; -100: nothing asked) are given.

        `logits_to_keep` says how many scores from the end, or which, are computed; 0 means all. The other arguments
        are those of `SpatialMosaicModel.forward`.
        """
        outputs = self.model(
            input_ids=input_ids,
            pixel_values=pixel_values,
            geometry_pixel_values=geometry_pixel_values,
            geometry_image_sizes=geometry_image_sizes,
            num_views=num_views,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            geometry_features=geometry_features,
            mm_encoder_outputs=mm_encoder_outputs,
            **kwargs,
        )
        logits = self.lm_head(slice_logits_to_keep(outputs.last_hidden_state, logits_to_keep))
        loss = None
        if labels is not None:
            vocab_size = self.config.text_config.vocab_size
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=vocab_size, **kwargs)
        return SpatialMosaicCausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
            image_hidden_states=outputs.image_hidden_states,
        )


def _is_frozen(module: nn.Module) -> bool:
    return not any(parameter.requires_grad for parameter in module.parameters())


__all__ = ["SpatialMosaicForConditionalGeneration", "SpatialMosaicModel", "SpatialMosaicPreTrainedModel"]
