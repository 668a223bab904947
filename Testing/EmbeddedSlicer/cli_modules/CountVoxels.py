"""A short command line module in Python that follows Slicer's XML protocol: counts voxels above a threshold."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

XML = """<?xml version="1.0" encoding="utf-8"?>
<executable>
  <category>Examples</category>
  <title>Count Voxels</title>
  <description>Counts the bytes of a volume file that differ from zero.</description>
  <version>1.0</version>
  <parameters>
    <label>Data</label>
    <description>In</description>
    <image><name>inputVolume</name><label>Input</label><channel>input</channel><index>0</index>
      <description>Volume to count in.</description></image>
    <integer-vector><name>bins</name><longflag>--bins</longflag><label>Bins</label><default>1,2</default>
      <description>Repeated in the answer.</description></integer-vector>
    <file><name>report</name><longflag>--report</longflag><label>Report</label><channel>output</channel>
      <description>File that gets the count.</description></file>
  </parameters>
</executable>"""


def main() -> int:
    """Describe, or run."""
    if "--xml" in sys.argv:
        print(XML)
        return 0
    parser = argparse.ArgumentParser()
    parser.add_argument("--bins", default="1,2")
    parser.add_argument("--report", default="")
    parser.add_argument("input")
    arguments = parser.parse_args()
    voxels = Path(arguments.input).read_bytes().partition(b"\n\n")[2]
    if arguments.report:
        Path(arguments.report).write_text(f"{len(voxels) - voxels.count(0)}\n", encoding="utf-8")
    print(f"nonzero bytes: {len(voxels) - voxels.count(0)}; bins: {arguments.bins}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
