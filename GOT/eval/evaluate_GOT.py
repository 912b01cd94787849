"""Score a model: python3 GOT/eval/evaluate_GOT.py --model-name W --gtfile_path G --image_path DIR --out_path OUT"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])  # run from any folder, without installation

from GOT.cli.evaluate import main

if __name__ == "__main__":
    sys.exit(main())
