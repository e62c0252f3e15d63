import { expect, test } from "@playwright/test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { remembered } from "./support/sdk.ts";
import { allRemembered, KINDS, type Kind } from "./support/secrets.ts";

// Runs after the suite, and looks back at it.

/** As it was handed out, and as somebody may have written it down. */
function spellings(kind: Kind, secret: string): string[] {
  if (kind === "code in a mail") {
    const groups = secret.match(/\d{4}/g) ?? [];
    return [secret, groups.join(" "), groups.join("-")];
  }
  // Nobody can make up the last part of a token.
  if (kind === "token") return [secret, secret.split(".").at(-1) ?? secret];
  return kind === "kit" || kind === "code" ? [secret, secret.replaceAll("-", ""), secret.toLowerCase()] : [secret];
}

test("nothing that anybody was handed in clear stands in what the servers wrote", () => {
  // Each secret is looked for in every log.
  test.setTimeout(300_000);
  const { secrets, logs } = allRemembered();
  test.skip(secrets.length === 0 || logs.length === 0, "no server was asked for anything");
  expect(logs.some(({ text }) => text.includes("TRACE")), "they wrote all that they have to say").toBe(true);
  const found = secrets.flatMap(({ kind, secret }) =>
    logs.filter(({ text }) => spellings(kind, secret).some((spelling) => text.includes(spelling))).map(({ name }) => `${kind} ${secret} in ${name}`),
  );
  expect(found).toEqual([]);

  // After the whole suite there is something of each kind: otherwise nobody has looked.
  const api = readdirSync(join(import.meta.dirname, "tests/api"));
  if (api.every((file) => remembered().files.has(file))) {
    const kinds = new Set(secrets.map(({ kind }) => kind));
    expect(KINDS.filter((kind) => !kinds.has(kind))).toEqual([]);
  }
});
