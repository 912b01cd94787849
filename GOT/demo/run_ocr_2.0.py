"""Read a page: python3 GOT/demo/run_ocr_2.0.py --model-name W --image-file F --type ocr|format"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])  # run from any folder, without installation

from GOT.cli.demo import main_single

if __name__ == "__main__":
    sys.exit(main_single())
