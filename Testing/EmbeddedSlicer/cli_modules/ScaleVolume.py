"""A command line module in Python that follows Slicer's XML protocol: multiplies an image, in as many steps as asked.

Between steps it reports progress and rests, so that a run can be long enough to be canceled.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

XML = """<?xml version="1.0" encoding="utf-8"?>
<executable>
  <category>Examples</category>
  <title>Scale Volume</title>
  <description>Multiplies every voxel by a factor.</description>
  <version>1.0</version>
  <parameters>
    <label>Data</label>
    <description>In and out</description>
    <image><name>inputVolume</name><label>Input</label><channel>input</channel><index>0</index>
      <description>Volume to scale.</description></image>
    <image><name>outputVolume</name><label>Output</label><channel>output</channel><index>1</index>
      <description>Scaled volume.</description></image>
  </parameters>
  <parameters>
    <label>Settings</label>
    <description>How</description>
    <double><name>factor</name><longflag>--factor</longflag><label>Factor</label><default>2.0</default>
      <description>What voxels are multiplied by.</description>
      <constraints><minimum>-100</minimum><maximum>100</maximum><step>0.5</step></constraints></double>
    <integer><name>steps</name><longflag>--steps</longflag><label>Steps</label><default>3</default>
      <description>In how many steps it works.</description>
      <constraints><minimum>1</minimum><maximum>100000</maximum></constraints></integer>
    <string-enumeration><name>rounding</name><longflag>--rounding</longflag><label>Rounding</label>
      <description>Which way halves go.</description><default>nearest</default>
      <element>nearest</element><element>down</element></string-enumeration>
    <boolean><name>fail</name><longflag>--fail</longflag><label>Fail</label><default>false</default>
      <description>Whether to end with an error.</description></boolean>
  </parameters>
</executable>"""
REST_S = 0.02


def main() -> int:
    """Describe, or run."""
    if "--xml" in sys.argv:
        print(XML)
        return 0
    parser = argparse.ArgumentParser()
    parser.add_argument("--factor", type=float, default=2.0)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--rounding", choices=("nearest", "down"), default="nearest")
    parser.add_argument("--fail", action="store_true")
    parser.add_argument("input")
    parser.add_argument("output")
    arguments = parser.parse_args()
    for step in range(arguments.steps):
        print(f"<filter-progress>{step / arguments.steps:g}</filter-progress>", flush=True)
        time.sleep(REST_S)
    if arguments.fail:
        print("failed as asked", file=sys.stderr)
        return 3
    scale(arguments)
    print(f"scaled by {arguments.factor:g}")
    return 0


def scale(arguments: argparse.Namespace) -> None:
    """Read, multiply and write an NRRD file with raw voxels; the head stays as it is."""
    import numpy as np

    content = Path(arguments.input).read_bytes()
    head, _, voxels = content.partition(b"\n\n")
    fields = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
    kinds = {"short": "<i2", "unsigned char": "u1", "float": "<f4", "double": "<f8", "int": "<i4"}
    values = np.frombuffer(voxels, kinds[fields["type"]])
    scaled = values.astype(float) * arguments.factor
    if values.dtype.kind in "iu":
        scaled = np.floor(scaled) if arguments.rounding == "down" else np.rint(scaled)
    Path(arguments.output).write_bytes(head + b"\n\n" + scaled.astype(values.dtype).tobytes())


if __name__ == "__main__":
    sys.exit(main())
