"""A small model of open_clip with random weights, as files: a config and checkpoints of both kinds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CONFIG: dict[str, Any] = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


def write_model(folder: Path, vocab_size: int = CONFIG["text_cfg"]["vocab_size"]) -> str:
    """Write `tiny.json`, `tiny.safetensors` and `tiny.pt`; return what --image-backbone takes.

    Args:
        folder: Folder of the files.
        vocab_size: Number of tokens that the model knows; its tokenizer has 49,408.
    """
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config = CONFIG | {"text_cfg": CONFIG["text_cfg"] | {"vocab_size": vocab_size}}
    (folder / "tiny.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    weights = open_clip.CLIP(**config).state_dict()
    save_file(weights, folder / "tiny.safetensors")
    torch.save({"state_dict": weights}, folder / "tiny.pt")
    return f"open_clip:{folder / 'tiny.json'},{folder / 'tiny.safetensors'}"
