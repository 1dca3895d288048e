"""Model repositories for Triton, their flavours and configurations."""
