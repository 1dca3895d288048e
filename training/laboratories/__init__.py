"""Cells of several laboratories: cut out once, and judged with whole laboratories left out.

``cutting`` cuts them and keeps them on disk, ``plane`` shows a cell measured against itself,
``features`` and ``maps`` describe it, ``protocols`` leaves laboratories or groups out, ``heads``,
``votes``, ``several`` and ``lymphoid`` learn, ``scores`` and ``review_limits`` judge,
``study`` puts it together, ``show`` shows it, and ``sheet`` draws right and wrong cells.
"""
