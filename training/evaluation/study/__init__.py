"""From saved predictions to the figures of the report: nothing here sees an image or a network."""
