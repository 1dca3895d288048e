"""The backbones, their heads, and the files that hold them."""
