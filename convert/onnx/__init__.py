"""Makes ONNX models in FP32, FP16 and INT8."""
