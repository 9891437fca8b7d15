"""`python -m minibert`: the same as the command `minibert`."""

import sys

from minibert.cli import main

sys.exit(main())
