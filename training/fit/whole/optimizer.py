"""Makes the optimizer: AdamW, at a rate that rises at first and falls along a cosine."""

from __future__ import annotations

import keras

from training.fit.whole.recipe import Stage, WholeRecipe


def adamw(recipe: WholeRecipe, stage: Stage, steps: int) -> keras.optimizers.Optimizer:
    """Return the optimizer of a stage of ``steps`` steps an epoch.

    The rate rises for an epoch, or for a tenth of a short stage, from a twentieth of its peak, and
    falls to a hundredth of it. Scales, shifts and biases are kept from weight decay.
    """
    total = steps * stage.epochs
    warmup = max(1, min(steps, total // 10))
    schedule = keras.optimizers.schedules.CosineDecay(
        stage.rate / 20,
        max(1, total - warmup),
        alpha=0.01,
        warmup_target=stage.rate,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer
