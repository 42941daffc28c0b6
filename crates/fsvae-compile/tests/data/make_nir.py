"""Writes the NIR files of this folder with the libraries themselves, and the spikes that each library computed.

    pip install torch nir==1.0.8 nirtorch==2.6 h5py safetensors snntorch==1.0.0 norse==1.1.0 sinabs==3.1.3
    python make_nir.py

NAME.nir is the network, NAME.safetensors its input [samples, steps, neurons] and the spikes of its layers, all uint8.
refused_*.nir are networks that the compiler refuses.
"""
import nir
import norse.torch as norse
import numpy as np
import sinabs.layers as sl
import sinabs.nir
import snntorch
import torch
from norse.torch.utils.export_nir import to_nir as norse_to_nir
from safetensors.numpy import save_file
from snntorch.export_nir import export_to_nir

SAMPLES, STEPS = 8, 25


def conv():
    layer = torch.nn.Conv2d(1, 4, 3, stride=2, padding=1)
    torch.nn.init.uniform_(layer.weight, -0.6, 1.0)
    return layer


def dense(inputs, outputs, scale=0.5):
    layer = torch.nn.Linear(inputs, outputs)
    torch.nn.init.uniform_(layer.weight, -scale, scale * 1.3)
    return layer


def spikes(shape, rate):
    return (torch.rand(SAMPLES, STEPS, *shape) < rate).float()


def save(name, graph, inputs, layers):
    nir.write(name + ".nir", graph)
    arrays = {"input": inputs, **layers}
    for key, values in arrays.items():
        print(name, key, tuple(values.shape), "rate %.3f" % values.mean())
    save_file({k: v.reshape(SAMPLES, STEPS, -1).to(torch.uint8).numpy() for k, v in arrays.items()}, name + ".safetensors")


@torch.no_grad()
def with_snntorch():
    torch.manual_seed(1)
    # reset to zero: the reset that NIR's LIF has
    first = snntorch.Leaky(beta=torch.full((4, 4, 4), 0.8), threshold=torch.full((4, 4, 4), 1.2), reset_mechanism="zero", init_hidden=True)
    second = snntorch.Leaky(beta=torch.full((10,), 0.9), threshold=torch.linspace(0.8, 1.4, 10), reset_mechanism="zero", init_hidden=True)
    layers = [conv(), first, torch.nn.Flatten(), dense(64, 10, 0.35), second]
    inputs = spikes((1, 8, 8), 0.3)
    graph = export_to_nir(torch.nn.Sequential(*layers), inputs[:, 0], ignore_dims=[0])
    first.reset_mem(), second.reset_mem()
    found = {"1": [], "4": []}
    for step in range(STEPS):
        x = inputs[:, step]
        for place, layer in enumerate(layers):
            x = layer(x)
            if str(place) in found:
                found[str(place)].append(x)
    save("snntorch", graph, inputs, {k: torch.stack(v, 1) for k, v in found.items()})


@torch.no_grad()
def with_norse():
    torch.manual_seed(2)

    def parameters(neurons):
        full = lambda value: torch.full((neurons,), value)
        return norse.LIFBoxParameters(tau_mem_inv=full(200.0), v_leak=full(0.05), v_th=full(0.3), v_reset=full(0.0))

    cells = [norse.LIFBoxCell(parameters(12)), norse.LIFBoxCell(parameters(6))]
    weights = [dense(16, 12), dense(12, 6, 0.9)]
    inputs = spikes((16,), 0.3)
    # norse writes tau = dt / tau_mem_inv, which is dt times the time constant
    graph = norse_to_nir(norse.SequentialState(weights[0], cells[0], weights[1], cells[1]), inputs[0, 0], dt=0.001)
    states, found = [None, None], {"1": [], "3": []}
    for step in range(STEPS):
        x = inputs[:, step]
        for place in range(2):
            z = weights[place](x)
            if states[place] is None:  # norse starts at v_leak; NIR does not say, we start at 0
                states[place] = norse.functional.lif_box.LIFBoxFeedForwardState(v=torch.zeros_like(z))
            x, states[place] = cells[place](z, states[place])
            found[str(2 * place + 1)].append(x)
    save("norse", graph, inputs, {k: torch.stack(v, 1) for k, v in found.items()})


