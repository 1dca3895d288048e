"""The model repository's pure modules are imported as Triton imports them: from their folder."""

from __future__ import annotations

from toolkit import served  # noqa: F401 (it puts their folders on sys.path)
