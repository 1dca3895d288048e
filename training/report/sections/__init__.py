"""Writes the sections of the report, one module each: figures in, blocks out, nothing measured."""
