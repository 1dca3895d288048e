"""Builds TensorRT engines from the ONNX models, on the GPU that runs them."""
