"""What every worker needs, imported once before the workers are made; it starts no threads."""

import mining.engine.judging
import mining.ingest.blocks
import mining.stages  # noqa: F401
