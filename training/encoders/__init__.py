"""Encoders that people bring: each becomes a backbone, an ONNX graph that libraries read by without torch."""
