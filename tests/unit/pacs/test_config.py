from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

from allclient.errors import ConfigurationError
from allclient.pacs import config as configuration


def change(settings: dict[str, Any], path: str, value: Any) -> None:
    *folders, last = path.split(".")
    for name in folders:
        settings = settings[int(name)] if name.isdigit() else settings.setdefault(name, {})
    if value is None:
        del settings[last]
    else:
        settings[last] = value


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    made = configuration.parse(tomllib.loads(configuration.EXAMPLE), tmp_path)
    assert made.node.address == "127.0.0.1"
    assert made.export.peer is not None
    assert made.export.peer.ae_title == "ARCHIVE"


def test_every_setting_of_the_example_is_one(tmp_path: Path) -> None:
    """What is commented out there works, too, once its files are there."""
    text = configuration.EXAMPLE.replace("\n#", "\n").replace("\n The", "\n# The")
    lines = [
        line for line in text.splitlines() if not line.startswith((" ", "TLS:", "Who", "Where"))
    ]
    for name in ("node.pem", "node.key", "hospital-ca.pem", "token.txt"):
        (tmp_path / name).write_text("x")
    made = configuration.parse(tomllib.loads("\n".join(lines)), tmp_path)
    assert made.export.storage_commitment
    assert made.peers[1].tls
    assert made.triton.address == "127.0.0.1:8001"


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("node.ae_title", "TOO LONG FOR AN AE TITLE", "node.ae_title"),
        ("node.ae_title", "BACK\\SLASH", "no AE title"),
        ("node.folder", None, "node.folder is missing"),
        ("node.port", "104", "node.port must be a whole number"),
        ("node.port", True, "node.port must be a whole number"),
        ("node.port", 70000, "0 to 65535"),
        ("node.prot", 104, "no setting node.prot"),
        ("nodes", {"port": 1}, "no setting nodes"),
        ("peer", {"ae_title": "A", "host": "127.0.0.1"}, "two brackets"),
        ("peer", [], "nobody may call"),
        ("peer.0.host", None, "peer[1].host is missing"),
        ("peer.0.ae_title", "ARCHIVE", "two peers"),
        ("peer.1.port", None, "needs a port"),
        ("peer.1.tls", True, "certificate of [node.tls]"),
        ("export.site", "liver", "one of unstated, bone_marrow, blood"),
        ("export.peer", "NOBODY", "not the AE title of any"),
        ("export.peer", None, "neither a peer nor"),
        ("export.dicomweb", "archive/dicom-web", "no http"),
        ("node.tls", {"cert": "x.pem", "key": "x", "ca": "x"}, "there is no file"),
        ("triton.model", "vote", "one of all_ensemble, all_cascade"),
        ("node.study_quiet_seconds", 0, "must be"),
    ],
)
def test_what_cannot_work_is_named(
    settings: dict[str, Any], tmp_path: Path, setting: str, value: Any, said: str
) -> None:
    change(settings, setting, value)
    with pytest.raises(ConfigurationError) as refused:
        configuration.parse(settings, tmp_path)
    assert said in str(refused.value)


def test_the_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pacs.toml"
    for content, said in (("a = ", "is not TOML"), ("[node]", "node.folder is missing")):
        path.write_text(content)
        with pytest.raises(ConfigurationError, match=said) as refused:
            configuration.load(path)
        assert "pacs.toml" in str(refused.value)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        configuration.load(tmp_path / "missing.toml")
