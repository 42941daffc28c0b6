"""Random picks: Philox4x32-10 addressed by (seed, image, step, channel), as `lif_graph::philox` has it."""

import numpy as np

LOW = np.uint64(0xFFFF_FFFF)
HALF = np.uint64(32)


def philox4x32_10(counter: list, key: list) -> list:
    """One block of Philox4x32-10 (Salmon et al., SC 2011) for arrays of counters, in `uint64` that hold 32 bits."""
    for turn in range(10):
        if turn > 0:
            key = [(key[0] + 0x9E37_79B9) & 0xFFFF_FFFF, (key[1] + 0xBB67_AE85) & 0xFFFF_FFFF]
        left = counter[0] * np.uint64(0xD251_1F53)
        right = counter[2] * np.uint64(0xCD9E_8D57)
        counter = [
            (right >> HALF) ^ counter[1] ^ np.uint64(key[0]),
            right & LOW,
            (left >> HALF) ^ counter[3] ^ np.uint64(key[1]),
            left & LOW,
        ]
    return counter


def picks(seed: int, image: int, step: np.ndarray, channel: np.ndarray, ways: int) -> np.ndarray:
    """Numbers below `ways`, one for each step and channel (arrays of the same shape, of 64-bit words)."""
    words = [np.full_like(step, word) for word in (image & 0xFFFF_FFFF, image >> 32)]
    first = philox4x32_10([channel, step, *words], [seed & 0xFFFF_FFFF, seed >> 32])[0]
    return (first * np.uint64(ways)) >> HALF


def drawn(seed: int, image: int, channel: int, neurons: int) -> np.ndarray:
    """The component of an image as spikes, `[neuron]`: one of them, drawn like a pick of step 0."""
    step, channel = np.zeros(1, dtype=np.uint64), np.full(1, channel, dtype=np.uint64)
    spikes = np.zeros(neurons, dtype=bool)
    spikes[picks(seed, image, step, channel, neurons).astype(int)] = True
    return spikes


def one_hot(seed: int, image: int, steps: int, channels: int, ways: int) -> np.ndarray:
    """The picks of an image as spikes, `[step][channel * ways + way]`: in each group of `ways` exactly one."""
    step, channel = np.meshgrid(np.arange(steps, dtype=np.uint64), np.arange(channels, dtype=np.uint64), indexing="ij")
    spikes = np.zeros((steps, channels, ways), dtype=bool)
    pick = picks(seed, image, step, channel, ways)
    spikes[step.astype(int), channel.astype(int), pick.astype(int)] = True
    return spikes.reshape(steps, channels * ways)
