"""What a client may rely on, seen over HTTP on a running host."""

from __future__ import annotations

import json

import pytest

REFUSED_FOR_TOKEN = {(401, "auth.required"), (429, "auth.throttled")}


def problem(answer, status, code):
    """Check that an answer is a problem document of this kind, and give it."""
    document = answer.json()
    assert answer.status == status, document
    assert answer.headers["content-type"] == "application/problem+json"
    assert document["code"] == code
    assert document["status"] == status
    assert document["detail"]
    assert document["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.body.decode()
    return document


def a_text_node(client, name="note"):
    """Make a line, the simplest node there is a route for, and give its id."""
    body = {"type": "line", "points_ras": [[0, 0, 0], [10, 0, 0]], "name": name}
    return client.post("/markups", body).expect().json()["id"]


def plain_lists(document):
    """Find the lists of an OpenAPI document that need no argument, but for those that go by offset or number."""
    found = []
    for path, methods in document["paths"].items():
        described = methods.get("get", {})
        content = described.get("responses", {}).get("200", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        while "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        asked = described.get("parameters", [])
        is_list = "items" in schema.get("properties", {})
        if is_list and not any(one.get("required") or one["name"] in {"offset", "since"} for one in asked):
            found.append(path.removeprefix("/agent/v1"))
    return found


class TestComingIn:
    def test_health_needs_no_token_and_tells_nothing_more(self, a_bridge):
        """http: section 2"""
        answer = a_bridge.with_token(None).get("/health").expect(200)
        assert answer.json() == {"status": "ok", "busy": False, "api": "v1"}

    @pytest.mark.parametrize(
        "path", ["/", "/scene", "/operations", "/jobs", "/audit", "/openapi.json", "/no-such"]
    )
    def test_everything_else_needs_the_token(self, a_bridge, path):
        """http: section 1; without a token not even the routes show"""
        answer = a_bridge.with_token(None).get(path)
        assert (answer.status, answer.code) in REFUSED_FOR_TOKEN

    @pytest.mark.parametrize("header", ["Bearer wrong", "Bearer", "bearer  ", "Basic eA==", "wrong"])
    def test_wrong_token_is_refused(self, a_bridge, header):
        """http: section 1"""
        answer = a_bridge.get("/scene", headers={"Authorization": header})
        assert (answer.status, answer.code) in REFUSED_FOR_TOKEN

    def test_wrong_tokens_are_slowed_down_and_the_right_one_passes_all_the_same(self, start_bridge):
        """house: nobody can lock the owner out"""
        client = start_bridge().client
        stranger = client.with_token("wrong")
        answers = [stranger.get("/scene") for _ in range(12)]
        problem(answers[0], 401, "auth.required")
        assert answers[0].headers["www-authenticate"] == "Bearer"
        problem(answers[-1], 429, "auth.throttled")
        assert 0 < int(answers[-1].headers["retry-after"]) <= 60
        client.get("/scene").expect(200)

    @pytest.mark.parametrize(
        "host",
        [
            "",
            "evil.example",
            "evil.example:{port}",
            "127.0.0.1:1",
            "127.0.0.1:",
            "localhost:0{port}",
            "localhost.evil.example",
            "evil.example@localhost",
            "::1",
            "0.0.0.0:{port}",
        ],
    )
    def test_foreign_host_is_refused(self, a_bridge, host):
        """http: 421, DNS rebinding"""
        answer = a_bridge.get("/health", headers={"Host": host.format(port=a_bridge.port)})
        problem(answer, 421, "host.rejected")

    @pytest.mark.parametrize(
        "host", ["localhost:{port}", "LocalHost:{port}", "127.0.0.1", "localhost", "[::1]"]
    )
    def test_loopback_name_is_this_computer_with_our_port_or_without_any(self, a_bridge, host):
        """http: section 1; house: ADR 35"""
        a_bridge.get("/scene", headers={"Host": host.format(port=a_bridge.port)}).expect(200)

    def test_page_on_the_usual_port_is_foreign_although_the_host_header_has_no_port(self, a_bridge):
        """house: ADR 35; another program's page at http://localhost is not ours"""
        headers = {"Host": "localhost", "Origin": "http://localhost"}
        problem(a_bridge.get("/scene", headers=headers), 403, "origin.rejected")
        own = {"Host": "localhost", "Origin": f"http://localhost:{a_bridge.port}"}
        a_bridge.get("/scene", headers=own).expect(200)

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1"])
    def test_foreign_web_page_is_refused_even_with_the_token(self, a_bridge, origin):
        """http: 403"""
        problem(a_bridge.get("/scene", headers={"Origin": origin}), 403, "origin.rejected")

    def test_request_id_is_echoed_or_minted(self, a_bridge):
        """http: section 1"""
        assert a_bridge.get("/health", headers={"X-Request-Id": "mine-7"}).headers["x-request-id"] == "mine-7"
        minted = {a_bridge.get("/health").headers["x-request-id"] for _ in range(3)}
        assert len(minted) == 3


class TestRoutes:
    def test_unknown_route_is_not_found(self, a_bridge):
        """http: section 1"""
        problem(a_bridge.get("/no/such"), 404, "request.route_unknown")

    @pytest.mark.parametrize("path", ["/transforms//grid", "/segmentations//labelmap", "/markups//points"])
    def test_missing_id_in_the_middle_of_a_path_is_not_passed_over(self, a_bridge, path):
        """house: `/transforms/$ID/grid` without an ID must not make a new transform"""
        document = problem(a_bridge.post_bytes(path, b"x"), 404, "request.route_unknown")
        assert "an id is missing" in document["detail"]

    def test_slashes_at_both_ends_do_no_harm(self, a_bridge):
        """house: a base URL that ends in a slash"""
        assert a_bridge.get("//nodes/").expect().json() == a_bridge.get("/nodes").expect().json()

    def test_wrong_method_says_which_there_are(self, a_bridge):
        """http: 405 with Allow"""
        answer = a_bridge.delete("/scene")
        problem(answer, 405, "request.method_not_allowed")
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"

    def test_options_lists_the_methods(self, a_bridge):
        """http: section 1"""
        answer = a_bridge.request("OPTIONS", "/nodes/x")
        assert answer.status == 204
        assert {"GET", "HEAD", "PATCH", "DELETE", "OPTIONS"} <= set(answer.headers["allow"].split(", "))

    def test_head_says_what_get_would_without_the_body(self, a_bridge):
        """http: section 1"""
        got, head = a_bridge.get("/nodes"), a_bridge.request("HEAD", "/nodes")
        assert head.status == 200
        assert head.body == b""
        assert head.headers["content-length"] == str(len(got.body))

    def test_catalogue_describes_each_operation_with_schemas(self, a_bridge):
        """http: section 2"""
        listed = a_bridge.get("/operations", limit=1000).expect().json()
        assert listed["total"] == len(listed["items"]) >= 25
        for item in listed["items"]:
            described = a_bridge.get(f"/operations/{item['name']}").expect().json()
            assert described["arguments_schema"]["additionalProperties"] is False
            assert described["binary_result"] or described["result_schema"]["type"] == "object"

    def test_search_gives_the_best_fit_first(self, a_bridge):
        """http: section 2"""
        found = a_bridge.get("/operations", search="gaussian volume").expect().json()["items"]
        assert found[0]["name"] == "volumes.smooth"
        assert len(found) < a_bridge.get("/operations").json()["total"]

    def test_catalogue_comes_in_pages(self, a_bridge):
        """http: section 1, lists have limit and cursor"""
        names, cursor = [], {}
        while cursor is not None:
            page = a_bridge.get("/operations", limit=70, **cursor).expect().json()
            names += [item["name"] for item in page["items"]]
            cursor = page["next_cursor"] and {"cursor": page["next_cursor"]}
        assert len(names) == len(set(names)) == page["total"] > 70
        assert len(a_bridge.get("/operations").json()["items"]) == 100

    def test_operation_by_name_does_what_its_route_does(self, a_bridge):
        """http: section 2"""
        node = a_text_node(a_bridge)
        by_route = a_bridge.get(f"/nodes/{node}").expect().json()
        by_name = a_bridge.post("/operations/nodes.get", {"node_id": node}).expect().json()
        assert by_name == by_route

    def test_openapi_document_names_every_route(self, a_bridge):
        """http: section 2"""
        document = a_bridge.get("/openapi.json").expect().json()
        assert document["openapi"].startswith("3.1")
        for item in a_bridge.get("/operations", limit=1000).json()["items"]:
            if item["route"]:
                method, path = item["route"].split(" ")
                assert document["paths"][path][method.lower()]["operationId"] == item["name"]

    def test_documentation_page_needs_no_token_and_no_other_computer(self, a_bridge):
        """http: section 2; ADR 7"""
        page = a_bridge.with_token(None).get("/docs").expect(200)
        assert page.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert b"http://" not in page.body
        assert b"https://" not in page.body
        a_bridge.with_token(None).get("/docs/docs.js").expect(200)
        problem(a_bridge.get("/docs/..%2f..%2fAgentBridge.py"), 404, "request.route_unknown")


class TestBodies:
    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"nonsense",
            b'{"a":}',
            b"[1]",
            b'"text"',
            b"\xff\xfe",
            b'{"a":NaN}',
            b'{"a":1,"a":2}',
            b"[" * 100_000,
        ],
    )
    def test_body_that_is_no_json_object_is_malformed(self, a_bridge, body):
        """issue:#2"""
        answer = a_bridge.request("POST", "/markups", body=body, headers={"Content-Type": "application/json"})
        problem(answer, 400, "request.malformed")

    def test_other_media_type_is_refused(self, a_bridge):
        """http: 415"""
        answer = a_bridge.request("POST", "/markups", body=b"a=1", headers={"Content-Type": "text/plain"})
        problem(answer, 415, "request.media_type")

    def test_unknown_and_missing_arguments_are_named(self, a_bridge):
        """http: 422"""
        document = problem(a_bridge.post("/volumes/any/smooth", {"sigma": 2}), 422, "argument.invalid")
        assert {entry["pointer"] for entry in document["errors"]} == {"/sigma_mm", "/sigma"}
        assert document["operation"] == "volumes.smooth"

    def test_misspelt_argument_is_answered_with_the_right_name_however_deep_it_stands(self, a_bridge):
        """house: an agent corrects itself from the error alone"""
        body = {"source_volume_id": "any", "threshold": {"minimun": 1, "maximum": 2}}
        document = problem(a_bridge.post("/segmentations", body), 422, "argument.invalid")
        wrong = next(entry for entry in document["errors"] if entry["pointer"] == "/threshold/minimun")
        assert wrong["problem"] == "is unknown (did you mean 'minimum'?)"
        assert wrong["expected"].startswith("one of: minimum, maximum, ")

    def test_number_as_text_is_not_taken_for_a_number(self, a_bridge):
        """issue:#2: wrong type"""
        body = {"type": "line", "points_ras": [["0", 0, 0], [1, 0, 0]]}
        problem(a_bridge.post("/markups", body), 422, "argument.invalid")

    def test_query_argument_twice_is_refused(self, a_bridge):
        """house: which one would count?"""
        problem(a_bridge.get("/nodes?limit=1&limit=2"), 422, "argument.invalid")

    def test_body_over_the_limit_is_refused_before_it_is_sent(self, a_bridge):
        """http: 413"""
        with a_bridge.raw_socket() as connection:
            connection.sendall(
                f"POST {a_bridge.prefix}/markups HTTP/1.1\r\nHost: 127.0.0.1:{a_bridge.port}\r\n"
                f"Authorization: Bearer {a_bridge.token}\r\nContent-Length: 9000000\r\n"
                "Expect: 100-continue\r\n\r\n".encode()
            )
            assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")

    def test_stranger_cannot_send_a_large_body(self, a_bridge):
        """house: the token is looked at before the body"""
        with a_bridge.raw_socket() as connection:
            connection.sendall(
                f"POST {a_bridge.prefix}/volumes HTTP/1.1\r\nHost: 127.0.0.1:{a_bridge.port}\r\n"
                "Content-Length: 4000000000\r\nExpect: 100-continue\r\n\r\n".encode()
            )
            assert connection.recv(65536)[:13] in {b"HTTP/1.1 401 ", b"HTTP/1.1 429 "}


