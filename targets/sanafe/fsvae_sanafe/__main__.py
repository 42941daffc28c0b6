"""`python -m fsvae_sanafe FOLDER`: runs arch.yaml and snn.yaml in SANA-FE and prints what came of it as one JSON object.

{
  "sanafe": "2.2.9", "timing": "detailed", "ticks": 18,
  "spikes": [["p0.3", "p1.0"], ...]      by tick: who fired, sorted
  "energy_fj": 123, "energy_joule": 1.23e-13,   rounded to the femtojoule, and as SANA-FE gives it
  "tick_ps": [...]                        by tick, rounded to the picosecond
  "messages": [[1, "p0.3", "0.1", "2.0", 2, 64, 243200, 16000], ...]    sorted: tick from 1, neuron, its core, the core that
                                          it reached, hops, synapses there, picoseconds of these and until it was made
  "synaptic_operations": 7, "packets": 3,
  "load_seconds": 1.0, "run_seconds": 0.5, "peak_bytes": 123
}

With --bench there are no traces, and so no spikes, tick_ps and messages.
"""

import argparse
import contextlib
import importlib.metadata
import json
import os
import pathlib
import resource
import sys
import time


def main():
    parser = argparse.ArgumentParser(prog="fsvae_sanafe", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--timing", choices=["simple", "detailed"], default="detailed")
    parser.add_argument("--bench", action="store_true", help="no traces: only counts and seconds")
    options = parser.parse_args()
    with quiet():
        result = run(options)
    print(json.dumps(result))


@contextlib.contextmanager
def quiet():
    """SANA-FE talks on stdout, from C++."""
    sys.stdout.flush()
    saved = os.dup(1)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(saved, 1)
            os.close(saved)


def run(options):
    import sanafe

    ticks = json.loads((options.folder / "netlist.json").read_text())["ticks"]
    started = time.perf_counter()
    architecture = sanafe.load_arch(str(options.folder / "arch.yaml"))
    network = sanafe.load_net(str(options.folder / "snn.yaml"), architecture)
    chip = sanafe.SpikingChip(architecture)
    chip.load(network)
    loaded = time.perf_counter()
    traces = {} if options.bench else {"spike_trace": True, "perf_trace": True, "message_trace": True}
    results = chip.sim(ticks, timing_model=options.timing, processing_threads=1, **traces)
    done = time.perf_counter()
    energy = results["energy"]["total"]
    summary = {
        "sanafe": importlib.metadata.version("sanafe"),
        "timing": options.timing,
        "ticks": ticks,
        "energy_fj": round(energy * 1e15),
        "energy_joule": energy,
        "time_ps": round(results["sim_time"] * 1e12),
        "synaptic_operations": results["spikes"],
        "packets": results["packets_sent"],
        "load_seconds": loaded - started,
        "run_seconds": done - loaded,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    if not options.bench:
        summary["spikes"] = [sorted(name(address) for address in tick) for tick in results["spike_trace"]]
        messages = (message for tick in results["message_trace"] for message in tick if not message["placeholder"])
        summary["messages"] = sorted(as_list(message) for message in messages)
        summary["tick_ps"] = [round(seconds * 1e12) for seconds in results["perf_trace"]["sim_time"]]
    return summary


def name(address):
    return f"{address.group_name}.{address.neuron_offset}"


def as_list(message):
    def core(end):
        return f"{message[end + '_tile_id']}.{message[end + '_core_offset']}"

    def picoseconds(what):
        return round(message[what] * 1e12)

    neuron = f"{message['src_neuron_group_id']}.{message['src_neuron_offset']}"
    delays = [picoseconds("processing_delay"), picoseconds("generation_delay")]
    return [message["timestep"], neuron, core("src"), core("dest"), message["hops"], message["spikes"], *delays]


if __name__ == "__main__":
    main()
