"""Decoding of media files, feature extraction by backbones, and embedding by the network."""
