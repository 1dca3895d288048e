"""Makes random views of a field for training, and stain normalisation to compare them with.

``random_view`` is the way in: ``view`` and ``pair`` make views, ``AugmentConfig`` says how far they
go. The rest are its parts, in the order in which light reaches the file: ``stain`` (the specimen),
``colour`` (lamp and sensor), ``camera`` (focus, noise, compression), ``bars``, then ``geometry``
(the cut).
``mixing`` borrows from other training fields. ``sheet`` draws views for the eye.
"""

from __future__ import annotations

import cv2

# One thread per view. The other cores belong to the backbone, or to other views: OpenCV lets go
# of the interpreter's lock, so a pool of threads makes views side by side.
cv2.setNumThreads(0)
