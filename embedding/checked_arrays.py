"""Arrays of a shipped `.npz` file whose bytes are checked before they are used."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import ArtefactError


def read_checked_arrays(path: Path, sha256: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of a `.npz` file by their names.

    Args:
        path: The file.
        sha256: Its expected SHA-256, 64 hexadecimal digits.

    Raises:
        ArtefactError: The file is missing or its checksum differs.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtefactError(f"{path}: it is missing; install Attune again") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ArtefactError(f"{path}: it is damaged (checksum differs); install Attune again")
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
