"""Trains a backbone as a whole, in stages; none of the released weights is made so."""
