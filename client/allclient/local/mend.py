"""Changes private copies of the wheel's programs, so that no client can end the server.

nvidia-pytriton 0.7.0 carries Triton 2.51, and no newer one is on the package registries. It dies of
what any client may do:

- **A call that is cancelled**: by Ctrl-C, a deadline, a client that is killed. The gRPC endpoint
  takes care of a call twice when a cancellation meets the answer, and that ends it whatever the
  model is (server pull requests 7840 and 8078). An ensemble loses count of who needs a request
  whose steps are cancelled, and answers it twice (core pull request 483, of April 2026; the first
  release with all three is 26.05). Now a call is done when both its events have come, in whatever
  order. An ensemble looks once whether to go on to the next steps, and gives one answer.
- **A stream** (``ModelStreamInfer``), which meets the same races and more. It is refused as
  unimplemented; no model here needs it.
- **A class count asked of an output of texts**, which divides by the size of a datatype that has
  none. The check whether a datatype has classes now comes before the division.
- **Over HTTP, deeply nested JSON and a body of many chunks**: both outgrow the stack. JSON ends, as
  a syntax error, where it opens a 101st level; a body with ``Transfer-Encoding: chunked`` is not
  taken; one that came in many pieces is put together before it is looked at.
- **A request of up to 2 GB**, which a megabyte of gzip can be, took four times as much memory, and
  a quarter of that stayed. One above ``contract.MAX_MESSAGE_BYTES`` is RESOURCE_EXHAUSTED. A body
  over HTTP had no limit, and has the same; so has what it unpacks to.
- **A shape that begins with 0 or a multiple of 2^32** has no batch size for Triton, which keeps 32
  bits of it. So its limit was not looked at, and the backend then took the next number for the
  batch and refused all requests that were in it. A first number that is not 1 to 2^31 - 1 now
  counts as the largest one, and only the request that has it is refused.

Its Python backend, too, fails a whole batch, other clients' requests among it, when the length of
one text in it goes beyond the end. That check is left to ``backends/bytes_tensor.py``, which
concerns one request alone.

And it gives up a request, with "Stub process is not healthy", when the model's process shows no
life for a second: on a machine with far too much to do, when that process or the whole machine was
suspended, when the clock is set forward. It frees the memory that both share, while the process
goes on with it: then either crashes, or a later request gets the answer of an earlier one. Now it
waits. A process that has died is seen by ``keeper.py``, which starts the server anew.

Every change keeps its length, so no address moves; what needs more room stands in the unused end of
the last page of code. ``tests/unit/local/mended.s`` has all of it in assembly language, and a test
holds the two against each other. A program of another build is left as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from allclient.local.program import Change, Program, code

_ENDPOINTS: Final = bytes.fromhex(
    # HTTPServer::Dispatch
    "57 56 4883ec08 488b7f20 48c7c6ffffffff e80a03f0ff 4883c408 5e 5f"
    "488b06 4989f8 4889f7 4c89c6 488b4010 ffe0"
    # TritonJson::Value::Parse
    "31c0 31c9 4531c0"
    "4839d0 734b 440fb60c06 48ffc0 4585c0 7527 4180f922 7432 4183c920 4180f97d 7413 4180f97b 75d8"
    "ffc1 83f964 7ed1 488d50ff eb1b ffc9 ebc7"
    "4180f95c 7505 48ffc0 ebbc 4180f922 75b6 4183f001 ebb0"
    "4154 55 53 4881ec20010000 e9da7672ff 0000000000000000000000"
    # ModelInferHandler::Process, an event, and the answer sent
    "80bd6001000000 7453 418b442420 85c0 7405 83f803 7545"
    "83bd5001000009 743c c7855001000009000000 4c89ff e81eb160ff 41837c242003 7517"
    "498b7c2450 e8dcca60ff 4885c0 7408 4889c7 e8bfb460ff 41bd01000000 e98ea174ff e9bfa174ff"
    "498b442410 4531ed 83b85001000009 410f95c5 e971a174ff 00000000000000"
    # DataCompressor::DecompressData
    "4881bd18ffffff 00001020 0f87377785ff 4c89fa 4c89e6 4889df e90b7685ff"
)

_REQUESTS: Final = bytes.fromhex(
    # EnsembleContext::ScheduleSteps
    "4584e4 0f84882236ff 488b8d98fbffff 48398da8fbffff 0f85742236ff"
    "c685f0fdffff08 488d8d08feffff 48898df8fdffff 48c78500feffff00000000"
    "c68508feffff00 48c785a0fcffff00000000 e91a2a36ff"
    # EnsembleContext::FinishEnsemble
    "80bbe001000000 0f8594dd35ff c683e001000001 e9c3e335ff"
    # InferenceRequest::Normalize
    "488b30 4c8d46ff 4981f8feffff7f 7605 beffffff7f 85d2 0f8446163cff e973173cff"
)

SERVER: Final = Program(
    0x12C0060,
    bytes.fromhex("a916d4ee7823ea3c17b3789d705e3b4455dacfc5"),
    (
        # TopkClassifications
        code(
            0x14FBA1,
            "31d2 89c1 4c89e8 48f7f1 83fd0c 0f87fc230000",
            "83fd0c 0f8706240000 31d2 89c1 4c89e8 48f7f1",
        ),
        # Server::Server: the largest message
        code(0x1BC995, "41c74550 ffffff7f", "41c74550 00001020"),
        # ModelInferHandler: Process twice, InferResponseComplete
        code(0x1F2E63, "80bd6001000000 0f8480000000", "e9685e8b00 0f1f840000000000"),
        code(0x1F2F6A, "41bd01000000 e945ffffff", "e9c25d8b00 660f1f440000"),
        code(0x1F346F, "0f84bb020000", "e9bc020000 90"),
        # ModelStreamInferHandler: StateNew, Process four times, its message
        code(0x20A641, "0f84d9000000", "660f1f440000"),
        code(0x1FF187, "41bc01000000", "41bc00000000"),
        code(0x1FEAE4, "498b742418", "e987040000"),
        code(0x1FEF77, "488d355a188b00", "488d352add8b00"),
        code(0x1FF009, "488d15e1908e00", "488d15e2908e00"),
        code(0x1FF03D, "c785f0fdffff0e000000", "c785f0fdffff0c000000"),
        Change(
            0xABCCA8,
            b"Should not print this! Decoupled should NOT write via WRITEREADY!\0",
            b"this server has no streams (ModelStreamInfer); use ModelInfer".ljust(66, b"\0"),
        ),
        # HTTPServer::Dispatch, TritonJson::Value::Parse, htp__request_parse_body_,
        # htp__request_parse_chunk_new_
        code(0x2DE234, "488b06 4989f8", "e9f7a97c00 90"),
        code(0x1D0394, "4154 55 53 4881ec20010000", "e9c5888d00 660f1f440000"),
        code(0x99B79E, "488b4070 4885c0 7410", "b800001020 0f1f4000"),
        code(0x999795, "0f848d000000", "e98e000000 90"),
        # DataCompressor::DecompressData: what a body over HTTP unpacks to
        code(0x300371, "4c89fa 4c89e6 4889df", "e9da897a00 0f1f4000"),
        Change(0xAA8C30, bytes(len(_ENDPOINTS)), _ENDPOINTS),
    ),
)
"""bin/tritonserver"""

LIBRARY: Final = Program(
    0x1DFA010,
    bytes.fromhex("4e7b621d4c7a09594f65fcbbf5f0d0b5be7607cb"),
    (
        # EnsembleContext::ScheduleSteps four times, FinishEnsemble
        code(0x1DCEF8, "4584e4 0f8574080000", "e973ddc900 0f1f4000"),
        code(
            0x1DD01F,
            "4c89f7 e8d9a8f2ff 498b07 4883c018 4889c7 48898570fbffff",
            "4c89b570fbffff e912010000 4c89f7 4c89b570fbffff 0f1f00",
        ),
        code(0x1DD755, "0f84ccf8ffff", "0f84d0f8ffff"),
        code(0x1DD770, "e9b2f8ffff", "e9b6f8ffff"),
        code(0x1D8CF5, "0f84a5030000", "0f84c91fca00"),
        # InferenceRequest::Normalize
        code(0x23C467, "488b30 85d2 0f84cefeffff", "e971e8c300 660f1f440000"),
        Change(0xE7AC70, bytes(len(_REQUESTS)), _REQUESTS),
    ),
)
"""nvidia_pytriton.libs/LIBRARY_NAME"""

LIBRARY_NAME: Final = "libtritonserver-717102f0.so"

BACKEND: Final = Program(
    0x14F030,
    bytes.fromhex("d4c11c7dfb7e5f054acf67ed7c433122c62126ce"),
    (
        # GetInputTensor
        code(0x3E94D, "e89e890700", "31c0 0f1f00"),
        # SendMessageAndReceiveResponse and ProcessRequests, each after ReceiveMessageFromStub
        code(0x46C2A, "7524", "75ec"),
        code(0x47476, "4989c4 4885c0 7461", "e985bf0800 0f1f00"),
        Change(0xD3400, bytes(17), bytes.fromhex("4989c4 4885c0 0f84d340f7ff e95240f7ff")),
    ),
)
"""backends/python/libtriton_python.so"""


def knows(server: Path, libraries: Path) -> bool:
    """Return whether both programs that answer clients can be mended."""
    return SERVER.is_known(server) and LIBRARY.is_known(libraries / LIBRARY_NAME)


def weakness(server: Path, libraries: Path) -> str | None:
    """Return a sentence for a server that cannot be mended."""
    if knows(server, libraries):
        return None
    return (
        f"{server} is not the tritonserver that allclient knows (nvidia-pytriton 0.7.0) and runs "
        "as it is: some versions end when a client cancels a request or asks a text for its classes"
    )
