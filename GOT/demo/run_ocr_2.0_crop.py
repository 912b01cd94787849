"""Read small print or a folder of pages: python3 GOT/demo/run_ocr_2.0_crop.py --model-name W --image-file F_or_DIR"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])  # run from any folder, without installation

from GOT.cli.demo import main_crop

if __name__ == "__main__":
    sys.exit(main_crop())
