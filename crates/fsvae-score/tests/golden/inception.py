"""Writes inception.safetensors and inception_tensors.txt beside itself: what the Inception networks of pytorch-fid and of torchvision
answer, and what NumPy and SciPy say of Frechet distances and Inception scores.

    python3 -m venv v && v/bin/pip install torch torchvision pytorch-fid scipy pillow safetensors numpy
    v/bin/python inception.py

Nobody's trained weights are needed: all tensors are filled by a hash of (name, index), which the Rust test repeats, so that the networks
have their full size and the golden file holds nothing but answers.
"""

from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image
from pytorch_fid import inception as pytorch_fid
from safetensors.numpy import save_file
from scipy import linalg
from scipy.stats import entropy

HERE = Path(__file__).parent


def hashed(name, count):
    """`count` numbers in [-1, 1): murmur3's finaliser over an index, seeded with FNV-1a of the name."""
    seed = np.uint32(2166136261)
    with np.errstate(over="ignore"):
        for byte in name.encode():
            seed = np.uint32((seed ^ np.uint32(byte)) * np.uint32(16777619))
        x = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9) + seed
        x ^= x >> 16
        x *= np.uint32(0x85EBCA6B)
        x ^= x >> 13
        x *= np.uint32(0xC2B2AE35)
        x ^= x >> 16
    return (x >> 8).astype(np.float64) * 2.0**-23 - 1.0


def tensor(name, shape):
    values = hashed(name, int(np.prod(shape)))
    if len(shape) > 1:  # activations neither vanish nor explode
        values = values * np.sqrt(6.0 / np.prod(shape[1:]))
    elif name.endswith("bn.weight"):
        values = 1.0 + 0.25 * values
    elif name.endswith("running_var"):
        values = 1.0 + 0.5 * values
    else:
        values = 0.1 * values
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def filled(network):
    names = {n: t.shape for n, t in network.state_dict().items() if not n.endswith("num_batches_tracked")}
    network.load_state_dict({n: tensor(n, s) for n, s in names.items()}, strict=False)
    return network.eval(), names


def fid_network():
    """pytorch-fid's network, but for the download."""
    made = {}

    def instead_of_download(*_, **__):
        bare = pytorch_fid._inception_v3(num_classes=1008, aux_logits=False, weights=None)
        made["names"] = [(n, list(t.shape)) for n, t in bare.state_dict().items() if not n.endswith("num_batches_tracked")]
        state = {n: torch.zeros(t.shape, dtype=t.dtype) for n, t in bare.state_dict().items()}
        state.update({n: tensor(n, s) for n, s in made["names"]})
        return state

    pytorch_fid.load_state_dict_from_url = instead_of_download
    return pytorch_fid.fid_inception_v3().eval(), made["names"]


@torch.no_grad()
def main():
    out = {}
    images = hashed("images", 2 * 32 * 32).astype(np.float32).reshape(2, 1, 32, 32)
    bytes_ = (images + 1) / 2 * 255  # as the published program: not rounded

    # clean-fid, mode "clean": Pillow's bicubic filter on single-precision pixels, then (x - 128) / 128.
    clean = [np.asarray(Image.fromarray(b[0], mode="F").resize((299, 299), resample=Image.BICUBIC)) for b in bytes_]
    out["clean"] = np.ascontiguousarray(clean[0][::23, ::23])
    x = (torch.from_numpy(np.stack(clean)).unsqueeze(1).repeat(1, 3, 1, 1) - 128) / 128
    network, names = fid_network()
    lines = [f"{n} {s}" for n, s in names]
    (HERE / "inception_tensors.txt").write_text("\n".join(lines) + "\n")
    features = {}
    network.avgpool.register_forward_hook(lambda _m, _i, y: features.__setitem__("pool", y.flatten(1)))
    out["fid.logits"] = network(x).numpy()
    out["fid.features"] = features["pool"].numpy()

    # The published program's Inception score: torchvision's network, bilinear, pixels from 0 to 255 as they are.
    up = torch.nn.functional.interpolate(torch.from_numpy(bytes_), size=(299, 299), mode="bilinear", align_corners=False)
    out["bilinear"] = np.ascontiguousarray(up.numpy()[0, 0, ::23, ::23])
    classifier, _ = filled(torchvision.models.inception_v3(weights=None, init_weights=False, transform_input=False))
    out["torchvision.logits"] = classifier(up.repeat(1, 3, 1, 1)).numpy()

    # Frechet distance (clean-fid's formula) and Inception score (the published program's).
    rng = np.random.default_rng(1)
    a = (rng.normal(size=(300, 6)) @ rng.normal(size=(6, 6))).astype(np.float32)
    b = (0.5 + rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6))).astype(np.float32)
    b[:, 5] = 0  # as dead features are: a singular covariance
    (m1, s1), (m2, s2) = [(p.mean(0, dtype=np.float64), np.cov(p.astype(np.float64), rowvar=False)) for p in (a, b)]
    root = linalg.sqrtm(s1 @ s2)
    distance = (m1 - m2) @ (m1 - m2) + np.trace(s1) + np.trace(s2) - 2 * np.trace(root).real
    logits = (3 * rng.normal(size=(4 * 8, 10))).astype(np.float32)
    p = torch.softmax(torch.from_numpy(logits).double(), -1).numpy()
    scores = [np.exp(np.mean([entropy(q, part.mean(0)) for q in part])) for part in p.reshape(4, 8, 10)]
    out |= {"frechet.a": a, "frechet.b": b, "frechet.distance": np.array([distance]), "score.logits": logits}
    out["score"] = np.array([np.mean(scores), np.std(scores)])
    save_file(out, HERE / "inception.safetensors")
    for name, value in out.items():
        print(name, value.shape, value.dtype, float(np.abs(value).mean()), float(value.std()))


main()
