"""Writes pillow_resize.txt: what Pillow's bilinear resize makes of given images.

    pip install pillow==12.0.0
    apt-get install dataset-fashion-mnist
    python pillow_resize.py > pillow_resize.txt

Pillow 13 scales tall images in another order, which changes some pixels of the two 148x37 cases by one.

A block `KIND HEIGHTxWIDTH -> HEIGHTxWIDTH` is followed by the output, one row a line in hexadecimal; tests/pillow.rs makes the same input.
A line `sha256 DATASET SPLIT SIDE` has the digest of all images of a data set, resized.
"""

import gzip
import hashlib

from PIL import Image

CASES = [
    ("noise", (28, 28), (32, 32)),
    ("extremes", (28, 28), (32, 32)),
    ("noise", (28, 28), (64, 64)),
    ("noise", (32, 32), (28, 28)),
    ("noise", (148, 37), (64, 16)),
    ("extremes", (148, 37), (64, 16)),
    ("noise", (5, 7), (13, 3)),
    ("noise", (3, 200), (3, 7)),
    ("noise", (1, 1), (4, 6)),
    ("noise", (9, 9), (1, 1)),
]


def pixel(kind, i):
    """Bytes without order: the high bits of a product; `extremes` has only black and white."""
    noise = (i + 1) * 2654435761 % 2**32 >> 13 & 255
    return noise if kind == "noise" else 255 * (noise & 1)


def resize(pixels, size_from, size_to):
    image = Image.frombytes("L", size_from[::-1], bytes(pixels))
    return image.resize(size_to[::-1], Image.Resampling.BILINEAR).tobytes()


for kind, size_from, size_to in CASES:
    print(f"{kind} {size_from[0]}x{size_from[1]} -> {size_to[0]}x{size_to[1]}")
    data = resize([pixel(kind, i) for i in range(size_from[0] * size_from[1])], size_from, size_to)
    for row in range(size_to[0]):
        print(data[row * size_to[1] : (row + 1) * size_to[1]].hex())

for split, prefix in [("train", "train"), ("test", "t10k")]:
    data = gzip.open(f"/usr/share/datasets/fashion-mnist/{prefix}-images-idx3-ubyte.gz").read()[16:]
    digest = hashlib.sha256()
    for start in range(0, len(data), 784):
        digest.update(resize(data[start : start + 784], (28, 28), (32, 32)))
    print(f"sha256 fashion-mnist {split} 32 {digest.hexdigest()}")
