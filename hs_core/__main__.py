"""`python -m hs_core` is `hs`."""

import sys

from hs_core.cli import main

sys.exit(main())