class TestNodes:
    def test_unknown_node_is_not_found(self, a_bridge):
        """http: section 1"""
        problem(a_bridge.get("/nodes/vtkMRMLNothing1"), 404, "scene.node_not_found")

    def test_node_of_another_class_is_refused_with_its_class(self, a_bridge):
        """issue:#2"""
        document = problem(a_bridge.get(f"/volumes/{a_text_node(a_bridge)}"), 409, "scene.node_type")
        assert "vtkMRMLMarkupsLineNode" in document["detail"]

    def test_unchanged_node_is_not_sent_again(self, a_bridge):
        """http: ETag"""
        node = a_text_node(a_bridge)
        first = a_bridge.get(f"/nodes/{node}").expect(200)
        again = a_bridge.get(f"/nodes/{node}", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status, again.body) == (304, b"")
        a_bridge.patch(f"/nodes/{node}", {"name": "other"}).expect()
        changed = a_bridge.get(f"/nodes/{node}", headers={"If-None-Match": first.headers["etag"]})
        assert changed.expect(200).json()["name"] == "other"

    def test_change_of_what_has_moved_on_is_refused(self, a_bridge):
        """http: If-Match, 412"""
        node = a_text_node(a_bridge)
        tag = a_bridge.get(f"/nodes/{node}").headers["etag"]
        a_bridge.patch(f"/nodes/{node}", {"name": "first"}, headers={"If-Match": tag}).expect()
        refused = a_bridge.patch(f"/nodes/{node}", {"name": "second"}, headers={"If-Match": tag})
        problem(refused, 412, "scene.revision_conflict")
        assert a_bridge.get(f"/nodes/{node}").json()["name"] == "first"

    def test_every_answer_about_the_scene_carries_its_revision(self, a_bridge):
        """http: section 1"""
        before = a_bridge.get("/scene").expect()
        a_text_node(a_bridge)
        after = a_bridge.get("/scene").expect()
        assert after.json()["scene_revision"] > before.json()["scene_revision"]
        assert after.headers["x-scene-revision"] == str(after.json()["scene_revision"])

    def test_list_is_paged_without_gap_or_repetition(self, a_bridge):
        """http: section 1"""
        made = {a_text_node(a_bridge, f"n{number}") for number in range(7)}
        seen, cursor = [], None
        while True:
            query = {"class": "vtkMRMLMarkupsLineNode", "limit": 3, **({"cursor": cursor} if cursor else {})}
            page = a_bridge.get("/nodes", **query).expect().json()
            seen += [item["id"] for item in page["items"]]
            assert page["total"] == 7
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert len(seen) == len(set(seen)) == 7
        assert set(seen) == made

    def test_every_list_comes_in_pages(self, a_bridge):
        """http: section 1; found in the OpenAPI document, so that a new list is among them"""
        lists = plain_lists(a_bridge.get("/openapi.json").expect().json())
        assert len(lists) > 20, lists
        for path in lists:
            everything = a_bridge.get(path).expect().json()
            assert everything["next_cursor"] is None or everything["total"] > len(everything["items"]), path
            first = a_bridge.get(path, limit=1).expect().json()
            assert first["items"] == everything["items"][:1], path
            if first["next_cursor"] is not None:
                second = a_bridge.get(path, limit=1, cursor=first["next_cursor"]).expect().json()
                assert second["items"] == everything["items"][1:2], path
            assert (first["next_cursor"] is None) == (first["total"] < 2), path

    @pytest.mark.parametrize(
        "query", ["limit=0", "limit=1001", "limit=x", "cursor=%00", "cursor=nonsense", "hidden=perhaps"]
    )
    def test_bad_page_is_refused(self, a_bridge, query):
        """http: section 1"""
        problem(a_bridge.get(f"/nodes?{query}"), 422, "argument.invalid")

    def test_same_idempotency_key_makes_one_node(self, a_bridge):
        """http: section 1"""
        body = {"type": "line", "points_ras": [[0, 0, 0], [1, 0, 0]], "name": "once"}
        answers = [
            a_bridge.post("/markups", body, headers={"Idempotency-Key": "k-1"}).expect() for _ in range(2)
        ]
        assert answers[0].json() == answers[1].json()
        assert a_bridge.get("/nodes", name="once").json()["total"] == 1
        other = a_bridge.post("/markups", {**body, "name": "two"}, headers={"Idempotency-Key": "k-1"})
        problem(other, 409, "request.idempotency_conflict")

    def test_same_idempotency_key_with_other_bytes_of_the_same_length_is_a_conflict(self, a_bridge):
        """http: section 1, the same key with another body"""
        head = b"NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 1 1\nencoding: raw\n\n"

        def upload(voxels: bytes):
            return a_bridge.request(
                "POST",
                "/volumes",
                body=head + voxels,
                headers={"Content-Type": "application/octet-stream", "Idempotency-Key": "k-2"},
                query={"name": "bytes"},
            )

        made = [upload(b"\1\2").expect() for _ in range(2)]
        assert made[0].json() == made[1].json()
        problem(upload(b"\1\3"), 409, "request.idempotency_conflict")
        assert a_bridge.get("/nodes", name="bytes").json()["total"] == 1

    def test_made_node_tells_who_made_it(self, a_bridge):
        """http: section 4, provenance"""
        node = a_text_node(a_bridge)
        attributes = a_bridge.get(f"/nodes/{node}").json()["attributes"]
        assert attributes["AgentBridge.operation"] == "markups.create"
        assert attributes["AgentBridge.client"]


