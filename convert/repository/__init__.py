"""Writes model repositories for Triton, their flavours and configurations."""
