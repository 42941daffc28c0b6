"""Draws images with the same network as dense fp32, in PyTorch or in ONNX Runtime; prints images/s as one JSON object.

    python sample.py pytorch|onnx WEIGHTS.npz --batch 16 --threads 2 --seconds 2
    python sample.py check WEIGHTS.npz PIXELS.npz

WEIGHTS.npz comes from `fsvae-sim speed --weights`. The program is what a careful user of these tools would write: the prior incremental (16
steps, not 136), T folded into the batch in the decoder, the read-out's convolution once. Membranes are not rounded, as nobody would there.

`check` runs the network with rounded membranes and the picks of `fsvae-sim` and compares its pictures with PIXELS.npz, from
`fsvae-sim generate --count N --out PIXELS.npz`: every pixel must be the same, so that the rivals draw the same network.
"""

import argparse
import json
import os
import tempfile
import time

import numpy

T, LATENT, K = 16, 128, 20
WIDTHS = [256, 128, 64, 32, 32]


def philox(counter, key):
    """One word of Philox4x32-10 (Salmon et al. 2011) for each row of counters; key: two words."""
    c = [counter[:, i].astype(numpy.uint64) for i in range(4)]
    k = [numpy.uint64(key[0]), numpy.uint64(key[1])]
    low = numpy.uint64(0xFFFFFFFF)
    for _ in range(10):
        left, right = c[0] * numpy.uint64(0xD2511F53), c[2] * numpy.uint64(0xCD9E8D57)
        c = [(right >> numpy.uint64(32)) ^ c[1] ^ k[0], right & low, (left >> numpy.uint64(32)) ^ c[3] ^ k[1], left & low]
        k = [(k[0] + numpy.uint64(0x9E3779B9)) & low, (k[1] + numpy.uint64(0xBB67AE85)) & low]
    return c[0]


def picks(seed, images):
    """[images, T, LATENT] of 0 to K - 1, those of fsvae-sim."""
    image, step, channel = numpy.meshgrid(numpy.arange(images), numpy.arange(T), numpy.arange(LATENT), indexing="ij")
    counter = numpy.stack([channel.ravel(), step.ravel(), image.ravel(), numpy.zeros(image.size, int)], 1)
    word = philox(counter, (seed & 0xFFFFFFFF, seed >> 32))
    return ((word * numpy.uint64(K)) >> numpy.uint64(32)).astype(numpy.int64).reshape(images, T, LATENT)