class TestSafety:
    def test_python_is_denied_by_default_and_says_where_to_change_it(self, a_bridge):
        """http: section 4"""
        document = problem(
            a_bridge.post("/python/execute", {"source": "1"}), 403, "policy.capability_disabled"
        )
        assert document["capability"] == "python.execute"
        assert "panel" in document["detail"]

    def test_ask_is_deny_without_a_panel_unless_granted(self, start_bridge):
        """http: section 4"""
        plain, granted = start_bridge(), start_bridge(grants={"scene.delete": "allow"})
        problem(plain.client.post("/scene/clear", {"confirm": True}), 403, "policy.capability_disabled")
        granted.client.post("/scene/clear", {"confirm": True}).expect(200)

    def test_clear_wants_confirmation(self, a_bridge):
        """http: section 5"""
        node = a_text_node(a_bridge)
        problem(a_bridge.post("/scene/clear", {"confirm": False}), 409, "policy.confirmation_required")
        a_bridge.get(f"/nodes/{node}").expect(200)

    @pytest.mark.parametrize(
        "path", ["/etc/passwd", "/dev/zero", "/proc/self/mem", "{folder}/../x.nrrd", "{folder}/link/passwd"]
    )
    def test_path_outside_the_allowed_folders_is_refused(self, a_bridge, work_folder, path):
        """issue:#2"""
        link = work_folder / "link"
        if not link.exists():
            link.symlink_to("/etc")
        problem(
            a_bridge.post("/files/load", {"path": path.format(folder=work_folder)}),
            403,
            "policy.path_outside_roots",
        )

    def test_missing_file_is_told_apart_from_a_forbidden_one(self, a_bridge, work_folder):
        """house"""
        problem(a_bridge.post("/files/load", {"path": str(work_folder / "none.nrrd")}), 404, "file.not_found")

    def test_audit_tells_what_was_called_and_decided_but_no_arguments(self, a_bridge):
        """http: section 2"""
        a_text_node(a_bridge, "secret name")
        a_bridge.post("/python/execute", {"source": "secret source"})
        entries = a_bridge.get("/audit", limit=2).expect().json()["items"]
        assert [entry["operation"] for entry in entries] == ["python.execute", "markups.create"]
        assert [entry["decision"] for entry in entries] == ["deny", "allow"]
        assert "secret" not in json.dumps(entries)

    def test_stop_ends_everything_until_the_person_resumes(self, start_bridge):
        """http: section 4"""
        client = start_bridge(is_empty=False).client
        volume = client.get("/volumes").json()["items"][0]["id"]
        job = client.start_job("volumes.smooth", volume_id=volume, sigma_mm=8.0)
        assert client.post("/stop").expect().json()["canceled_jobs"] == 1
        assert client.wait_for_job(job["id"])["state"] == "canceled"
        answer = client.get("/scene")
        problem(answer, 503, "policy.stopped")
        assert "retry-after" in answer.headers
        client.get("/health").expect(200)


