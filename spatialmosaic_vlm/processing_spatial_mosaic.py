"""The processor: text and images in, everything that a SpatialMosaic model needs out.

Both encoders get their pixels from the original image, whatever it came as: the vision tower's through its own image
processor, the geometry encoder's by `geometry_pixels`.
"""

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from transformers.feature_extraction_utils import BatchFeature
from transformers.image_utils import to_numpy_array
from transformers.processing_utils import ProcessorMixin

from .chat_templates import chat_template as default_chat_template

Resize = Literal["stretch", "keep", "pad"]


def as_picture(image: Any) -> Image.Image:
    """Make one kind of all images.

    Args:
        image: A PIL image, or an array or tensor (height, width, channels) or (channels, height, width), of bytes or of
            floats up to 1.

    Returns:
        An RGB image.
    """
    if isinstance(image, Image.Image):
        return image.convert("RGB")
    array = to_numpy_array(image)
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[-1] not in (1, 3, 4):
        array = np.moveaxis(array, 0, -1)
    if np.issubdtype(array.dtype, np.floating) and array.max(initial=0) <= 1:
        array = (array * 255).round()
    array = array.astype(np.uint8)
    return Image.fromarray(array[..., 0] if array.ndim == 3 and array.shape[-1] == 1 else array).convert("RGB")


def geometry_pixels(picture: Image.Image, size: int, patch_size: int, resize: Resize) -> NDArray[np.float32]:
    """Bring an image to the size that the geometry encoder wants.

    Args:
        picture: An RGB image.
        size: Longer side of the result in pixels, a multiple of `patch_size`.
        patch_size: The shorter side is rounded to a multiple of it.
        resize: `stretch` to a square; `keep` the shape; `pad` the kept shape to a square with white.

    Returns:
        Shape (3, height, width), RGB in [0, 1].
    """
    width, height = (size, size) if resize == "stretch" else picture.size
    scale = size / max(width, height)
    width, height = (max(patch_size, round(side * scale / patch_size) * patch_size) for side in (width, height))
    pixels = np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32) / np.float32(255)
    if resize == "pad":
        top, left = (size - height) // 2, (size - width) // 2
        margins = ((top, size - height - top), (left, size - width - left), (0, 0))
        pixels = np.pad(pixels, margins, constant_values=1)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


class SpatialMosaicProcessor(ProcessorMixin):
    """Prepares prompts and views of one sample or of a batch.

    Beside `input_ids`, `attention_mask` and `pixel_values` it returns `num_views` (views of each sample),
    `geometry_pixel_values` and, with `geometry_resize="keep"`, `geometry_image_sizes`.

    Args:
        image_processor: Of the vision tower.
        tokenizer: Of the language model; it knows the placeholder as one token.
        tokens_per_view: Placeholder tokens of one view: `SpatialMosaicConfig.tokens_per_view`.
        geometry_size: Longer side in pixels of what the geometry encoder sees; None for a model without geometry.
        geometry_patch_size: Patch size of the geometry encoder.
        geometry_resize: `stretch` to a square, as the authors do; `keep` the shape, which costs less for the usual
            shapes and is what VGGT was trained on; `pad` to a square.
        chat_template: Jinja template; by default ChatML with frame labels (`chat_templates.py`).
        image_token: The placeholder, where the tokenizer does not name its own.
    """

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: Any = None,
        tokens_per_view: int = 210,
        geometry_size: int | None = 518,
        geometry_patch_size: int = 14,
        geometry_resize: Resize = "stretch",
        chat_template: str | None = None,
        image_token: str = "<image>",
        **kwargs: Any,
    ) -> None:
        if geometry_size is not None and geometry_size % geometry_patch_size:
            raise ValueError(
                f"Expected a geometry_size that is a multiple of {geometry_patch_size}, got {geometry_size}."
            )
        if geometry_resize not in get_args(Resize):
            raise ValueError(f"Expected geometry_resize to be one of {get_args(Resize)}, got {geometry_resize!r}.")
        self.tokens_per_view = tokens_per_view
        self.geometry_size = geometry_size
        self.geometry_patch_size = geometry_patch_size
        self.geometry_resize = geometry_resize
        self.image_token = getattr(tokenizer, "image_token", None) or image_token
        self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)
        if self.image_token_id is None or self.image_token_id == tokenizer.unk_token_id:
            raise ValueError(
                f"Expected a tokenizer that knows {self.image_token} as a token; add it with "
                f'tokenizer.add_tokens(["{self.image_token}"], special_tokens=True).'
            )
        super().__init__(image_processor, tokenizer, chat_template=chat_template or default_chat_template())

    def prepare_inputs_layout(self, images: Any = None, text: Any = None, **kwargs: Any) -> tuple[Any, ...]:
        """Sort the images by prompt; see `ProcessorMixin.prepare_inputs_layout`.

        Raises:
            ValueError: A prompt has more or fewer placeholders than images.
        """
        images, text, videos, audio = super().prepare_inputs_layout(images=images, text=text, **kwargs)
        if images is None:
            return images, text, videos, audio
        samples = _by_sample(images)
        if not any(samples):
            return None, text, videos, audio
        if text is not None:
            placeholders = [prompt.count(self.image_token) for prompt in text]
            if len(samples) != len(text) and sum(placeholders) == sum(map(len, samples)):
                flat = iter([image for sample in samples for image in sample])
                samples = [[next(flat) for _ in range(count)] for count in placeholders]
            if placeholders != [len(sample) for sample in samples]:
                raise ValueError(
                    f"Expected one image for each {self.image_token} of a prompt: the prompts have {placeholders}, "
                    f"but {[len(sample) for sample in samples]} images were given."
                )
        return samples, text, videos, audio

    def _process_images(self, images: list[list[Any]], **kwargs: Any) -> tuple[BatchFeature, list[str]]:
        views = [as_picture(image) for sample in images for image in sample]
        features = self.image_processor(views, **kwargs)
        features["num_views"] = np.array([len(sample) for sample in images])
        if self.geometry_size is not None:
            pixels = [
                geometry_pixels(view, self.geometry_size, self.geometry_patch_size, self.geometry_resize)
                for view in views
            ]
            features["geometry_pixel_values"], sizes = _stacked(pixels)
            if self.geometry_resize == "keep":
                features["geometry_image_sizes"] = sizes
        features.convert_to_tensors(kwargs.get("return_tensors"))
        return features, [self.image_token * self.tokens_per_view] * len(views)

    @property
    def model_input_names(self) -> list[str]:
        """Names of what a call returns."""
        geometry = ["geometry_pixel_values", "geometry_image_sizes"] if self.geometry_size is not None else []
        return [*super().model_input_names, "num_views", *geometry]


def _by_sample(images: Any) -> list[list[Any]]:
    """Images as one list a sample; a flat list is one sample."""
    if not isinstance(images, (list, tuple)):
        return [[images]]
    if any(isinstance(entry, (list, tuple)) for entry in images):
        return [list(entry) if isinstance(entry, (list, tuple)) else [entry] for entry in images]
    return [list(images)]


def _stacked(pixels: list[NDArray[np.float32]]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Views of different sizes in one array, each at the top left, and their heights and widths."""
    sizes = np.array([view.shape[1:] for view in pixels])
    stack = np.zeros((len(pixels), 3, *sizes.max(axis=0)), dtype=np.float32)
    for place, view in zip(stack, pixels, strict=True):
        place[:, : view.shape[1], : view.shape[2]] = view
    return stack, sizes


__all__ = ["SpatialMosaicProcessor", "as_picture", "geometry_pixels"]
