"""Takes one table of a TOML file apart, setting by setting, with clear messages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, TypeVar, overload

from allclient.errors import ConfigurationError

_MISSING: Final = object()
_AE_TITLE: Final = re.compile(r"[!-\[\]-~](?:[ -\[\]-~]{0,14}[!-\[\]-~])?")
"""1 to 16 printable ASCII characters without a backslash and without spaces at the ends."""

_T = TypeVar("_T")


class Settings:
    """The settings of one table; they are taken by name, and ``finish`` refuses the others."""

    def __init__(self, values: dict[str, Any], name: str, folder: Path) -> None:
        self._left = dict(values)
        self.name = name
        self.given = bool(values)
        self._folder = folder

    def finish(self) -> None:
        """Check that every setting was taken. Raises ConfigurationError for an unknown one."""
        for key in self._left:
            raise ConfigurationError(f"there is no setting {self._full(key)}")

    def table(self, key: str) -> Settings:
        """Return a table within the table; an empty one if it is not there."""
        return Settings(self._take(key, dict, {}), self._full(key), self._folder)

    def tables(self, key: str) -> list[Settings]:
        """Return the tables of an array."""
        entries = self._take(key, list, [])
        for number, entry in enumerate(entries, 1):
            if not isinstance(entry, dict):
                raise ConfigurationError(f"[[{self._full(key)}]] number {number} is no table")
        return [
            Settings(entry, f"{self._full(key)}[{number}]", self._folder)
            for number, entry in enumerate(entries, 1)
        ]

    @overload
    def text(self, key: str, default: str = ...) -> str: ...
    @overload
    def text(self, key: str, default: None) -> str | None: ...
    def text(self, key: str, default: Any = _MISSING) -> str | None:
        """Return a text."""
        value: str | None = self._take(key, str, default)
        if value is not None and not (value.strip() and value.isprintable()):
            raise ConfigurationError(f"{self._full(key)} is empty or holds control characters")
        return value

    @overload
    def ae_title(self, key: str, default: str = ...) -> str: ...
    @overload
    def ae_title(self, key: str, default: None) -> str | None: ...
    def ae_title(self, key: str, default: Any = _MISSING) -> str | None:
        """Return an AE title."""
        value: str | None = self.text(key, default)
        if value is not None and not _AE_TITLE.fullmatch(value):
            raise ConfigurationError(
                f"{self._full(key)} {value!r} is no AE title: 1 to 16 ASCII characters, no "
                "backslash, no space at either end"
            )
        return value

    @overload
    def integer(self, key: str, default: int, *, least: int, most: int = ...) -> int: ...
    @overload
    def integer(self, key: str, default: None, *, least: int, most: int = ...) -> int | None: ...
    def integer(
        self, key: str, default: int | None, *, least: int, most: int = 10**9
    ) -> int | None:
        """Return a whole number within limits."""
        value: int | None = self._take(key, int, default)
        if value is not None and not least <= value <= most:
            raise ConfigurationError(f"{self._full(key)} must be {least} to {most}, not {value}")
        return value

    def number(self, key: str, default: float, *, least: float, most: float = 1e9) -> float:
        """Return a number within limits."""
        value = float(self._take(key, (int, float), default))
        if not least <= value <= most:
            raise ConfigurationError(f"{self._full(key)} must be {least} to {most:g}, not {value}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        return bool(self._take(key, bool, default))

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """Return one of ``choices``, by default the first."""
        value = self.text(key, choices[0])
        if value not in choices:
            raise ConfigurationError(f"{self._full(key)} must be one of {', '.join(choices)}")
        return value

    def path(self, key: str) -> Path:
        """Return a path, relative to the folder of the configuration."""
        return self._folder / self.text(key)

    @overload
    def file(self, key: str) -> Path: ...
    @overload
    def file(self, key: str, default: None) -> Path | None: ...
    def file(self, key: str, default: Any = _MISSING) -> Path | None:
        """Return the path of a file that is there."""
        name: str | None = self.text(key, default)
        if name is None:
            return None
        path = self._folder / name
        if not path.is_file():
            raise ConfigurationError(f"{self._full(key)}: there is no file {str(path)!r}")
        return path

    def url(self, key: str) -> str | None:
        """Return an http or https address, or None."""
        value = self.text(key, None)
        if value is not None and not value.startswith(("http://", "https://")):
            raise ConfigurationError(f"{self._full(key)} {value!r} begins with no http(s)://")
        return value

    def _take(self, key: str, kind: Any, default: Any) -> Any:
        value = self._left.pop(key, default)
        if value is _MISSING:
            raise ConfigurationError(f"{self._full(key)} is missing")
        if value is default:
            return value
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            wanted = {str: "a text", int: "a whole number", bool: "true or false", dict: "a table"}
            raise ConfigurationError(
                f"{self._full(key)} must be {wanted.get(kind, 'a number')}, not {value!r}"
                if kind is not list
                else f"write [[{self._full(key)}]], with two brackets"
            )
        return value

    def _full(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key
