"""The neuron code of sPyNNaker's own binary IF_curr_delta.aplx, run in an emulator (unicorn): no board, and the machine's arithmetic.

The code is found by its instructions, and nothing of it is written down again here: `Neuron` only lays out the memory that it reads.

    parameters --initialise--> R, exp_TC        (64-bit divisions and expk, as the binary does them when it starts)
    V, exc, inh --update--> V', spike or not    (one tick of one neuron)

`python -m fsvae_spinnaker.arm CASES` reads runs of a neuron as JSON and prints what the binary does with them.
"""

import json
import struct
import sys
from pathlib import Path

from unicorn import UC_ARCH_ARM, UC_HOOK_CODE, UC_MODE_ARM, Uc
from unicorn import arm_const as arm

from .errors import RunnerError

INSTALL = "run `cargo xtask setup`, which installs spynnaker==1!7.4.1"
BINARY = "IF_curr_delta.aplx"
RETURN, STACK, DATA = 0x00FF_0000, 0x00E8_8000, 0x00F0_0000
# from the first word of each block to the last; the addresses differ from release to release
INITIALISE = bytes.fromhex("240094e5 0030a0e3 c01fa0e1 50a098e5")  # ldr r0, [r4, #0x24]: the first parameter of the loop over neurons
INITIALISED = bytes.fromhex("1c0085e5")  # str r0, [r5, #0x1c]: its last result, T_refract
UPDATE = bytes.fromhex("14309be5 000053e3 110000da")  # ldr r3, [fp, #0x14]: the refractory timer
SILENT = bytes.fromhex("18309de5 018058e2")  # ldr r3, [sp, #0x18]: what follows a neuron that did not fire
FIRED = bytes.fromhex("18009be5 00008be5")  # ldr r0, [fp, #0x18]; str r0, [fp]: V = V_reset
WIDEST = 0x400  # bytes from the start of a block to its end, at most


class Binary:
    """The code in memory, and where its blocks begin and end."""

    def __init__(self, path: Path) -> None:
        image = path.read_bytes()
        command, target, offset, size = struct.unpack_from("<4I", image)  # copy `size` bytes at `offset` to `target`: the code
        self.code = image[offset : offset + size]
        if command != 2 or target != 0 or len(self.code) != size:
            raise RunnerError("E163", f"{path} is not laid out as the binaries of sPyNNaker 1!7.4.1 are", INSTALL)
        self.initialise = self.find(INITIALISE, 0, size)
        self.initialised = self.find(INITIALISED, self.initialise, self.initialise + WIDEST) + 4
        self.update = self.find(UPDATE, 0, size)
        self.silent = self.find(SILENT, self.update, self.update + WIDEST)
        self.fired = self.find(FIRED, self.update, self.update + WIDEST) + 8

    def find(self, block: bytes, begin: int, end: int) -> int:
        place = self.code.find(block, begin, end)
        if place < 0 or self.code.find(block, place + 1, end) >= 0:
            raise RunnerError("E163", f"the neuron code is not found in {BINARY}", INSTALL)
        return place


