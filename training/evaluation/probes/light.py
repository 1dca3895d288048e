"""Changes stain, lamp, focus and storage by a known amount."""

from __future__ import annotations

import cv2
import numpy as np

from training.evaluation.probes.field import Rgb, to_bytes

# Absorbance of haematoxylin, eosin and diaminobenzidine in red, green and blue: A. C. Ruifrok,
# D. A. Johnston, Quantification of histochemical staining by color deconvolution, 2001.
_DYES = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
_DYES /= np.linalg.norm(_DYES, axis=1, keepdims=True)


def turn_hue(field: Rgb, degrees: float) -> Rgb:
    """Turn the hue in HSV; brightness and saturation stay."""
    hsv = cv2.cvtColor(field.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + degrees) % 360
    return to_bytes(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255)


def brighten(field: Rgb, percent: float) -> Rgb:
    """Return the field with its levels raised by so many percent, or lowered."""
    return to_bytes(field * (1 + percent / 100))


def saturate(field: Rgb, factor: float) -> Rgb:
    """Move colours away from their grey (ITU-R BT.601): 0 is grey, 1 is unchanged."""
    grey = (field @ np.array([0.299, 0.587, 0.114]))[..., None]
    return to_bytes(grey + factor * (field - grey))


def gamma(field: Rgb, exponent: float) -> Rgb:
    """Return the field with its levels, as shares of 255, raised to ``exponent``."""
    return to_bytes(255 * (field / 255) ** exponent)


def restain(field: Rgb, rng: np.random.Generator, strength: float) -> Rgb:
    """Scale amounts of the dyes by 1 +- strength and shift them by +- strength, drawn evenly.

    This is the perturbation of D. Tellez and others, 2018, in natural optical density, per mean
    density.
    """
    density = -np.log((field.reshape(-1, 3) + 1.0) / 256)
    dyes = density @ np.linalg.inv(_DYES)
    scale = rng.uniform(1 - strength, 1 + strength, 3)
    shift = rng.uniform(-strength, strength, 3) * np.abs(dyes).mean(0)
    changed = (dyes * scale + shift) @ _DYES
    return to_bytes(256 * np.exp(-changed) - 1).reshape(field.shape)


def blur(field: Rgb, sigma: float) -> Rgb:
    """Return the field blurred by a Gaussian of ``sigma`` pixels."""
    return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma), np.uint8)


def noise(field: Rgb, rng: np.random.Generator, deviation: float) -> Rgb:
    """Add normal noise, in grey levels, to each channel by itself."""
    return to_bytes(field + rng.normal(0, deviation, field.shape))
