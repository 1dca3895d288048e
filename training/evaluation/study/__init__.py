"""Computes figures of the report from saved predictions: no image and no backbone is seen here."""
