"""Writes the small PyTorch files of this folder: `python make_pth.py` with any PyTorch from 1.6 on (2.15.0 wrote those that are committed).

A tiny FSVAE with the original program's names: 8x8 images, channels 2 and 3, latent 2, k 3, T 4. Every value is a multiple of 1/64
below 2, so that all types hold it exactly; number n of a tensor is ((n * 37 + length of the name) % 128 - 64) / 64.
"""
import collections
import torch


def values(name, shape, low=-64):
    count = 1
    for extent in shape:
        count *= extent
    numbers = torch.arange(count, dtype=torch.int64)
    return (((numbers * 37 + len(name)) % 128 + low).to(torch.float32) / 64).reshape(shape)


def state_dict():
    state = collections.OrderedDict()

    def layer(name, shape, out, norm=True):
        state[name + ".weight"] = values(name + ".weight", shape)
        state[name + ".bias"] = values(name + ".bias", (out,))
        if norm:
            state[name + ".bn.weight"] = values(name + ".bn.weight", (out,))
            state[name + ".bn.bias"] = values(name + ".bn.bias", (out,))
            state[name + ".bn.running_mean"] = values(name + ".bn.running_mean", (out,))
            state[name + ".bn.running_var"] = values(name + ".bn.running_var", (out,), 1)
            state[name + ".bn.num_batches_tracked"] = torch.tensor(7)

    channels, latent, k, steps, bottleneck = [1, 2, 3], 2, 3, 4, 3 * 2 * 2
    for i in range(2):
        layer(f"encoder.{i}", (channels[i + 1], channels[i], 3, 3, 1), channels[i + 1])
    layer("before_latent_layer", (latent, bottleneck), latent)
    for part, first in (("posterior", 2 * latent), ("prior", latent)):
        state[part + ".initial_input"] = torch.zeros(1, latent, 1)
        widths = [first, 2 * latent, 4 * latent, k * latent]
        for i in range(3):
            layer(f"{part}.layers.{i}", (widths[i + 1], widths[i]), widths[i + 1])
    layer("decoder_input", (bottleneck, latent), bottleneck)
    layer("decoder.0", (3, 2, 3, 3, 1), 2)
    layer("final_layer.0", (2, 2, 3, 3, 1), 2)
    layer("final_layer.1", (2, 1, 3, 3, 1), 1, norm=False)
    state["membrane_output_layer.coef"] = torch.pow(0.8, torch.arange(steps - 1, -1, -1)).reshape(1, 1, 1, 1, steps)
    return state


state = state_dict()
state._metadata = collections.OrderedDict({"": {"version": 1}, "encoder.0.bn": {"version": 2}})
torch.save(state, "tiny.pth")
torch.save(state, "legacy.pth", _use_new_zipfile_serialization=False)
# all types, a transposed storage, a tensor that two names share, and a training program's dictionary around it
mixed = collections.OrderedDict(("module." + name, tensor) for name, tensor in state.items())
for name, dtype in (("encoder.0.weight", torch.float16), ("encoder.1.weight", torch.bfloat16), ("decoder.0.bias", torch.float64)):
    mixed["module." + name] = mixed["module." + name].to(dtype)
mixed["module.prior.layers.1.weight"] = mixed["module.prior.layers.1.weight"].t().contiguous().t()
weight = torch.nn.Parameter(torch.ones(3))
optimiser = torch.optim.AdamW([weight])
weight.sum().backward()
optimiser.step()
torch.save({"epoch": 3, "loss": 0.5, "best": None, "state_dict": mixed, "optimizer": optimiser.state_dict()}, "training.pth")


class Evil:
    def __reduce__(self):
        import os
        return os.system, ("touch executed",)


torch.save({"state_dict": state, "extra": Evil()}, "evil.pth")
torch.jit.script(torch.nn.Linear(1, 1)).save("script.pth")
