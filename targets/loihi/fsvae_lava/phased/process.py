"""PhasedLIF: Lava's LIF, updated at some ticks only."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.ports import PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.lif.models import AbstractPyLifModelFixed
from lava.proc.lif.process import LIF


class PhasedLIF(LIF):
    """`LIF` that updates at the ticks `first_tick + n * ticks_per_step`, counted from 1.

    At all other ticks it holds `u` and `v`, sends nothing, and does not hear what arrives. In a recurrent network whose model step takes
    several ticks a membrane then leaks once a step.
    """

    def __init__(self, *, first_tick: int, ticks_per_step: int, **arguments) -> None:
        super().__init__(first_tick=first_tick, ticks_per_step=ticks_per_step, **arguments)


@implements(proc=PhasedLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class PyPhasedLIFModel(AbstractPyLifModelFixed):
    """Lava's own fixed-point arithmetic at the process's ticks. (The complete model of `LIF` allows no subclass.)"""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    vth: int = LavaPyType(int, np.int32, precision=17)

    def __init__(self, proc_params) -> None:
        super().__init__(proc_params)
        self.effective_vth = 0
        self.first_tick = proc_params["first_tick"]
        self.ticks_per_step = proc_params["ticks_per_step"]

    def scale_threshold(self) -> None:
        self.effective_vth = np.left_shift(self.vth, self.vth_shift)
        self.isthrscaled = True

    def spiking_activation(self) -> np.ndarray:
        return self.v > self.effective_vth

    def run_spk(self) -> None:
        behind = self.time_step - self.first_tick
        if behind >= 0 and behind % self.ticks_per_step == 0:
            super().run_spk()
        else:
            self.a_in.recv()  # a message that nobody takes would block its sender
            self.s_out.send(np.zeros_like(self.v))
