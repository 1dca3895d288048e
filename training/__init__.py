"""Training, evaluation and calibration of the three backbones: ``python -m training --help``."""
