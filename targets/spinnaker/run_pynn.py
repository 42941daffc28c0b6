"""`python run_pynn.py NETLIST ...`: the command of the package beside it."""

import sys

from fsvae_spinnaker.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
