"""Import of other encoders: each becomes a backbone, an ONNX graph that runs without torch."""
