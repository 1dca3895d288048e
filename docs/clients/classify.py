"""Classify image files by plain gRPC: ``python classify.py HOST:PORT FILE...``.

Needs grpcio and tritonclient, which brings the messages of the KServe protocol.
"""

import struct
import sys

import grpc
from tritonclient.grpc import service_pb2 as kserve
from tritonclient.grpc import service_pb2_grpc

TEXTS = ("LABEL", "SUBTYPE", "REVIEW")


def request(image):
    asked = kserve.ModelInferRequest(model_name="all_ensemble")
    asked.inputs.add(name="IMAGE", datatype="BYTES", shape=[1, 1])
    asked.raw_input_contents.append(struct.pack("<I", len(image)) + image)
    for name in (*TEXTS, "PROBABILITIES"):
        asked.outputs.add(name=name)
    return asked


def main(address, *files):
    limit = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(address, options=limit) as channel:
        server = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        for file in files:
            with open(file, "rb") as opened:
                asked = request(opened.read())
            try:
                answer = server.ModelInfer(asked, timeout=60)
            except grpc.RpcError as error:  # INVALID_ARGUMENT: "[image_corrupt] ..."
                print(file, error.code().name, error.details())
                continue
            names = [output.name for output in answer.outputs]
            raw = dict(zip(names, answer.raw_output_contents, strict=True))
            label, subtype, review = (raw[name][4:].decode() for name in TEXTS)  # 4 bytes: length
            benign = struct.unpack("<4f", raw["PROBABILITIES"])[0]
            print(file, label, subtype, f"benign={benign:.3f}", f"review={review or 'none'}")


if __name__ == "__main__":
    main(*sys.argv[1:])
