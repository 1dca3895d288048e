"""TensorRT engines, built from the ONNX models on the GPU that runs them."""
