import type { GetAuditLogResponse } from "@dfns/sdk/generated/auth";
import { createHash, createPublicKey, verify } from "node:crypto";
import { allow, employ, expect, lacking, newServiceAccount, refused, test, type Caller } from "../../support/api.ts";
import { ALGORITHMS, newKey } from "../../support/keys.ts";
import { newPerson } from "../../support/person.ts";
import { decode, flipped } from "../../support/tamper.ts";

const ENTRY_ID = /uj-[a-z0-9]{5}-[a-z0-9]{5}-[a-z0-9]{16}/g;

/** The ids in the list of what happened within a minute of now. */
async function entriesOf({ api }: Caller, userId?: string): Promise<string[]> {
  const within = (minutes: number): string => new Date(Date.now() + minutes * 60_000).toISOString();
  const csv = await api.auth.listAuditLogs({ query: { startTime: within(-1), endTime: within(1), ...(userId === undefined ? {} : { userId }) } });
  const [, ...rows] = csv.trimEnd().split(/\r?\n/);
  return rows.flatMap((row) => row.match(ENTRY_ID)?.slice(0, 1) ?? []);
}

/** Whether the signature holds, by what the entry itself carries. */
function verifies({ firstFactorCredential: { publicKey, assertion } }: GetAuditLogResponse): boolean {
  if (assertion === null) return false;
  const key = createPublicKey(publicKey);
  const clientData = decode(assertion.clientData);
  const signed =
    assertion.authenticatorData === null
      ? clientData
      : Buffer.concat([decode(assertion.authenticatorData), createHash("sha256").update(clientData).digest()]);
  return verify(key.asymmetricKeyType === "ed25519" ? null : "sha256", signed, key, decode(assertion.signature));
}

/** The entry of a change that somebody makes now. */
async function entryOf(reader: Caller, caller: Caller): Promise<GetAuditLogResponse> {
  const before = await entriesOf(reader, caller.userId);
  await caller.api.auth.createUser({ body: { email: newPerson().email, kind: "CustomerEmployee" } });
  const made = (await entriesOf(reader, caller.userId)).filter((id) => !before.includes(id));
  expect(made).toHaveLength(1);
  return reader.api.auth.getAuditLog({ id: made[0] ?? "" });
}

for (const algorithm of ALGORITHMS) {
  test(`a change signed with a ${algorithm} key is on the list, and its signature can be checked by anybody`, async ({ company, mail }) => {
    const key = newKey(algorithm);
    const employee = await employ(company.boss, mail, key);
    await allow(company.boss, employee.userId, ["Auth:Users:Create"]);
    const entry = await entryOf(company.boss, employee);
    expect(entry).toMatchObject({ userId: employee.userId, username: employee.username });
    expect(entry.firstFactorCredential).toMatchObject({ id: expect.stringMatching(/^cr-/), kind: "Key", assertion: { authenticatorData: null } });
    expect(createPublicKey(entry.firstFactorCredential.publicKey).equals(createPublicKey(key.publicKey))).toBe(true);
    expectOnlyItselfVerifies(entry);
  });
}

test("so can one that was signed with a passkey", async ({ company }) => {
  const entry = await entryOf(company.boss, company.boss);
  expect(entry.firstFactorCredential.kind).toBe("Fido2");
  expect(entry.firstFactorCredential.assertion?.authenticatorData).toBeTruthy();
  expectOnlyItselfVerifies(entry);
});

function expectOnlyItselfVerifies(entry: GetAuditLogResponse): void {
  expect(verifies(entry)).toBe(true);
  const { firstFactorCredential: credential } = entry;
  const { assertion } = credential;
  if (assertion === null) throw new Error("no signature");
  const altered = { ...assertion, clientData: flipped(assertion.clientData, 20) };
  expect(verifies({ ...entry, firstFactorCredential: { ...credential, assertion: altered } })).toBe(false);
}

test("a program's changes are there, too, and only somebody's own when asked for", async ({ company, mail }) => {
  const robot = await newServiceAccount(company.boss, ["Auth:Users:Create"]);
  const employee = await employ(company.boss, mail);
  expect((await entryOf(company.boss, robot)).userId).toBe(robot.userId);
  const all = await entriesOf(company.boss);
  const theirs = await entriesOf(company.boss, robot.userId);
  expect(theirs).toHaveLength(1);
  expect(all).toEqual(expect.arrayContaining(theirs));
  expect(all.length).toBeGreaterThan(theirs.length);
  expect(await entriesOf(company.boss, employee.userId)).not.toContain(theirs[0]);
});

test("before anything happened there is nothing but the names of the columns", async ({ company }) => {
  const csv = await company.boss.api.auth.listAuditLogs({ query: { startTime: "2001-01-01T00:00:00.000Z", endTime: "2001-01-02T00:00:00.000Z" } });
  expect(csv.trimEnd().split(/\r?\n/)).toHaveLength(1);
});

test("without the operation nobody reads it", async ({ company, mail }) => {
  const employee = await employ(company.boss, mail);
  expect(await refused(entriesOf(employee))).toMatchObject(lacking("Auth:Logs:Read"));
});