@torch.no_grad()
def with_sinabs():
    torch.manual_seed(3)
    from sinabs.activation import MembraneReset, SingleSpike

    kind = {"spike_fn": SingleSpike, "reset_fn": MembraneReset()}
    first = sl.IAF(spike_threshold=torch.tensor(1.5), **kind)
    second = sl.LIF(tau_mem=torch.full((10,), 6.0), spike_threshold=torch.full((10,), 0.25), norm_input=True, **kind)
    convolution, matrix = conv(), dense(64, 10)
    inputs = spikes((1, 8, 8), 0.15)
    x = convolution(inputs.flatten(0, 1)).unflatten(0, (SAMPLES, STEPS))
    a = first(x)
    b = second(matrix(a.flatten(2)))
    first.v_mem, second.v_mem = torch.zeros(1, 4, 4, 4), torch.zeros(1, 10)
    nodes = {
        "input": nir.Input(np.array([1, 8, 8])),
        "0": sinabs.nir._extract_sinabs_module(convolution),
        "1": sinabs.nir._extract_sinabs_module(first),
        "2": sinabs.nir._extract_sinabs_module(torch.nn.Flatten()),
        "3": sinabs.nir._extract_sinabs_module(matrix),
        "4": sinabs.nir._extract_sinabs_module(second),
        "output": nir.Output(np.array([10])),
    }
    names = list(nodes)
    nodes = {k: to_numpy(v) for k, v in nodes.items()}
    nodes["0"] = nir.Conv2d((8, 8), nodes["0"].weight, nodes["0"].stride, nodes["0"].padding, nodes["0"].dilation, 1, nodes["0"].bias)
    nodes["2"] = nir.Flatten({"input": np.array([4, 4, 4])}, 0, -1)
    save("sinabs", nir.NIRGraph(nodes, list(zip(names, names[1:]))), inputs, {"1": a, "4": b})


def to_numpy(node):
    for key, value in vars(node).items():
        if isinstance(value, torch.Tensor):
            setattr(node, key, value.numpy())
    return node


def refused():
    one = lambda *shape: np.ones(shape or (4,), np.float32)
    lif = lambda **own: nir.LIF(**{**dict(tau=one(), r=one(), v_leak=0 * one(), v_threshold=one(), v_reset=0 * one()), **own})
    return {
        "cuba": [nir.Linear(one(4, 4)), nir.CubaLIF(one(), one(), one(), 0 * one(), one())],
        "pool": [nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])), lif()],
        "reset": [nir.Linear(one(4, 4)), lif(v_reset=-one())],
        "taus": [nir.Linear(one(4, 4)), lif(tau=np.arange(1, 5).astype(np.float32))],
        "silent": [nir.Linear(one(4, 4)), lif(v_threshold=0 * one())],
        "double": [nir.Linear(one(4, 4)), nir.Linear(one(4, 4)), lif()],
        "direct": [lif()],
        "nothing": [nir.Linear(one(4, 4))],
        "li": [nir.Linear(one(4, 4)), nir.LI(one(), one(), 0 * one()), nir.Linear(one(4, 4)), lif()],
    }


def recurrent():
    one = np.ones(4, np.float32)
    nodes = {"input": nir.Input(np.array([4])), "w": nir.Linear(np.eye(4, dtype=np.float32)), "back": nir.Linear(np.eye(4, dtype=np.float32)),
             "lif": nir.LIF(one, one, 0 * one, one), "output": nir.Output(np.array([4]))}
    return nir.NIRGraph(nodes, [("input", "w"), ("w", "lif"), ("lif", "back"), ("back", "lif"), ("lif", "output")])


with_snntorch()
with_norse()
with_sinabs()
for name, chain in refused().items():
    nodes = {"input": nir.Input(np.array([4])), **{f"{place}": node for place, node in enumerate(chain)}, "output": nir.Output(np.array([4]))}
    names = list(nodes)
    nir.write(f"refused_{name}.nir", nir.NIRGraph(nodes, list(zip(names, names[1:])), type_check=False))
nir.write("refused_recurrent.nir", recurrent())
