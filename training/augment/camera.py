"""Changes focus, sensor noise and compression of a view."""

from __future__ import annotations

import cv2
import numpy as np

from training.augment.config import AugmentConfig
from training.augment.field import Rgb


def focus(pixels: Rgb, rng: np.random.Generator, config: AugmentConfig) -> Rgb:
    """Blur some views and sharpen others."""
    choice = rng.random()
    if choice < config.blur:
        return np.asarray(cv2.GaussianBlur(pixels, (0, 0), float(rng.uniform(0.3, 1.2))), np.uint8)
    if choice < config.blur + config.sharpen:
        soft = cv2.GaussianBlur(pixels, (0, 0), float(rng.uniform(0.8, 1.5)))
        amount = float(rng.uniform(0.3, 1.2))
        return np.asarray(cv2.addWeighted(pixels, 1 + amount, soft, -amount, 0), np.uint8)
    return pixels


def noise(pixels: Rgb, rng: np.random.Generator, config: AugmentConfig) -> Rgb:
    """Add noise that is independent in every pixel and channel."""
    if rng.random() >= config.noise:
        return pixels
    grain = rng.standard_normal(pixels.shape, np.float32)
    grain *= np.float32(rng.uniform(1, 6))
    return np.asarray(cv2.add(pixels, grain, dtype=cv2.CV_8U), np.uint8)


def compress(pixels: Rgb, rng: np.random.Generator, config: AugmentConfig) -> Rgb:
    """Compress some views as JPEG and read them back, at whole or halved colour resolution."""
    if rng.random() >= config.jpeg:
        return pixels
    halved = rng.random() < 0.5
    sampling = (
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420 if halved else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    )
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        int(rng.integers(35, 91)),
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        sampling,
    ]
    done, encoded = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise RuntimeError("OpenCV could not encode a view as JPEG; was it built without it?")
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)
