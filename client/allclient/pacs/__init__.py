"""Runs the DICOM gateway: images in from a PACS, results out as objects of the same study.

Needs the extra ``pacs``. It supports a reading by a pathologist and never replaces it; it is not a
medical device.
"""
