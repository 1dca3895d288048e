"""Makes what was measured readable: report.html, pictures, the model card.

Everything here is rendered from one dict, the ``report.json`` that
``training.evaluation.figures.compute`` describes. Nothing is measured in this package, and what
was not measured is shown as such.
"""