class TestJobs:
    def test_any_operation_can_be_asked_for_as_a_job(self, a_bridge):
        """http: section 3"""
        answer = a_bridge.get("/scene", headers={"Prefer": "respond-async"}).expect(202)
        job = answer.json()
        assert answer.headers["location"] == job["links"]["self"] == f"{a_bridge.prefix}/jobs/{job['id']}"
        assert a_bridge.job_result(job["id"])["counts_by_class"]

    def test_result_of_a_job_that_made_something_is_there_to_be_read(self, a_bridge):
        """http: section 3, 200"""
        job = a_bridge.start_job("markups.create", type="line", points_ras=[[0, 0, 0], [3, 4, 0]])
        a_bridge.wait_for_job(job["id"])
        assert a_bridge.get(f"/jobs/{job['id']}/result").expect(200).json()["length_mm"] == pytest.approx(5.0)

    def test_unknown_job_is_not_found(self, a_bridge):
        """http: section 3"""
        for path in ("/jobs/nothing", "/jobs/nothing/result"):
            problem(a_bridge.get(path), 404, "job.unknown")
        problem(a_bridge.delete("/jobs/nothing"), 404, "job.unknown")

    def test_result_of_a_running_job_is_not_there_yet(self, a_bridge_with_mni152):
        """http: section 3"""
        client, volume = a_bridge_with_mni152
        job = client.start_job("volumes.smooth", volume_id=volume, sigma_mm=8.0)
        problem(client.get(f"/jobs/{job['id']}/result"), 409, "job.not_finished")
        client.delete(f"/jobs/{job['id']}").expect(202)
        assert client.wait_for_job(job["id"])["state"] == "canceled"
        problem(client.get(f"/jobs/{job['id']}/result"), 409, "job.canceled")

    def test_jobs_are_listed_by_state_and_operation(self, a_bridge):
        """http: section 3"""
        job = a_bridge.start_job("scene.summary")
        a_bridge.wait_for_job(job["id"])
        listed = a_bridge.get("/jobs", state="succeeded", operation="scene.summary", limit=1).expect().json()
        assert listed["items"][0]["id"] == job["id"]
        problem(a_bridge.get("/jobs", state="sleeping"), 422, "argument.invalid")

    def test_job_started_with_bad_arguments_is_refused_at_once(self, a_bridge):
        """house"""
        problem(a_bridge.post("/jobs", {"operation": "no.such"}), 404, "operation.unknown")
        problem(
            a_bridge.post("/jobs", {"operation": "volumes.smooth", "arguments": {"x": 1}}),
            422,
            "argument.invalid",
        )

    def test_small_requests_are_answered_while_a_job_works(self, a_bridge_with_mni152):
        """issue:#2: the application never freezes"""
        client, volume = a_bridge_with_mni152
        job = client.start_job("volumes.smooth", volume_id=volume, sigma_mm=6.0)
        answered = 0
        while client.get(f"/jobs/{job['id']}").json()["state"] in {"queued", "running"}:
            client.get("/scene").expect(200)
            answered += 1
        assert answered >= 5

    def test_process_job_reports_progress_and_can_be_canceled(self, a_bridge_with_mni152):
        """issue:#2"""
        client, volume = a_bridge_with_mni152
        before = client.get("/nodes", hidden=True, limit=1000).json()["items"]
        job = client.start_job("volumes.denoise", volume_id=volume, radius_voxels=3)
        while (client.get(f"/jobs/{job['id']}", wait=10).json()["progress"]["fraction"] or 0) <= 0:
            pass
        client.delete(f"/jobs/{job['id']}").expect(202)
        assert client.wait_for_job(job["id"])["state"] == "canceled"
        assert client.get("/nodes", hidden=True, limit=1000).json()["items"] == before


