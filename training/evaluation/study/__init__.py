"""Computes figures of the report from saved predictions: no image and no network is seen here."""
