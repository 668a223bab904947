"""Generated requests over the whole OpenAPI document: none finds a fault of ours, none an answer it does not describe.

Bounded: each operation gets the same few generated requests, always the same ones.
"""

from __future__ import annotations

import collections

import hypothesis
import jsonschema
import pytest
import schemathesis
from schemathesis.checks import CHECKS, load_all_checks

from served_bridge import ServedBridge

EXAMPLES = 4
# They end or stop the host, or hold a request open on purpose; other tests are about them.
LEFT_OUT = ("/application/quit", "/stop", "/events", "/mcp")
# A feature that is not there, no room, too busy: honest answers of the 5xx family, not faults.
HONEST = {501, 502, 503, 507}
KEPT = {"status_code_conformance", "content_type_conformance", "response_headers_conformance"}
GRANTS = {
    "scene.delete": "allow",
    "files.write": "deny",
    "application.control": "deny",
    "network": "deny",
    "dicom.write": "deny",
}


@pytest.fixture(scope="module")
def a_host(tmp_path_factory):
    with ServedBridge(tmp_path_factory.mktemp("generated"), grants=GRANTS) as host:
        yield host


class Findings:
    """Sends generated requests of one operation after the other, and notes what is wrong with the answers."""

    def __init__(self, client, document):
        self.client = client
        self.document = document
        self.statuses = collections.Counter()
        self.complaints = []
        load_all_checks()
        self.unwanted = [CHECKS.get_one(name) for name in CHECKS.get_all_names() if name not in KEPT]

    def look_at(self, operation):
        @hypothesis.settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            derandomize=True,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(operation.as_strategy())
        def send(case):
            self.send(case, operation.label)

        send()

    def send(self, case, label):
        answer = case.call(
            base_url=self.client.base_url.removesuffix("/agent/v1"),
            headers={"Authorization": f"Bearer {self.client.token}", "Prefer": "wait=1"},
            timeout=20,
        )
        self.statuses[answer.status_code] += 1
        if answer.status_code >= 500 and answer.status_code not in HONEST:
            self.complain(label, answer, "a fault of ours")
        try:
            case.validate_response(answer, excluded_checks=self.unwanted)
        except BaseExceptionGroup as group:
            for fault in group.exceptions:
                self.complain(label, answer, str(fault))
        self.check_schema(case, label, answer)

    def check_schema(self, case, label, answer):
        """Validate as JSON Schema 2020-12, the dialect of OpenAPI 3.1."""
        responses = self.document["paths"][case.operation.path][case.method.lower()]["responses"]
        described = responses.get(str(answer.status_code), responses.get("default"))
        described = self.document["components"]["responses"]["Problem"] if "$ref" in described else described
        media_type = answer.headers.get("content-type", [""])[0].partition(";")[0]
        schema = described.get("content", {}).get(media_type, {}).get("schema")
        if schema is not None and media_type.endswith("json"):
            validator = jsonschema.Draft202012Validator({"components": self.document["components"], **schema})
            for fault in validator.iter_errors(answer.json()):
                self.complain(label, answer, f"{fault.json_path}: {fault.message}")

    def complain(self, label, answer, text):
        self.complaints.append(f"{label} {answer.status_code}: {text[:500]} -- {answer.text[:300]}")


def test_generated_requests_find_neither_faults_nor_undescribed_answers(a_host):
    """issue:#3: no 5xx and no schema violation over the generated OpenAPI document."""
    document = a_host.client.get("/openapi.json").expect().json()
    findings = Findings(a_host.client, document)
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = found.ok()
        if not operation.path.endswith(LEFT_OUT):
            findings.look_at(operation)
    assert not findings.complaints, "\n".join(findings.complaints[:40])
    assert a_host.is_running
    assert sum(findings.statuses.values()) > 3 * len(document["paths"])
    assert findings.statuses[200] > 50
    assert findings.statuses[201] > 5


def test_a_document_that_says_something_else_is_noticed(a_host):
    """house: a test must be able to fail."""
    document = a_host.client.get("/openapi.json").expect().json()
    document["components"]["schemas"]["SceneSummary"]["properties"]["node_count"] = {"type": "string"}
    findings = Findings(a_host.client, document)
    schema = schemathesis.openapi.from_dict(document)
    findings.look_at(schema["/agent/v1/scene"]["GET"])
    assert findings.complaints
    assert all("node_count" in complaint for complaint in findings.complaints)
