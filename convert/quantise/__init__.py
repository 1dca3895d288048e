"""Choice of the layers to round, and the dense head fitted to what rounding leaves."""
