"""Entry point of `python -m tests.simulator`."""

import sys

from .cli import main

sys.exit(main())
