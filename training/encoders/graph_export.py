"""Conditions under which torch writes modules of open_clip as ONNX graphs."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterable, Iterator
from typing import Final

import torch
from torch import Tensor

OPSET: Final = 17

_MAX_ONNX_BYTES: Final = 2**31 - 2**26  # size limit of an ONNX file, with room for the graph itself


def describe_excess(weights: Iterable[Tensor], name: str) -> str | None:
    """Return a clause that says that weights are too large for an ONNX file; None if they are not."""
    size = sum(weight.numel() for weight in weights) * 4
    return f"its {name} has {size / 1e9:.1f} GB; an ONNX file holds 2 GB" if size > _MAX_ONNX_BYTES else None


@contextlib.contextmanager
def enable_export() -> Iterator[None]:
    """Restrict attention to operators that ONNX has, and silence the tracer's warnings."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with silence_logs():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


@contextlib.contextmanager
def silence_logs() -> Iterator[None]:
    """Silence logs and warnings of open_clip and torch; errors are raised as exceptions."""
    disabled = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
