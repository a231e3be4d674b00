"""Overlap of the frames' visible point sets (Eq. 6), from bit masks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from .raster_kernels import compiled

_BLOCK_WORDS = 32
"""Words of 64 bits that are skipped together where one of two frames sees none of their points."""


def pack_visible(is_visible: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Pack flags of shape (..., points) into words of 64 bits, filled up with zeros to whole blocks."""
    block_bits = 64 * _BLOCK_WORDS
    num_blocks = max(-(-is_visible.shape[-1] // block_bits), 1)
    packed = np.zeros((*is_visible.shape[:-1], num_blocks * block_bits // 8), np.uint8)
    bits = np.packbits(is_visible, axis=-1)
    packed[..., : bits.shape[-1]] = bits
    return packed.view(np.uint64)


def overlaps(masks: NDArray[np.uint64]) -> NDArray[np.float32]:
    """Intersection over union of every pair of point sets (Eq. 6).

    Args:
        masks: shape (frames, words), from `pack_visible`, no set empty.

    Returns:
        Shape (frames, frames), symmetric, 1 on the diagonal.
    """
    shared = _count_shared(masks, _BLOCK_WORDS)
    sizes = np.diag(shared)
    return (shared / (sizes[:, None] + sizes[None, :] - shared)).astype(np.float32)


@intrinsic
def _num_bits(typing_context: Any, word: Any) -> Any:
    """Number of ones in a word: one machine instruction."""
    return types.uint64(types.uint64), lambda context, builder, signature, args: builder.ctpop(args[0])


@compiled
def _count_shared(masks: NDArray[np.uint64], block_words: int) -> NDArray[np.int64]:
    """Sizes of all pairwise intersections, shape (frames, frames)."""
    num_frames, num_words = masks.shape
    num_blocks = num_words // block_words
    used_blocks = np.empty((num_frames, num_blocks), np.int64)
    num_used = np.zeros(num_frames, np.int64)
    is_used = np.zeros((num_frames, num_blocks), np.bool_)
    for frame in range(num_frames):
        for block in range(num_blocks):
            if masks[frame, block * block_words : (block + 1) * block_words].any():
                used_blocks[frame, num_used[frame]] = block
                num_used[frame] += 1
                is_used[frame, block] = True
    shared = np.zeros((num_frames, num_frames), np.int64)
    for a in range(num_frames):
        for b in range(a, num_frames):
            count = np.uint64(0)
            for block in used_blocks[a, : num_used[a]]:
                if is_used[b, block]:
                    first = block * block_words
                    words_a = masks[a, first : first + block_words]
                    words_b = masks[b, first : first + block_words]
                    for k in range(block_words):
                        count += _num_bits(words_a[k] & words_b[k])  # type: ignore[call-arg]
            shared[a, b] = shared[b, a] = count
    return shared
