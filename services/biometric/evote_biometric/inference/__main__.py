"""``python -m evote_biometric.inference WEIGHTS``: one worker with the real models."""

from __future__ import annotations

import sys
from pathlib import Path

from .models import load_models
from .worker import serve_readings

if __name__ == "__main__":
    serve_readings(lambda: load_models(Path(sys.argv[1])))
