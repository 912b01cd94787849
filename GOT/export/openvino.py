"""A checkpoint to a folder of OpenVINO graphs that the ``openvino`` backend, or any program of OpenVINO's, runs."""

from __future__ import annotations

from pathlib import Path

from GOT.inference.agreement import Agreement
from GOT.inference.backends.openvino_export import PRECISIONS, Original
from GOT.inference.backends.openvino_export import export as export_once
from GOT.utils.log import get_logger

