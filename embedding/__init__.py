"""A media file becomes a vector: decode, backbones, network."""
