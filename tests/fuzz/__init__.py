"""Mutated image files, each made from its number, sent through the decoders or a real server."""
