"""Names files that are made for fields: safe, and never two alike."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Final

from allclient.errors import ConfigurationError
from allclient.report import opening

_MAX_LENGTH: Final = 80
_UNSAFE: Final = re.compile(r"[^\w.+-]+")


def name_for(file: str, ending: str) -> str:
    """Return a name such as ``field.png-3f2a91c07d.jpg``: the field's, and a digest of its path.

    Files of one name in several folders stay apart, and the same path always has the same name.
    """
    plain = os.path.basename(file).encode("utf-8", "replace").decode()  # noqa: PTH119
    safe = _UNSAFE.sub("_", plain).strip(".")[:_MAX_LENGTH] or "field"
    digest = hashlib.blake2b(file.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
    return f"{safe}-{digest}{ending}"


def open_folder(folder: Path, sources: tuple[str, ...], *, again: bool) -> Path:
    """Return the folder, made if it is not there, for files that stand beside no source.

    Raises:
        ConfigurationError: it holds files already and ``again`` is not set, or it lies in a folder
            that is searched for fields.
        OutputError: it cannot be made.
    """
    with opening(folder):
        target = folder.resolve()
        for source in sources:
            searched = Path(source)
            if searched.is_dir() and target.is_relative_to(searched.resolve()):
                raise ConfigurationError(
                    f"{str(folder)!r} lies in {source!r}, which is searched for fields: its files "
                    "would be taken for fields; name a folder elsewhere"
                )
        target.mkdir(parents=True, exist_ok=True)
        if not again and any(target.iterdir()):
            raise ConfigurationError(
                f"{str(folder)!r} is not empty: --overwrite replaces what is made again"
            )
    return target
