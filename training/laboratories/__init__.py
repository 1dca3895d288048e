"""Cells of several laboratories: cut out once, and judged with whole laboratories left out.

``cutting`` cuts them and keeps them on disk, ``plane`` shows a cell measured against itself,
``features`` says what a frozen beginning of a backbone sees of it, ``protocols`` leaves
laboratories or groups out, ``heads`` learns, ``scores`` judges, ``study`` puts it together.
"""