def network(path, rounded):
    """The network as a PyTorch module: picks [N, T, LATENT] -> read-out membranes [N, 1, 32, 32]."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    arrays = numpy.load(path)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.decay = {}
            for key in arrays.files:
                kind, name = key.split("/", 1)
                values = arrays[key].astype(numpy.float32)
                if kind == "weights" and values.size:
                    values = values * numpy.float32(2 ** int(arrays[f"membrane/{name.split('->')[1]}"][2]))
                if kind == "membrane":
                    self.decay[name] = float(values[0] / 2 ** values[1])
                    continue
                self.register_buffer(self.key(kind, name), torch.from_numpy(values))
            shapes = {"select->prior.0": (256, 128), "prior.0->prior.1": (512, 256), "prior.1->prior.2": (LATENT * K, 512)}
            shapes["select->decoder.input"] = (1024, LATENT)
            for n, (a, b) in enumerate(zip(WIDTHS, WIDTHS[1:])):
                shapes[f"{'decoder.input' if n == 0 else f'decoder.{n - 1}'}->decoder.{n}"] = (a, b, 3, 3)
            shapes["decoder.3->readout"] = (32, 1, 3, 3)
            for name, shape in shapes.items():
                key = self.key("weights", name)
                self.register_buffer(key, getattr(self, key).reshape(shape))

        @staticmethod
        def key(kind, name):
            return f"{kind}_{name}".replace(".", "_").replace("->", "_to_")

        def get(self, kind, name):
            return getattr(self, self.key(kind, name))

        def neurons(self, population, like):
            """Bias and threshold, broadcast over [N, C] or [N, C, H, W]."""
            def shaped(kind):
                values = self.get(kind, population)
                if like.dim() == 4 and values.numel() == like.shape[1]:
                    return values.reshape(1, -1, 1, 1)
                if like.dim() == 4 and values.numel() > 1:
                    return values.reshape(1, *like.shape[1:])
                return values
            return shaped("bias"), shaped("threshold")

        def lif(self, membrane, current, threshold, decay):
            leaked = membrane * decay
            membrane = (torch.trunc(leaked) if rounded else leaked) + current
            spikes = (membrane > threshold).to(current.dtype)
            return membrane * (1 - spikes), spikes

        def over_time(self, population, current):
            """[N * T, ...] currents to spikes of the same shape."""
            bias, threshold = self.neurons(population, current)
            steps = (current + bias).reshape(-1, T, *current.shape[1:])
            membrane, out = torch.zeros_like(steps[:, 0]), []
            for t in range(T):
                membrane, spikes = self.lif(membrane, steps[:, t], threshold, self.decay[population])
                out.append(spikes)
            return torch.stack(out, 1).reshape(current.shape)

        def read_out_rounded(self, x, n):
            """The read-out step by step, in double precision: its membranes times a 12-bit decay do not fit a float."""
            weights = self.get("weights", "decoder.3->readout").double()
            current = F.conv_transpose2d(x.double(), weights, stride=1, padding=1) + self.get("bias", "readout").double().reshape(1, -1, 1, 1)
            membrane = torch.zeros_like(current.reshape(n, T, 1, 32, 32)[:, 0])
            for step in current.reshape(n, T, 1, 32, 32).unbind(1):
                membrane = torch.trunc(membrane * self.decay["readout"]) + step
            return membrane

        def forward(self, picks):
            n = picks.shape[0]
            z = torch.zeros(n, LATENT)
            layers = [("select", "prior.0"), ("prior.0", "prior.1"), ("prior.1", "prior.2")]
            membranes = [torch.zeros(n, size) for size in (256, 512, LATENT * K)]
            latent = []
            for t in range(T):
                spikes = z
                for i, (source, target) in enumerate(layers):
                    current = F.linear(spikes, self.get("weights", f"{source}->{target}"))
                    bias, threshold = self.neurons(target, current)
                    membranes[i], spikes = self.lif(membranes[i], current + bias, threshold, self.decay[target])
                z = torch.gather(spikes.reshape(n, LATENT, K), 2, picks[:, t].unsqueeze(2)).squeeze(2)
                latent.append(z)
            x = torch.stack(latent, 1).reshape(n * T, LATENT)
            x = F.linear(x, self.get("weights", "select->decoder.input")).reshape(n * T, 256, 2, 2)
            x = self.over_time("decoder.input", x)
            source = "decoder.input"
            for target in ("decoder.0", "decoder.1", "decoder.2", "decoder.3"):
                x = F.conv_transpose2d(x, self.get("weights", f"{source}->{target}"), stride=2, padding=1, output_padding=1)
                x = self.over_time(target, x)
                source = target
            if rounded:
                return self.read_out_rounded(x, n)
            # the read-out is linear: decay the spikes, then convolve once
            fade = self.decay["readout"] ** torch.arange(T - 1, -1, -1, dtype=torch.float32)
            total = (x.reshape(n, T, 32, 32, 32) * fade.reshape(1, T, 1, 1, 1)).sum(1)
            out = F.conv_transpose2d(total, self.get("weights", "decoder.3->readout"), stride=1, padding=1)
            return out + self.get("bias", "readout").reshape(1, -1, 1, 1) * fade.sum()

    return Network().eval()


def pytorch(options):
    import torch

    torch.set_num_threads(options.threads)
    module = network(options.weights, rounded=False)

    def draw(indices):
        with torch.inference_mode():
            return module(torch.from_numpy(indices)).numpy()

    return draw


def onnx(options):
    import onnxruntime
    import torch

    module = network(options.weights, rounded=False)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "network.onnx")
        example = torch.zeros(options.batch, T, LATENT, dtype=torch.int64)
        with torch.inference_mode():
            torch.onnx.export(module, (example,), path, input_names=["picks"], output_names=["image"], dynamo=options.dynamo)
        session = onnxruntime.SessionOptions()
        session.intra_op_num_threads = options.threads
        session.inter_op_num_threads = 1
        run = onnxruntime.InferenceSession(path, session, providers=["CPUExecutionProvider"])
    return lambda indices: run.run(None, {"picks": indices})[0]


def measure(draw, options):
    random = numpy.random.default_rng(1)
    indices = random.integers(0, K, (options.batch, T, LATENT), dtype=numpy.int64)
    draw(indices)
    times, started = [], time.perf_counter()
    while time.perf_counter() - started < options.seconds or len(times) < 3:
        call = time.perf_counter()
        draw(indices)
        times.append(time.perf_counter() - call)
    times.sort()
    return {
        "images_per_second": len(times) * options.batch / sum(times),
        "ms_per_call": 1e3 * times[len(times) // 2],
        "threads": options.threads,
        "batch": options.batch,
    }


def check(options):
    import torch

    pixels = numpy.load(options.pixels)["pixels"]
    with torch.inference_mode():
        membranes = network(options.weights, rounded=True)(torch.from_numpy(picks(options.seed, len(pixels)))).numpy()
    levels = numpy.load(options.weights)["levels/readout"]
    drawn = numpy.searchsorted(levels, membranes, side="right")
    return {"images": len(pixels), "largest_difference": int(numpy.abs(drawn - pixels.astype(int)).max())}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mode", choices=["pytorch", "onnx", "check"])
    parser.add_argument("weights")
    parser.add_argument("pixels", nargs="?")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dynamo", action="store_true", help="PyTorch's newer exporter, which needs onnxscript")
    options = parser.parse_args()
    if options.mode == "check":
        print(json.dumps(check(options)))
        return
    draw = {"pytorch": pytorch, "onnx": onnx}[options.mode](options)
    print(json.dumps(measure(draw, options)))


main()
