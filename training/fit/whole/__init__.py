"""Trains a network as a whole, in stages; none of the released weights is made so."""
