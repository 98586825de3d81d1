"""Registry of the systems: those that are compared, and those that `attune train` can ship."""

from __future__ import annotations

from attune.core.errors import UsageError
from attune.training.systems.acp_net import ACP_NET_ON_ATTUNE_FEATURES, AcpNet
from attune.training.systems.attune.system import ATTUNE_ACCURATE, Attune
from attune.training.systems.base import EmbeddingSystem, System
from attune.training.systems.chance import Chance
from attune.training.systems.l3_net import L3Net
from attune.training.systems.posterior_product import PosteriorProduct
from attune.training.systems.spectrogram_acp import SpectrogramAcp

SYSTEMS: dict[str, System] = {
    "chance": Chance(),
    "l3-net": L3Net(),
    "spectrogram-acp": SpectrogramAcp(),
    "acp-net": AcpNet(),
    "acp-net-attune-features": ACP_NET_ON_ATTUNE_FEATURES,
    "posterior-product": PosteriorProduct(),
    "attune": Attune(),
    "accurate": ATTUNE_ACCURATE,
}
"""The systems by the name that `attune train --system` takes, in the order of the tables."""


def find_system(name: str) -> System:
    """Return a system by its name.

    Raises:
        UsageError: There is no such system.
    """
    if name not in SYSTEMS:
        raise UsageError(f"--system {name}: there is no such system; there are {', '.join(SYSTEMS)}")
    return SYSTEMS[name]


def find_embedding_system(name: str) -> EmbeddingSystem:
    """Return a system that can be shipped as a network.

    Raises:
        UsageError: There is no system of that name, or it cannot embed.
    """
    system = SYSTEMS.get(name)
    if isinstance(system, EmbeddingSystem):
        return system
    reason = "there is no such system" if system is None else "only scores pairs, so it gives no network"
    able = ", ".join(name for name, system in SYSTEMS.items() if isinstance(system, EmbeddingSystem))
    raise UsageError(f"--system {name}: {reason}; systems that can embed: {able}")
