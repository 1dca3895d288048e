"""Changes fields on purpose, to see what the answers depend on.

A probe changes what must not matter (a scale bar, the background, the lamp) or takes away what
must matter (the cells). A stress changes the picture step by step until answers break. All of them
change an RGB field; the changed field is stored losslessly and takes the served way from there,
through the real decoder, mask and rendering.
"""
