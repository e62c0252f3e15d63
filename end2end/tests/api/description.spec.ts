// What the API's description promises, held against the running server by a program that makes up calls: schemathesis.
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { expect, test } from "../../support/api.ts";

const SCHEMATHESIS = process.env["COUNTERSIGN_SCHEMATHESIS"] ?? resolve(import.meta.dirname, "../../../.tools/python/bin/schemathesis");
const CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance", "response_schema_conformance"];

test("every answer to whatever is sent is one that the description names", async ({ company: { origin, boss } }) => {
  test.setTimeout(240_000);
  const parameters = ["run", `${origin}/openapi.json`, "--url", origin, "--header", `Authorization: Bearer ${boss.token}`];
  // Every run goes the same way. Signing out would end the token that the others need.
  const bounds = ["--generation-deterministic", "--phases", "examples,coverage,fuzzing", "--max-examples", "20", "--exclude-path", "/auth/logout"];
  const child = spawn(SCHEMATHESIS, [...parameters, "--checks", CHECKS.join(","), ...bounds, "--no-color"]);
  let written = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (written += chunk.toString("utf8")));
  const code = await new Promise((done, failed) => child.on("error", failed).on("close", done));
  expect(code, written).toBe(0);
  expect(written).toMatch(/\d+ generated/);
});
