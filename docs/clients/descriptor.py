"""Write the KServe protocol as a descriptor set, for protoc: ``python descriptor.py kserve.pb``.

It comes out of tritonclient, so it is the protocol of the client that is tested.
"""

import sys

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from tritonclient.grpc import service_pb2


def with_imports(file, found):
    for needed in file.dependencies:
        with_imports(needed, found)
    if file.name not in [known.name for known in found.file]:
        file.CopyToProto(found.file.add())
    return found


if __name__ == "__main__":
    found = with_imports(service_pb2.DESCRIPTOR, FileDescriptorSet())
    with open(sys.argv[1], "wb") as opened:
        opened.write(found.SerializeToString())
    print(*(file.name for file in found.file))