class TestEvents:
    def test_scene_and_jobs_are_told_as_they_happen(self, a_bridge):
        """http: section 2"""
        stream = a_bridge.events("0")
        job = a_bridge.start_job("markups.create", type="line", points_ras=[[0, 0, 0], [1, 0, 0]])
        kinds = set()
        for event in stream:
            kinds.add(event.event)
            if (
                event.event == "job.updated"
                and event.data["id"] == job["id"]
                and event.data["state"] == "succeeded"
            ):
                break
        a_text_node(a_bridge)
        for event in stream:
            kinds.add(event.event)
            if "scene.node_added" in kinds:
                break
        stream.close()
        assert {"scene.node_added", "job.updated"} <= kinds

    def test_client_that_was_away_gets_what_it_missed(self, a_bridge):
        """http: Last-Event-ID"""
        a_bridge.wait_for_job(a_bridge.start_job("scene.summary")["id"])
        stream = a_bridge.events("0")
        first = next(event for event in stream if event.id)
        stream.close()
        resumed = a_bridge.events(first.id)
        assert int(next(event for event in resumed if event.id).id) == int(first.id) + 1
        resumed.close()

    def test_client_that_comes_back_after_a_restart_is_told_of_the_gap(self, start_bridge, tmp_path):
        """http: Last-Event-ID; the token outlives a restart, so a browser goes on by itself"""
        before = start_bridge(folder=tmp_path)
        before.client.wait_for_job(before.client.start_job("scene.summary")["id"])
        last_seen = next(event for event in before.client.events("0") if event.id).id
        before.stop()
        after = start_bridge(folder=tmp_path).client
        for _ in range(3):
            after.wait_for_job(after.start_job("scene.summary")["id"])
        resumed = after.events(last_seen)
        assert next(resumed).event == "gap"
        assert int(next(resumed).id) > int(last_seen)
        resumed.close()
