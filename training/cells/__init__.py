"""Cuts leukocytes out of pictures of any laboratory, and lays them at one scale.

``red_cells`` measures the scale, ``density`` the light that is taken out, ``nuclei`` finds and
parts nuclei, ``shape`` measures them, ``crops`` cuts them out. Every function is pure.
"""
