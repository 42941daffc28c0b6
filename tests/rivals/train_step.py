"""One training step of the full-size FSVAE in PyTorch, two ways; prints images/s and peak memory as one JSON object.

    python train_step.py original|rewritten --batch 50 --steps 5 --threads 2

`original`   the published program's formulation: 3-D convolutions over a time axis, LIF as a Python loop over T, the posterior's
             roll-out by running the whole prefix again at every step (O(T^2)), scheduled sampling likewise.
`rewritten`  what a careful PyTorch user would write: T folded into the batch, channels-last 2-D convolutions, one autograd function
             for LIF over all steps, the first convolution once, an O(T) roll-out that carries membranes, read-out before its convolution.

Both compute the network of Kamata, Mukuta, Harada (AAAI 2022), 32x32 grey, widths 32 to 256, latent 128, k 20, T 16, MMD loss, AdamW.
"""

import argparse
import json
import random
import resource
import time

import torch
from torch import nn
from torch.nn import functional as F

T, LATENT, K = 16, 128, 20
DECAY, THRESHOLD, READOUT_DECAY = 0.25, 0.2, 0.8
WIDTHS = [32, 64, 128, 256]
PROBABILITY, SCHEDULED_FROM = 0.3, 5


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return (u > THRESHOLD).float()

    @staticmethod
    def backward(ctx, gradient):
        (u,) = ctx.saved_tensors
        return gradient * (u.abs() < 0.5).float()


def mmd(q, p):
    """q, p: [N, latent, T] rates."""
    difference, potential, total = q - p, 0.0, 0.0
    for t in range(T):
        potential = potential + (difference[..., t] - potential) / 2
        total = total + (potential**2).mean()
    return total / T


# ---------------------------------------------------------------- the original's formulation


class LifOverTime(nn.Module):
    """[..., T] currents to spikes."""

    def forward(self, x):
        u, o, out = 0.0, 0.0, []
        for t in range(x.shape[-1]):
            u = DECAY * u * (1 - o) + x[..., t]
            o = Spike.apply(u)
            out.append(o)
        return torch.stack(out, -1)


class TdBn(nn.Module):
    def __init__(self, channels, alpha, dims):
        super().__init__()
        self.norm = nn.BatchNorm3d(channels) if dims == 5 else nn.BatchNorm1d(channels)
        nn.init.constant_(self.norm.weight, alpha * THRESHOLD)

    def forward(self, x):
        return self.norm(x)


class OriginalConv(nn.Module):
    def __init__(self, inputs, outputs, transposed):
        super().__init__()
        kind = nn.ConvTranspose3d if transposed else nn.Conv3d
        more = {"output_padding": (1, 1, 0)} if transposed else {}
        self.weights = kind(inputs, outputs, (3, 3, 1), stride=(2, 2, 1), padding=(1, 1, 0), **more)
        self.bn, self.lif = TdBn(outputs, 1, 5), LifOverTime()

    def forward(self, x):
        return self.lif(self.bn(self.weights(x)))


class OriginalLinear(nn.Module):
    def __init__(self, inputs, outputs, alpha):
        super().__init__()
        self.weights, self.bn, self.lif = nn.Linear(inputs, outputs), TdBn(outputs, alpha, 3), LifOverTime()

    def forward(self, x):  # [N, C, T]
        return self.lif(self.bn(self.weights(x.transpose(1, 2)).transpose(1, 2)))


