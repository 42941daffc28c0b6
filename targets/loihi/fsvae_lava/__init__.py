"""Runs a Loihi netlist of fsvae-compile in Lava (lava-nc 0.10.0, fixed-point models on the CPU) and records every spike.

    netlist.json, arrays.npz --netlist--> Netlist --network--> Lava processes --record--> events, membranes, pictures
                                                                   ^                          |
                                                     seed, image --picks                      +--compare--> fsvae-sim's events

The command (`__main__`) checks its words and the files, then leaves the work to a process group of its own (`worker`), which is
ended as a whole when its time is up: networks of Lava hang rather than fail.
"""
