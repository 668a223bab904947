"""A double of the program TotalSegmentator: takes its arguments, and calls what is bright liver and dark spleen."""

import argparse
import sys
import time
from pathlib import Path

import SimpleITK as sitk  # noqa: N813 - its usual name

parser = argparse.ArgumentParser()
for name in ("-i", "-o", "--task", "--device"):
    parser.add_argument(name, required=name in {"-i", "-o"})
for name in ("--ml", "--fast", "--fastest"):
    parser.add_argument(name, action="store_true")
parser.add_argument("--roi_subset", nargs="*")
given = parser.parse_args()
print("If you use this tool please cite: nobody, it is a double", flush=True)
image = sitk.ReadImage(given.i)
if sitk.GetArrayViewFromImage(image).max() > 5000:
    print("RuntimeError: this double does not like such bright volumes", file=sys.stderr)
    sys.exit(7)
while sitk.GetArrayViewFromImage(image).min() < -5000:
    time.sleep(0.05)  # until it is killed
liver, spleen = sitk.Cast(image > 200, sitk.sitkUInt8), sitk.Cast(image < -200, sitk.sitkUInt8)
if given.ml:
    sitk.WriteImage(liver + spleen * 2, f"{given.o}.nii")
else:
    Path(given.o).mkdir()
    sitk.WriteImage(liver, str(Path(given.o) / "liver.nii.gz"))
print(f"Saved in {given.o} with {' '.join(sys.argv[5:])}")
