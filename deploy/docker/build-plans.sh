#!/bin/sh
# Builds the TensorRT plans of the three voters for the GPU of this machine out of the ONNX files in
# /onnx, and a model repository with them in /models. Plans, their records and the timing cache stay
# in /work: a plan that fits this GPU, this TensorRT and the master is kept the next time.
set -eu
masters=/opt/allclient/training/masters
python3 -m convert tensorrt --all --masters "$masters" --from /onnx --into /work
exec python3 -m convert repository --flavour gpu --artifacts /work --masters "$masters" --out /models