class Original(nn.Module):
    def __init__(self):
        super().__init__()
        down, up = [1, *WIDTHS], WIDTHS[::-1]
        latent = lambda n: nn.Sequential(
            OriginalLinear(n, 2 * LATENT, 2), OriginalLinear(2 * LATENT, 4 * LATENT, 2), OriginalLinear(4 * LATENT, K * LATENT, 2)
        )
        self.encoder = nn.Sequential(*[OriginalConv(a, b, False) for a, b in zip(down, down[1:])])
        self.before_latent = OriginalLinear(1024, LATENT, 1)
        self.prior, self.posterior = latent(LATENT), latent(2 * LATENT)
        self.decoder_input = OriginalLinear(LATENT, 1024, 1)
        self.decoder = nn.Sequential(*[OriginalConv(a, b, True) for a, b in zip(up, up[1:])], OriginalConv(32, 32, True))
        self.readout = nn.ConvTranspose3d(32, 1, (3, 3, 1), padding=(1, 1, 0))

    def losses(self, images):
        n = len(images)
        encoded = self.before_latent(self.encoder(images.unsqueeze(-1).expand(-1, -1, -1, -1, T)).reshape(n, 1024, T))
        picks = torch.randint(K, (T, n, LATENT, 1))
        pick = lambda x, t: x.view(n, LATENT, K, -1)[..., -1].gather(2, picks[t]).squeeze(2)
        previous = torch.zeros(n, LATENT, 1)
        with torch.no_grad():
            for t in range(T - 1):
                q = self.posterior(torch.cat([encoded[..., : t + 1].detach(), previous], 1))
                previous = torch.cat([previous, pick(q, t).unsqueeze(-1)], -1)
        q = self.posterior(torch.cat([encoded, previous], 1)).view(n, LATENT, K, T)
        z = q.gather(2, picks.permute(1, 2, 3, 0)).squeeze(2)
        previous = torch.zeros(n, LATENT, 1)
        with torch.no_grad():
            for t in range(T - 1):
                following = z[..., t].detach()
                if t >= SCHEDULED_FROM and random.random() < PROBABILITY:
                    p = self.prior(previous).view(n, LATENT, K, -1)[..., -1].mean(2)
                    following = (p + 1e-3 * torch.randn_like(p) > 0.5).float()
                previous = torch.cat([previous, following.unsqueeze(-1)], -1)
        p = self.prior(previous).view(n, LATENT, K, T)
        x = self.readout(self.decoder(self.decoder_input(z).view(n, 256, 2, 2, T)))
        out = 0.0
        for t in range(T):
            out = READOUT_DECAY * out + x[..., t]
        return F.mse_loss(torch.tanh(out), images) + mmd(q.mean(2), p.mean(2))


# ---------------------------------------------------------------- a careful rewrite


class FusedLif(torch.autograd.Function):
    """[T, ...] currents to spikes in one node; only the membranes are kept."""

    @staticmethod
    def forward(ctx, x):
        u, spikes = torch.empty_like(x), torch.empty_like(x)
        held = torch.zeros_like(x[0])
        for t in range(len(x)):
            torch.add(x[t], held, out=u[t])
            torch.gt(u[t], THRESHOLD, out=spikes[t])
            held = DECAY * u[t] * (1 - spikes[t])
        ctx.save_for_backward(u)
        return spikes

    @staticmethod
    def backward(ctx, gradient):
        (u,) = ctx.saved_tensors
        out, later = torch.empty_like(u), None
        for t in reversed(range(len(u))):
            o, window = (u[t] > THRESHOLD).float(), (u[t].abs() < 0.5).float()
            g = gradient[t] * window
            if later is not None:
                g = g + later * DECAY * ((1 - o) - u[t] * window)
            out[t], later = g, g
        return out


class RewrittenLayer(nn.Module):
    """Rows are time-major: T * N."""

    def __init__(self, weights, channels, alpha):
        super().__init__()
        self.weights = weights
        self.bn = (nn.BatchNorm1d if isinstance(weights, nn.Linear) else nn.BatchNorm2d)(channels)
        nn.init.constant_(self.bn.weight, alpha * THRESHOLD)

    def forward(self, x, constant=False):
        y = self.weights(x)
        if constant:
            # Statistics over T equal copies are those of one copy.
            y = self.bn(y).unsqueeze(0).expand(T, *y.shape)
            return FusedLif.apply(y.contiguous()).flatten(0, 1)
        y = self.bn(y)
        return FusedLif.apply(y.view(T, -1, *y.shape[1:])).flatten(0, 1)

    def step(self, x, held):
        """One step with running statistics."""
        y = F.batch_norm(self.weights(x), self.bn.running_mean, self.bn.running_var, self.bn.weight, self.bn.bias)
        u = y + held
        o = (u > THRESHOLD).float()
        return o, DECAY * u * (1 - o)


