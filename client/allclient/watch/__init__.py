"""Watches what clients ask: metrics for Prometheus and OpenTelemetry traces (extra ``watch``)."""
