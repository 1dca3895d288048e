"""Makes OpenVINO IR in floating point and INT8."""
