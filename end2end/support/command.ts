import { spawn } from "node:child_process";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of these tests; what the environment names is seen from here. */
export const end2end = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** The command under test. */
export const countersign = resolve(end2end, process.env["COUNTERSIGN_BIN"] ?? "../target/release/countersign");

/** What the command line did. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `countersign`, as somebody with nothing but a terminal would: no settings, no server, unless they are given. */
export function run(parameters: readonly string[], settings: NodeJS.ProcessEnv = { PATH: process.env["PATH"] ?? "" }, typed = ""): Promise<Outcome> {
  return new Promise((done, failed) => {
    const child = spawn(countersign, parameters, { stdio: ["pipe", "pipe", "pipe"], env: settings });
    const written = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk: Buffer) => (written.stdout += chunk.toString("utf8")));
    child.stderr.on("data", (chunk: Buffer) => (written.stderr += chunk.toString("utf8")));
    child.on("error", failed);
    child.on("close", (code) => done({ code, ...written }));
    child.stdin.on("error", () => undefined);
    child.stdin.end(typed);
  });
}
