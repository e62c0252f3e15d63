import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { definePermission, expect, newServiceAccount, test, type Caller } from "../../support/api.ts";
import { run } from "../../support/command.ts";
import { ask, type Answer } from "../../support/http.ts";

// The published client knows nothing of these calls: whoever verifies asks for them by themselves. What follows is such a
// verifier, written after RFC 9162, sections 2.1.3.2 and 2.1.4.2, and nothing of Countersign.

const sha256 = (...parts: readonly Buffer[]): Buffer => createHash("sha256").update(Buffer.concat(parts)).digest();
const leafHash = (line: string): Buffer => sha256(Buffer.from([0]), Buffer.from(line));
const nodeHash = (left: Buffer, right: Buffer): Buffer => sha256(Buffer.from([1]), left, right);

/** The root that a leaf and its proof lead to. */
function rootOf(leaf: Buffer, index: number, size: number, proof: readonly Buffer[]): Buffer {
  let [place, last, root] = [index, size - 1, leaf];
  for (const hash of proof) {
    if (last === 0) throw new Error("the proof is too long");
    if (place % 2 === 1 || place === last) {
      root = nodeHash(hash, root);
      while (place % 2 === 0 && place !== 0) [place, last] = [place / 2, Math.floor(last / 2)];
    } else {
      root = nodeHash(root, hash);
    }
    [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  }
  if (last !== 0) throw new Error("the proof is too short");
  return root;
}

/** Whether the later tree begins with the earlier one. */
function isContinued(earlier: Checkpoint, later: Checkpoint, proof: readonly Buffer[]): boolean {
  if (earlier.size === later.size) return proof.length === 0 && earlier.root.equals(later.root);
  const isPower = Number.isInteger(Math.log2(earlier.size));
  const [first, ...rest] = isPower ? [earlier.root, ...proof] : proof;
  if (first === undefined) return false;
  let [place, last] = [earlier.size - 1, later.size - 1];
  while (place % 2 === 1) [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  let [before, after] = [first, first];
  for (const hash of rest) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      [before, after] = [nodeHash(hash, before), nodeHash(hash, after)];
      while (place % 2 === 0 && place !== 0) [place, last] = [place / 2, Math.floor(last / 2)];
    } else {
      after = nodeHash(after, hash);
    }
    [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  }
  return last === 0 && before.equals(earlier.root) && after.equals(later.root);
}

interface Checkpoint {
  readonly size: number;
  readonly root: Buffer;
  readonly note: string;
}

function readCheckpoint(note: string): Checkpoint {
  const [, size, root] = note.split("\n");
  return { size: Number(size), root: Buffer.from(root ?? "", "base64"), note };
}

const hashes = (proof: readonly string[]): Buffer[] => proof.map((hash) => Buffer.from(hash, "base64"));

function get({ origin, token }: Caller, path: string): Promise<Answer> {
  return ask(`${origin}/countersign/v1/${path}`, { headers: { authorization: `Bearer ${token}` } });
}

async function getJson<T>(caller: Caller, path: string): Promise<T> {
  const answer = await get(caller, path);
  expect(answer.status, answer.text).toBe(200);
  return JSON.parse(answer.text) as T;
}

async function checkpointOf(caller: Caller): Promise<Checkpoint> {
  const answer = await get(caller, "checkpoint");
  expect(answer.status).toBe(200);
  return readCheckpoint(answer.text);
}

test("the history as a program reads it is what the command line verifies", async ({ company }, testInfo) => {
  await definePermission(company.boss, ["Auth:Users:Read"]);
  const answer = await get(company.boss, "history");
  expect(answer.headers["content-type"]).toBe("application/jsonl; charset=utf-8");
  const [file, kept] = [testInfo.outputPath("history.jsonl"), testInfo.outputPath("checkpoint.txt")];
  await writeFile(file, answer.text);
  await writeFile(kept, (await checkpointOf(company.boss)).note);
  const verified = await run(["verify", "--checkpoint", kept, file]);
  expect(verified, verified.stderr).toMatchObject({ code: 0 });

  await test.step("what was added since is read by itself", async () => {
    const have = answer.text.trimEnd().split("\n").length - 1;
    await definePermission(company.boss, ["Auth:Users:Read"]);
    const rest = (await get(company.boss, `history?from=${have}`)).text.trimEnd().split("\n");
    const whole = (await get(company.boss, "history")).text.trimEnd().split("\n");
    expect(rest.length).toBeGreaterThan(1);
    expect(rest).toEqual(whole.slice(have));
  });
});

test("each entry is proven to be in the history, by somebody else's program", async ({ company }) => {
  const { size } = await checkpointOf(company.boss);
  for (let index = 0; index < size; index += 1) {
    const shown = await getJson<{ line: string; inclusionProof: string[]; checkpoint: string }>(company.boss, `entries/${index}`);
    const checkpoint = readCheckpoint(shown.checkpoint);
    const proof = hashes(shown.inclusionProof);
    expect(rootOf(leafHash(shown.line), index, checkpoint.size, proof)).toEqual(checkpoint.root);
    expect(rootOf(leafHash(`${shown.line} `), index, checkpoint.size, proof)).not.toEqual(checkpoint.root);
  }
});

test("a kept checkpoint is proven to be the beginning of a later one", async ({ company }) => {
  const kept = [await checkpointOf(company.boss)];
  for (let change = 0; change < 5; change += 1) {
    await definePermission(company.boss, ["Auth:Users:Read"]);
    kept.push(await checkpointOf(company.boss));
  }
  for (const later of kept) {
    for (const earlier of kept.filter(({ size }) => size <= later.size)) {
      const { consistencyProof } = await getJson<{ consistencyProof: string[] }>(company.boss, `consistency?from=${earlier.size}&to=${later.size}`);
      expect(isContinued(earlier, later, hashes(consistencyProof)), `${earlier.size} to ${later.size}`).toBe(true);
      const other = { ...earlier, root: leafHash("another history") };
      expect(isContinued(other, later, hashes(consistencyProof))).toBe(false);
    }
  }
});

test("whoever may not read the history gets nothing of it; how the server is, anybody may ask", async ({ company }) => {
  const program = await newServiceAccount(company.boss, ["Auth:Users:Read"]);
  for (const path of ["history", "checkpoint", "entries/0", "consistency?from=1&to=1"]) {
    const answer = await get(program, path);
    expect(answer.status, path).toBe(403);
    expect(answer.text, path).toContain("Auth:Logs:Read");
    expect((await ask(`${company.origin}/countersign/v1/${path}`)).status, path).toBe(401);
  }
  for (const path of ["health", "version"]) expect((await ask(`${company.origin}/countersign/v1/${path}`)).status).toBe(200);
});
