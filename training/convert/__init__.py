"""How the two backbones became ONNX files: run once by hand, kept so that anyone can repeat and check it."""
