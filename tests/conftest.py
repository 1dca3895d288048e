"""Property tests try the same examples in every run, and no example has a deadline."""

from __future__ import annotations

from hypothesis import settings

# Hypothesis takes it by itself where a variable says CI; by default an example fails that takes
# longer than 0.2 s, which a busy machine can make of any.
settings.load_profile("ci")
