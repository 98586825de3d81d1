"""Attune matches music and pictures by the emotion they share.

This module imports nothing: `import attune` is cheap, and each part loads what it needs when it is used.
"""


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version

        return version("attune-affect")
    raise AttributeError(f"module 'attune' has no attribute {name!r}")
