"""Conversion of the shipped backbones to ONNX; run once by hand, and kept so that it can be repeated."""
