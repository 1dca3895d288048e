#!/bin/sh
# Builds the TensorRT plans of the three voters for the GPU of this machine, and a model repository
# with them in /models. Plans, their records and the timing cache stay in /work for the next time.
set -eu
mkdir -p build/convert
cp -R /opt/onnx/. build/convert/
python3 -m convert tensorrt --all
exec python3 -m convert repository --flavour gpu --out /models
