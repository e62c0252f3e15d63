import type { BrowserContext } from "@playwright/test";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** What the suite was handed in clear, and what the servers wrote on their terminals: after it, nothing of the one may stand in the other. */

// The tests run in several processes, and Playwright empties the folder when a run begins.
const folder = resolve(import.meta.dirname, "../test-results/secrets");
const remembered = new Set<string>();

/** What is handed out, by kind. */
export const KINDS = ["code in a mail", "cookie", "token", "signed call", "code", "kit"] as const;
export type Kind = (typeof KINDS)[number];

/** Members of answers that nobody else may read, and what they are. */
const MEMBERS: Readonly<Record<string, Kind>> = {
  token: "token",
  accessToken: "token",
  temporaryAuthenticationToken: "token",
  userAction: "signed call",
  code: "code",
};

/** Remembers something that nobody but its owner may know. */
export function rememberSecret(kind: Kind, secret: string): void {
  if (remembered.has(secret)) return;
  remembered.add(secret);
  mkdirSync(folder, { recursive: true });
  appendFileSync(join(folder, `${process.pid}.jsonl`), `${JSON.stringify({ kind, secret })}\n`);
}

/** Remembers what nobody else may know of an answer in JSON, however deep it is. */
export function rememberAnswer(answer: unknown): void {
  if (typeof answer !== "object" || answer === null) return;
  for (const [name, value] of Object.entries(answer)) {
    const kind = MEMBERS[name];
    // What refuses has a code, too: words without a digit.
    if (kind !== undefined && typeof value === "string" && /^[\w.-]{9,}$/.test(value) && /\d/.test(value)) rememberSecret(kind, value);
    else rememberAnswer(value);
  }
}

/** Remembers the cookies of an answer's `Set-Cookie` headers. */
export function rememberCookies(headers: readonly string[]): void {
  for (const header of headers) {
    const value = /^[^=]+=([^;]+)/.exec(header)?.[1];
    if (value !== undefined) rememberSecret("cookie", value);
  }
}

/** Remembers what a browser is handed: its cookies, and what is shown once. */
export function watchSecrets(context: BrowserContext): void {
  context.on("response", (response) => {
    const request = response.request();
    if (request.method() !== "POST" || !new URL(response.url()).pathname.startsWith("/rpc/")) return;
    // A page that is closed has no answers any more.
    response.headerValues("set-cookie").then(rememberCookies, () => undefined);
    if (/\/(offer_passkey|commit_change)$/.test(response.url())) response.json().then(rememberAnswer, () => undefined);
  });
}

/** Keeps what a server wrote on its terminal. */
export function rememberLog(origin: string, text: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${new URL(origin).port}-${process.pid}.log`), text);
}

/** Everything that was remembered since the run began. */
export function allRemembered(): { secrets: { kind: Kind; secret: string }[]; logs: { name: string; text: string }[] } {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const read = (name: string): string => readFileSync(join(folder, name), "utf8");
  const lines = names.filter((name) => name.endsWith(".jsonl")).flatMap((name) => read(name).trimEnd().split("\n"));
  return {
    secrets: lines.map((line) => JSON.parse(line) as { kind: Kind; secret: string }),
    logs: names.filter((name) => name.endsWith(".log")).map((name) => ({ name, text: read(name) })),
  };
}
