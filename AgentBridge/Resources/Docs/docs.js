"use strict";

/* The token stays in this page's memory: never in the address, never stored. */

const DOCUMENT = "/agent/v1/openapi.json";

function element(name, text, className) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function route(method, path, entry) {
  const details = element("details");
  const summary = element("summary");
  summary.append(element("code", method.toUpperCase(), "method"), element("code", path), " " + (entry.summary || ""));
  details.append(summary, element("p", entry.description || ""));
  details.append(element("pre", JSON.stringify({ parameters: entry.parameters, requestBody: entry.requestBody, responses: entry.responses }, null, 2)));
  return details;
}

function listing(api) {
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, entry] of Object.entries(methods)) {
      const tag = (entry.tags || ["service"])[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(route(method, path, entry));
    }
  }
  const all = element("div", "", "listing");
  for (const [tag, rows] of groups) all.append(element("h2", tag), ...rows);
  return all;
}

function swagger(api, token) {
  SwaggerUIBundle({
    spec: api,
    domNode: document.getElementById("api"),
    validatorUrl: null,
    docExpansion: "none",
    requestInterceptor: (request) => {
      request.headers.Authorization = "Bearer " + token;
      return request;
    },
  });
}

async function show(token) {
  const answer = await fetch(DOCUMENT, { headers: { Authorization: "Bearer " + token } });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail || "The bridge did not give the document.");
  document.getElementById("ask").hidden = true;
  if (typeof SwaggerUIBundle === "function") swagger(body, token);
  else document.getElementById("api").replaceChildren(listing(body));
}

document.getElementById("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const problem = document.getElementById("problem");
  problem.textContent = "";
  show(document.getElementById("token").value.trim()).catch((error) => { problem.textContent = error.message; });
});
