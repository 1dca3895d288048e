"""Tells how far answers have moved from those of a reference: pure counting, no database.

A *profile* counts answers by what can be told without knowing the truth: whether a person has to
review, the subtype, the ``ood_score`` and the size of cells. Two profiles are compared by the
population stability index. ``reference()`` is the release's own profile.
"""

from allclient.drift.compare import Drift, Level, compare
from allclient.drift.profile import Profile, reference

__all__ = ["Drift", "Level", "Profile", "compare", "reference"]
