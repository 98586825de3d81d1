"""Choice of the device that backbones run on, from the option, the settings and the hardware."""

from __future__ import annotations

from typing import Literal

from attune.core.settings import Settings
from attune.embedding.onnx_session import choose_device


def resolve_device(
    settings: Settings, option: Literal["auto", "cpu", "cuda"] | None
) -> tuple[Settings, str | None]:
    """Replace `auto` by a device that works here.

    Args:
        settings: As loaded; the option is already part of them.
        option: The value of `--device`; None: the option was not given.

    Returns:
        The settings with `cpu` or `cuda`, and the reason for that device in words: None where nobody asked
        and it is the CPU, since then there is nothing to tell.

    Raises:
        DeviceUnavailable: `cuda` was asked for and cannot be used; the message says what to install.
    """
    device, reason = choose_device(settings.device)
    asked = option is not None or settings.device != "auto"
    return settings.model_copy(update={"device": device}), reason if asked or device == "cuda" else None
