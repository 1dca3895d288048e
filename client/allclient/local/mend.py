"""Mends private copies of the wheel's programs, so that no client can end or disturb the server.

The tritonserver of nvidia-pytriton 0.7.0 (Triton 2.51) dies of what any client may do, and no
newer one is on the package registries:

- **A call that is cancelled**: by Ctrl-C, a deadline, a client that is killed. The ensemble's next
  step loses count of who still needs the request (Triton's core pull request 483, in releases from
  26.05), and the gRPC endpoint takes care of one call twice when a cancellation meets an answer
  (server pull requests 7840 and 8078, from 25.04); the second ends it whatever the model is. So
  calls are no longer watched for cancellation: one that nobody waits for is computed to its end,
  and its answer is thrown away. This is how Triton did it until 23.09.
- **A stream** (``ModelStreamInfer``), which meets the same races and more. It is refused as
  unimplemented. No model here needs it.
- **A class count asked of an output of texts**, which divides by the size of a datatype that has
  none. The check whether the datatype can have classes now comes before the division.
- **Over HTTP, deeply nested JSON and a body of many chunks**, which both outgrow the stack. JSON
  ends, as a syntax error, where it opens a 101st level; a body with ``Transfer-Encoding: chunked``
  is not taken; one that came in many pieces is put together before it is looked at.

And its Python backend fails a whole batch, other clients' requests among it, when the length of one
text in it goes beyond the end. It leaves that check to ``backends/bytes_tensor.py``, which concerns
one request alone.

Every change keeps its length, so no address moves. A program of another build is left as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

_ADDED_AT: Final = 0xAA8C30
"""In the unused end of the last page of code."""
_ADDED: Final = bytes.fromhex(
    # evbuffer_pullup(request->buffer_in, -1); then the replaced code.
    "57 56 4883ec08 488b7f20 48c7c6ffffffff e80a03f0ff 4883c408 5e 5f"
    "488b06 4989f8 4889f7 4c89c6 488b4010 ffe0"
    # size = the place of the first bracket, outside of texts, that opens a 101st level; then the
    # replaced code.
    "31c0 31c9 4531c0"
    "4839d0 734b 440fb60c06 48ffc0 4585c0 7527 4180f922 7432 4183c920 4180f97d 7413 4180f97b 75d8"
    "ffc1 83f964 7ed1 488d50ff eb1b"
    "ffc9 ebc7"
    "4180f95c 7505 48ffc0 ebbc 4180f922 75b6 4183f001 ebb0"
    "4154 55 53 4881ec20010000 e9da7672ff"
)


class Change(NamedTuple):
    """One stretch of machine code or text in a file."""

    place: int
    before: bytes
    after: bytes


class Program(NamedTuple):
    """One build of one program, and what is to be changed in it."""

    build_at: int
    """Where the file has its build ID."""
    build: bytes
    changes: tuple[Change, ...]

    def is_known(self, path: Path) -> bool:
        """Whether the file is this build, to the byte where it is changed."""
        expected = [(self.build_at, self.build)]
        expected += [(change.place, change.before) for change in self.changes]
        with path.open("rb") as file:
            return all(_read(file, place, len(data)) == data for place, data in expected)

    def mend(self, path: Path) -> None:
        """Change a copy of a file that ``is_known``, in place."""
        with path.open("r+b") as file:
            for change in self.changes:
                file.seek(change.place)
                file.write(change.after)


def _code(place: int, before: str, after: str) -> Change:
    return Change(place, bytes.fromhex(before), bytes.fromhex(after))


_SERVER_CHANGES: Final = (
    # TopkClassifications: xor %edx,%edx; mov %eax,%ecx; mov %r13,%rax; div %rcx  (by the size)
    # and then cmp $0xc,%ebp; ja UNSUPPORTED  (datatypes above FP64). Now the other way round.
    _code(
        0x14FBA1,
        "31d2 89c1 4c89e8 48f7f1 83fd0c 0f87fc230000",
        "83fd0c 0f8706240000 31d2 89c1 4c89e8 48f7f1",
    ),
    # StateNew of ModelInfer: no AsyncNotifyWhenDone for a new call (je WATCH -> nop).
    _code(0x1FAE81, "0f84d9000000", "660f1f440000"),
    # ModelInferHandler::Process, answer sent: there is no second event to wait for, so the state of
    # the call is released now (return true -> false).
    _code(0x1F2F6A, "41bd01000000", "41bd00000000"),
    # The same two for ModelStreamInfer.
    _code(0x20A641, "0f84d9000000", "660f1f440000"),
    _code(0x1FF187, "41bc01000000", "41bc00000000"),
    # ModelStreamInferHandler::Process, new call: instead of beginning to read from it, on to the
    # code that refuses a call without the header of a restricted protocol.
    _code(0x1FEAE4, "498b742418", "e987040000"),
    # There: this text, without the quote behind it, and UNIMPLEMENTED instead of UNAVAILABLE. The
    # text takes the place of one that only streams could have logged.
    _code(0x1FEF77, "488d355a188b00", "488d352add8b00"),
    _code(0x1FF009, "488d15e1908e00", "488d15e2908e00"),
    _code(0x1FF03D, "c785f0fdffff0e000000", "c785f0fdffff0c000000"),
    Change(
        0xABCCA8,
        b"Should not print this! Decoupled should NOT write via WRITEREADY!\0",
        b"this server has no streams (ModelStreamInfer); use ModelInfer".ljust(66, b"\0"),
    ),
    # TRITONSERVER_InferenceRequestCancel, as it is called from all endpoints, HTTP too: xor
    # %eax,%eax; ret  (no error, and nothing done).
    _code(0xB57F0, "f30f1efa f2ff25ad98cf00", "31c0c3 9090909090909090"),
    # HTTPServer::Dispatch: to the first part of _ADDED, which ends as it did.
    _code(0x2DE234, "488b06 4989f8", "e9f7a97c00 90"),
    # TritonJson::Value::Parse(base, size): to the second part of _ADDED, and back.
    _code(0x1D0394, "4154 55 53 4881ec20010000", "e9c5888d00 660f1f440000"),
    # htp__request_parse_chunk_new_: a chunk is an error (je FAILED -> jmp FAILED).
    _code(0x999795, "0f848d000000", "e98e000000 90"),
    Change(_ADDED_AT, bytes(len(_ADDED)), _ADDED),
)

SERVER: Final = Program(
    0x12C0060, bytes.fromhex("a916d4ee7823ea3c17b3789d705e3b4455dacfc5"), _SERVER_CHANGES
)
"""bin/tritonserver"""

BACKEND: Final = Program(
    0x14F030,
    bytes.fromhex("d4c11c7dfb7e5f054acf67ed7c433122c62126ce"),
    # GetInputTensor: call ValidateStringBuffer -> xor %eax,%eax; nop  (no error).
    (_code(0x3E94D, "e89e890700", "31c0 0f1f00"),),
)
"""backends/python/libtriton_python.so"""


def weakness(server: Path) -> str | None:
    """A sentence for a tritonserver that cannot be mended."""
    if SERVER.is_known(server):
        return None
    return (
        f"{server} is not the tritonserver that allclient knows (nvidia-pytriton 0.7.0) and runs "
        "as it is: some versions end when a client cancels a request or asks a text for its classes"
    )


def _read(file: BinaryIO, place: int, length: int) -> bytes:
    file.seek(place)
    return file.read(length)
