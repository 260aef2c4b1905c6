"""python -m keras_drmm: see `keras_drmm.command_line`."""

import sys

from keras_drmm.command_line import main

if __name__ == "__main__":
    sys.exit(main())
