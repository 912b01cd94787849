"""Train GOT: deepspeed GOT/train/train_GOT.py --deepspeed zero_config/zero2.json --model_name_or_path W …"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])  # run from any folder, without installation

from GOT.cli.train import main

if __name__ == "__main__":
    sys.exit(main())
