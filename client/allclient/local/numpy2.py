"""Makes the wheel's stub read the arrays of NumPy 2.

The stubs of nvidia-pytriton 0.7.0 are compiled with a pybind11 that knows NumPy 1 alone. It reads
an array's item size straight out of NumPy's dtype structure, and NumPy 2 moved that field from
byte 32 to byte 40: every item seems to be 0 bytes long, and every tensor comes out as garbage.
Python 3.13 has no NumPy 1. So a private copy of the stub gets the new offset in the five
instructions that read the field; everything else they use of NumPy is where it was.
"""

from __future__ import annotations

from allclient.errors import ServerNotInstalledError

_READS = (
    # movslq 0x20(%rax),%rax; imul %rdx,%rax; mov %rax,0x68(%rbx) in PbTensor: array.nbytes()
    (bytes.fromhex("48634020 480fafc2 48894368"), 3, 4),
    # sub %rdx,%rax; mov %rax,%r14; mov (%rsi),%rax; mov 0x20(%rax),%eax in pybind11::array: strides
    (bytes.fromhex("4829d0 4989c6 488b06 8b4020"), 11, 1),
)
"""Code, the place of the offset in it, and how often it occurs in a stub."""

_OLD, _NEW = 0x20, 0x28


def adapt(stub: bytes) -> bytes:
    """Return the program with the offset of NumPy 2.

    Raises ServerNotInstalledError for a program it does not know.
    """
    for code, place, times in _READS:
        assert code[place] == _OLD
        if stub.count(code) != times:
            raise ServerNotInstalledError(
                "this version of nvidia-pytriton works with NumPy 1 alone, and NumPy 2 is "
                "installed; install the version that allclient knows: "
                "python -m pip install --force-reinstall --no-deps nvidia-pytriton==0.7.0"
            )
        stub = stub.replace(code, code[:place] + bytes([_NEW]) + code[place + 1 :])
    return stub
