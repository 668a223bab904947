"""Structured reports as we write them beside dcmtk's `dsrdump`, item by item."""

import re
import subprocess
import warnings

import pydicom
import pytest
from pydicom.data import get_testdata_file

import dicom_data
from AgentBridgeLib.operations.dicom import report_tree
from components import component

_DUMPED = re.compile(
    r"^(?P<indent> *)<(?:(?P<relation>contains|has [a-z ]+|inferred from|selected from) )?"
    r"(?:(?P<kind>[A-Z0-9]+):(?:\((?P<concept>[^)]*)\))?=|(?P<target>[0-9.]+)>)(?P<rest>.*)$",
    re.DOTALL,
)


def highdicom_report():
    """Make a report after TID 1500 with highdicom: a measurement with a coded finding."""
    from highdicom import sr
    from pydicom.sr.codedict import codes

    warnings.simplefilter("ignore")
    source = dicom_data.ct_slice("1.2.3", "1.2.4", "1.2.5", 0)
    observer = sr.ObserverContext(codes.DCM.Person, sr.PersonObserverIdentifyingAttributes(name="Who^Doctor"))
    measurement = sr.Measurement(
        name=codes.SCT.Length, value=12.5, unit=codes.UCUM.Millimeter, qualifier=codes.DCM.NotANumber
    )
    group = sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid="1.2.9", identifier="nodule"),
        source_images=[sr.SourceImageForMeasurementGroup(source.SOPClassUID, source.SOPInstanceUID)],
        measurements=[measurement],
    )
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_person_context=observer),
        procedure_reported=codes.SCT.ImagingProcedure,
        imaging_measurements=[group],
        title=codes.DCM.ImagingMeasurementReport,
    )
    return sr.ComprehensiveSR([source], content, "1.2.6", 1, "1.2.7", 1, manufacturer="maker")


REPORTS = {
    "Comprehensive": lambda: pydicom.dcmread(get_testdata_file("test-SR.dcm")),
    "Basic Text": lambda: pydicom.dcmread(get_testdata_file("reportsi.dcm")),
    "Enhanced": lambda: dicom_data.report("1.2.3"),
    "TID 1500": highdicom_report,
}


def dumped(dataset, folder):
    """Give level, relation, concept and the rest of each item as dsrdump prints it."""
    path = folder / "report.dcm"
    dataset.save_as(path, enforce_file_format=True)
    program = component("dcmtk").find().with_name("dsrdump")
    options = ["-q", "-Ph", "+Pl", "+U8", "-Ec", "-Ev", "-Er", "-Ee", "+Pu"]
    done = subprocess.run([program, *options, path], check=True, capture_output=True, timeout=60)
    found = []
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        match = _DUMPED.match(line)
        if match:
            quoted = re.search(r'"(.*)"', match["concept"] or "")
            relation = match["relation"] or ""
            found.append(
                (
                    len(match["indent"]) // 2,
                    "" if relation == "contains" else relation,
                    quoted[1] if quoted else "",
                    match["kind"] or f"see item {match['target']}",
                    match["rest"],
                )
            )
    return found


def written(dataset):
    found = []
    for text in report_tree.lines(dataset, hides_names=False):
        bare = text.lstrip(" ")
        relation = re.match(r"\(([a-z ]+)\) ", bare)
        found.append(
            (
                (len(text) - len(bare)) // 2,
                relation[1] if relation else "",
                bare[relation.end() :] if relation else bare,
            )
        )
    return found


def squeezed(text):
    """Leave letters and digits only: the two differ in line ends, quotes and brackets."""
    return re.sub(r"[^\w]+", "", text.replace("\\r", "").replace("\\n", ""))


@pytest.mark.needs("dcmtk")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REPORTS)
def test_report_has_the_tree_that_dsrdump_prints(tmp_path, name):
    """issue:#6: every item at its level, with its relation, concept and value, in the order of the document."""
    dataset = REPORTS[name]()
    oracle, ours = dumped(dataset, tmp_path), written(dataset)
    assert len(oracle) > 6
    assert [(level, relation) for level, relation, _ in ours] == [
        (level, relation) for level, relation, *_ in oracle
    ]
    for (_, _, shown), (_, _, concept, kind, rest) in zip(ours, oracle, strict=True):
        assert shown.startswith(concept or kind.lower()), (shown, concept, kind)
        if kind in {"TEXT", "NUM", "CODE", "PNAME", "DATE", "TIME", "DATETIME", "UIDREF"}:
            for value in re.findall(r'"((?:[^"\\]|\\.)*)"', rest.partition("> {")[0]):
                if value.isascii():
                    assert squeezed(value) in squeezed(shown), (shown, rest)
        if kind in {"IMAGE", "COMPOSITE", "WAVEFORM"}:
            for uid in re.findall(r'"([0-9.]+)"', rest):
                assert uid in shown
