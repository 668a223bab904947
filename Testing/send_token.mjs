// Loaded before a Node.js program (`node --import`): adds the token of the environment variable AGENTBRIDGE_TOKEN to its
// requests, for programs that have no option for it. Requests that bring credentials of their own keep them.
import { subscribe } from "node:diagnostics_channel";
import http from "node:http";
import { syncBuiltinESMExports } from "node:module";

const credentials = `Bearer ${process.env.AGENTBRIDGE_TOKEN}`;

// fetch, of Node.js and of the package undici alike
subscribe("undici:request:create", ({ request }) => {
  if (!String(request.headers).toLowerCase().includes("authorization")) {
    request.addHeader("Authorization", credentials);
  }
});

const original = http.request;
http.request = function (...given) {
  const request = original.apply(this, given);
  if (!request.hasHeader("Authorization")) {
    request.setHeader("Authorization", credentials);
  }
  return request;
};
syncBuiltinESMExports();