class Neuron:
    """One neuron of `IF_curr_delta` at 1 ms a tick, with V_rest = V_reset = 0 and no refractory time. All numbers are bits of s16.15."""

    STATE, PARAMETERS, GLOBALS, THRESHOLD, SCALE, INPUT = (DATA + 0x100 * n for n in range(6))

    def __init__(self, binary: Binary, tau_m: int, cm: int, threshold: int) -> None:
        self.binary, self.machine = binary, Uc(UC_ARCH_ARM, UC_MODE_ARM)
        self.machine.mem_map(0, 0x10_0000)
        self.machine.mem_map(STACK - 0x8000, 0x1_0000)
        self.machine.mem_map(DATA, 0x1_0000)
        self.machine.mem_write(0, binary.code)
        for end in (binary.initialised, binary.silent, binary.fired):
            self.machine.hook_add(UC_HOOK_CODE, self.stop, begin=end, end=end)
        one = 1 << 15
        # v, v_rest, cm, tau_m, i_offset, v_reset, tau_refrac, refract_timer, timestep
        self.words(self.PARAMETERS, [0, 0, cm, tau_m, 0, 0, 0, 0, one])
        self.words(self.GLOBALS + 0x4C, [1, self.STATE])  # updates a tick, and the array of neurons
        self.words(self.THRESHOLD, [threshold])
        self.words(self.SCALE, [one])
        registers = {arm.UC_ARM_REG_R4: self.PARAMETERS - 4, arm.UC_ARM_REG_R8: self.GLOBALS, arm.UC_ARM_REG_R7: 0, arm.UC_ARM_REG_R9: 1}
        # the loop begins with the number of updates in r2; r4 points at a word before the parameters, the number of neurons
        registers |= {arm.UC_ARM_REG_R2: 1, arm.UC_ARM_REG_R11: (1 << 14), arm.UC_ARM_REG_SP: STACK}
        self.run(registers, binary.initialise, binary.initialised)

    @property
    def v(self) -> int:
        return self.signed(self.STATE)

    @property
    def r(self) -> int:
        return self.signed(self.STATE + 8)

    @property
    def exp_tc(self) -> int:
        return self.signed(self.STATE + 12)

    def tick(self, excitatory: int, inhibitory: int) -> bool:
        """One tick; whether it fires. Inputs are ring buffers after their shift."""
        self.words(self.INPUT, [excitatory, inhibitory])
        frame = [0] * 16
        frame[2], frame[3], frame[8] = excitatory, inhibitory, 1 << 15  # the inputs, and their scale: 1
        frame[4], frame[5], frame[6] = self.SCALE, self.THRESHOLD, self.INPUT
        self.words(STACK, frame)
        bits = self.GLOBALS + 0x80  # the record of spikes: two pointers to pointers, an index and a word of bits
        self.words(self.GLOBALS + 0x10, [bits, bits + 4])
        self.words(bits, [bits + 0x10, bits + 0x20, 0, 0, 0, 0, 0, 0, 0])
        registers = {arm.UC_ARM_REG_R11: self.STATE, arm.UC_ARM_REG_R10: self.GLOBALS, arm.UC_ARM_REG_SP: STACK}
        registers |= {arm.UC_ARM_REG_R5: 0, arm.UC_ARM_REG_R7: 0, arm.UC_ARM_REG_R8: 1}
        return self.run(registers, self.binary.update, self.binary.silent, self.binary.fired) == self.binary.fired

    def run(self, registers: dict, begin: int, *ends: int) -> int:
        """Runs until the first of `ends`; which."""
        for register, value in registers.items():
            self.machine.reg_write(register, value)
        self.reached = None
        self.machine.emu_start(begin, RETURN, count=100_000)
        if self.reached not in ends:
            raise RunnerError("E163", f"the neuron code of {BINARY} does not come to its end", INSTALL)
        return self.reached

    def stop(self, machine, address: int, *_) -> None:
        self.reached = address
        machine.emu_stop()

    def words(self, address: int, values: list) -> None:
        self.machine.mem_write(address, struct.pack(f"<{len(values)}I", *(value & 0xFFFF_FFFF for value in values)))

    def signed(self, address: int) -> int:
        return struct.unpack("<i", self.machine.mem_read(address, 4))[0]


def main() -> int:
    import spynnaker.pyNN.model_binaries as binaries

    binary = Binary(Path(binaries.__file__).parent / BINARY)
    results = []
    for case in json.loads(Path(sys.argv[1]).read_text()):
        neuron = Neuron(binary, case["tau_m"], case["cm"], case["threshold"])
        steps = []
        for excitatory, inhibitory in case["inputs"]:
            spike = neuron.tick(excitatory, inhibitory)
            steps.append([neuron.v, spike])
        results.append({"r": neuron.r, "exp_tc": neuron.exp_tc, "steps": steps})
    print(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
