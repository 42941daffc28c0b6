"""Writes celeba/ and celeba.txt: pictures in CelebA's form, and what Pillow makes of them.

    pip install pillow==12.0.0
    python celeba.py

`celeba/` is a small data set: five JPEG pictures of 178x218 pixels and their partition file, which ends its lines as the published one
does. Beside each picture NAME.jpg stands NAME.png: decoded by libjpeg-turbo, cropped in the middle to 148x148 and resized to 64x64, as
torchvision's CenterCrop and Resize do it with Pillow. The last picture is a progressive one.

A line `sha256 crop-resize KIND SIDE` of celeba.txt has the digest of the same crop and resize of made-up pixels, which
src/celeba/tests.rs makes again: without a JPEG decoder in between, every pixel must be the same.
"""

import hashlib
import math
from pathlib import Path

from PIL import Image

WIDTH, HEIGHT, CROP = 178, 218, 148
FOLDER = Path(__file__).parent / "celeba"


def noise(i):
    """Bytes without order: the high bits of a product."""
    return (i + 1) * 2654435761 % 2**32 >> 13 & 255


def crop_resize(image, side):
    left, top = (WIDTH - CROP) // 2, (HEIGHT - CROP) // 2
    return image.crop((left, top, left + CROP, top + CROP)).resize((side, side), Image.Resampling.BILINEAR)


def picture(number):
    """A face of sorts on a coloured ground, with some texture, so that all of the decoder has work."""

    def pixel(x, y):
        ground = [90 + 60 * math.sin((x + 31 * number + 40 * c) / 29) * math.cos((y - 17 * c) / 37) for c in range(3)]
        if ((x - 89) / 55) ** 2 + ((y - 110) / 75) ** 2 < 1:
            ground = [210 - 20 * number, 170 + 5 * number - y / 8, 140 - x / 9]
        if ((abs(x - 89) - 22) / 8) ** 2 + ((y - 95) / 5) ** 2 < 1 or 140 < y < 147 and abs(x - 89) < 24:
            ground = [120, 30 + 25 * number, 40]
        return tuple(int(max(0, min(255, v + noise(y * WIDTH + x) % 9))) for v in ground)

    image = Image.new("RGB", (WIDTH, HEIGHT))
    image.putdata([pixel(x, y) for y in range(HEIGHT) for x in range(WIDTH)])
    return image


def main():
    pictures = FOLDER / "img_align_celeba"
    pictures.mkdir(parents=True, exist_ok=True)
    lines = []
    for number, part in enumerate([0, 0, 0, 1, 2], start=1):
        name = f"{number:06d}"
        path = pictures / f"{name}.jpg"
        picture(number).save(path, quality=75, subsampling="4:2:0", progressive=number == 5)
        crop_resize(Image.open(path), 64).save(FOLDER / f"{name}.png", optimize=True)
        lines.append(f"{name}.jpg {part}\r\n")
    (FOLDER / "list_eval_partition.txt").write_bytes("".join(lines).encode())

    with open(FOLDER.with_suffix(".txt"), "w") as out:
        for kind in ["noise", "extremes"]:
            values = [noise(i) if kind == "noise" else 255 * (noise(i) & 1) for i in range(WIDTH * HEIGHT * 3)]
            image = Image.frombytes("RGB", (WIDTH, HEIGHT), bytes(values))
            for side in [64, 32]:
                digest = hashlib.sha256(crop_resize(image, side).tobytes()).hexdigest()
                out.write(f"sha256 crop-resize {kind} {side} {digest}\n")


main()