class Rewritten(nn.Module):
    def __init__(self):
        super().__init__()
        down, up = [1, *WIDTHS], [*WIDTHS[::-1], 32]
        linear = lambda a, b, alpha: RewrittenLayer(nn.Linear(a, b), b, alpha)
        latent = lambda n: nn.ModuleList(
            [linear(n, 2 * LATENT, 2), linear(2 * LATENT, 4 * LATENT, 2), linear(4 * LATENT, K * LATENT, 2)]
        )
        self.encoder = nn.ModuleList([RewrittenLayer(nn.Conv2d(a, b, 3, 2, 1), b, 1) for a, b in zip(down, down[1:])])
        self.before_latent = linear(1024, LATENT, 1)
        self.prior, self.posterior = latent(LATENT), latent(2 * LATENT)
        self.decoder_input = linear(LATENT, 1024, 1)
        self.decoder = nn.ModuleList([RewrittenLayer(nn.ConvTranspose2d(a, b, 3, 2, 1, 1), b, 1) for a, b in zip(up, up[1:])])
        self.readout = nn.ConvTranspose2d(32, 1, 3, 1, 1)

    @staticmethod
    def step(stack, x, state):
        for i, layer in enumerate(stack):
            x, state[i] = layer.step(x, state[i])
        return x

    @staticmethod
    def run(stack, x):
        for layer in stack:
            x = layer(x)
        return x

    def losses(self, images):
        n = len(images)
        x = images.contiguous(memory_format=torch.channels_last)
        for i, layer in enumerate(self.encoder):
            x = layer(x, constant=i == 0)
        encoded = self.before_latent(x.flatten(1))  # [T * N, latent]
        picks = torch.randint(K, (T, n, LATENT, 1))
        pick = lambda x, at: x.view(*at.shape[:-1], K).gather(-1, at).squeeze(-1)
        with torch.no_grad():
            state, previous = [0.0] * 3, [torch.zeros(n, LATENT)]
            for t in range(T - 1):
                q = self.step(self.posterior, torch.cat([encoded[t * n : (t + 1) * n], previous[t]], 1), state)
                previous.append(pick(q, picks[t]))
        q = self.run(self.posterior, torch.cat([encoded, torch.cat(previous)], 1))
        z = pick(q.view(T, n, -1), picks)
        with torch.no_grad():
            state, previous = [0.0] * 3, [torch.zeros(n, LATENT)]
            for t in range(T - 1):
                p = self.step(self.prior, previous[t], state)
                if t >= SCHEDULED_FROM and random.random() < PROBABILITY:
                    rate = p.view(n, LATENT, K).mean(2)
                    previous.append((rate + 1e-3 * torch.randn_like(rate) > 0.5).float())
                else:
                    previous.append(z[t].detach())
        p = self.run(self.prior, torch.cat(previous))
        x = self.decoder_input(z.flatten(0, 1)).view(-1, 256, 2, 2).contiguous(memory_format=torch.channels_last)
        x = self.run(self.decoder, x)
        # The read-out is linear: sum the spikes over time, then convolve once.
        weights = READOUT_DECAY ** torch.arange(T - 1, -1, -1.0)
        x = (x.view(T, n, *x.shape[1:]) * weights.view(T, 1, 1, 1, 1)).sum(0)
        bias = self.readout.bias * weights.sum()
        out = F.conv_transpose2d(x, self.readout.weight, None, 1, 1) + bias.view(1, -1, 1, 1)
        rates = lambda x: x.view(T, n, LATENT, K).mean(3).permute(1, 2, 0)
        return F.mse_loss(torch.tanh(out), images) + mmd(rates(q), rates(p))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["original", "rewritten"])
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    random.seed(1)
    model = Original() if arguments.mode == "original" else Rewritten()
    model.train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-3)
    images = torch.rand(arguments.batch, 1, 32, 32) * 2 - 1
    seconds = []
    for _ in range(arguments.steps + 1):
        start = time.perf_counter()
        optimiser.zero_grad()
        loss = model.losses(images)
        loss.backward()
        optimiser.step()
        loss = loss.item()
        seconds.append(time.perf_counter() - start)
    seconds = sorted(seconds[1:])  # the first step warms up
    print(
        json.dumps(
            {
                "mode": arguments.mode,
                "torch": torch.__version__,
                "batch": arguments.batch,
                "parameters": sum(p.numel() for p in model.parameters()),
                "loss": loss,
                "images_per_second": arguments.batch / seconds[len(seconds) // 2],
                "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
