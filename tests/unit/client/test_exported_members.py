from __future__ import annotations

import subprocess
import sys

import pytest

import allclient


def test_public_names_are_these_and_load() -> None:
    assert allclient.__all__ == [
        "AllclientError",
        "AsyncClient",
        "Backbone",
        "Box",
        "Case",
        "Cell",
        "Client",
        "Health",
        "Label",
        "Outcome",
        "Result",
        "Retry",
        "ReviewReason",
        "Subtype",
        "TlsOptions",
        "__version__",
        "summarize",
    ]
    for name in allclient.__all__:
        assert getattr(allclient, name) is not None
    assert dir(allclient) == sorted(allclient.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Klient'"):
        _ = allclient.Klient


def test_importing_allclient_loads_nothing_heavy() -> None:
    code = (
        "import sys, allclient\n"
        "print(sorted({'grpc', 'numpy', 'tritonclient', 'rich', 'click'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
