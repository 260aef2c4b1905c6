"""How many examples Hypothesis tries of what EM promises never to do."""

import os

# `make test-slow` tries more; 200 were run by hand: `EM_EXAMPLES=200 pytest tests/em`.
EXAMPLES = int(os.environ.get("EM_EXAMPLES", "4"))
