import { clientAt, employ, expect, logIn, refused, test, type Employee } from "../../support/api.ts";
import { credentialInfo, ENCRYPTED_PRIVATE_KEY, keySigner, newKey, type Key } from "../../support/keys.ts";

/** Adds a key to one's own account, signed with the one that is there already. */
async function addKey({ api: { auth } }: Employee, key: Key, credentialName: string) {
  const challenge = await auth.createCredentialChallenge({ body: { kind: "Key" } });
  if (challenge.kind !== "Key") throw new Error(`a challenge for ${challenge.kind}`);
  const { challengeIdentifier } = challenge;
  return auth.createCredential({
    body: { credentialKind: "Key", credentialInfo: credentialInfo(key, challenge.challenge), credentialName, challengeIdentifier },
  });
}

/** The keys with which somebody may log in now. */
async function keysOf({ origin, orgId, username }: Employee): Promise<string[]> {
  const { allowCredentials } = await clientAt({ origin, orgId }).auth.createLoginChallenge({ body: { username, orgId } });
  return allowCredentials.key.map(({ id }) => id);
}

/** A time that a code may last until. */
function soon(seconds = 120): string {
  return new Date(Date.now() + seconds * 1000).toISOString();
}

test("a second key is added, and logs in", async ({ company, mail }) => {
  const employee = await employ(company.boss, mail);
  const key = newKey("Ed25519");
  const made = await addKey(employee, key, "Spare key");
  expect(made).toMatchObject({ kind: "Key", credentialId: key.credId, name: "Spare key", isActive: true });
  expect(made.credentialUuid).toMatch(/^cr-/);
  expect((await employee.api.auth.listCredentials()).items).toContainEqual(made);
  await logIn({ ...employee, signer: keySigner(key) });
});

test("a recovery key is added", async ({ company, mail }) => {
  const { api } = await employ(company.boss, mail);
  const challenge = await api.auth.createCredentialChallenge({ body: { kind: "RecoveryKey" } });
  if (challenge.kind !== "RecoveryKey") throw new Error(`a challenge for ${challenge.kind}`);
  const key = newKey();
  const made = await api.auth.createCredential({
    body: {
      credentialKind: "RecoveryKey",
      credentialInfo: credentialInfo(key, challenge.challenge),
      encryptedPrivateKey: ENCRYPTED_PRIVATE_KEY,
      credentialName: "New kit",
      challengeIdentifier: challenge.challengeIdentifier,
    },
  });
  expect(made).toMatchObject({ kind: "RecoveryKey", credentialId: key.credId, isActive: true });
});

test("deactivated, a key opens nothing; activated, it does again", async ({ company, mail }) => {
  const employee = await employ(company.boss, mail);
  const spare = newKey();
  const { credentialUuid } = await addKey(employee, spare, "Spare key");
  const { auth } = employee.api;
  const isActive = async (): Promise<boolean | undefined> => {
    const { items } = await auth.listCredentials();
    return items.find((one) => one.credentialUuid === credentialUuid)?.isActive;
  };

  await auth.deactivateCredential({ body: { credentialUuid } });
  expect(await isActive()).toBe(false);
  expect(await keysOf(employee)).toEqual([employee.key.credId]);
  await auth.activateCredential({ body: { credentialUuid } });
  expect(await isActive()).toBe(true);
  expect((await keysOf(employee)).toSorted()).toEqual([employee.key.credId, spare.credId].toSorted());
});

test("the last credential to log in with can't be deactivated", async ({ company, mail }) => {
  const { api, key } = await employ(company.boss, mail);
  const { items } = await api.auth.listCredentials();
  const credentialUuid = items.find(({ credentialId }) => credentialId === key.credId)?.credentialUuid ?? "";
  expect((await refused(api.auth.deactivateCredential({ body: { credentialUuid } }))).status).toBe(422);
});

test("a code lets another device add a key, once", async ({ company, mail }) => {
  const employee = await employ(company.boss, mail);
  const { code, expiration } = await employee.api.auth.createCredentialCode({ body: { expiration: soon() } });
  expect(Math.abs(Date.parse(expiration) - Date.now() - 120_000)).toBeLessThan(10_000);

  const { auth } = clientAt(company);
  const ask = () => auth.createCredentialChallengeWithCode({ body: { credentialKind: "Key", code } });
  const challenge = await ask();
  if (challenge.kind !== "Key") throw new Error(`a challenge for ${challenge.kind}`);
  const key = newKey();
  const made = await auth.createCredentialWithCode({
    body: {
      credentialKind: "Key",
      credentialInfo: credentialInfo(key, challenge.challenge),
      credentialName: "Other device",
      challengeIdentifier: challenge.challengeIdentifier,
    },
  });
  expect(made).toMatchObject({ kind: "Key", credentialId: key.credId, name: "Other device" });
  await logIn({ ...employee, signer: keySigner(key) });
  expect((await refused(ask())).status).toBe(400);
});

test("a code can't be made for the past, or for longer than five minutes", async ({ company, mail }) => {
  const { api } = await employ(company.boss, mail);
  for (const seconds of [-60, 3600]) {
    const { status } = await refused(api.auth.createCredentialCode({ body: { expiration: soon(seconds) } }));
    expect([400, 422]).toContain(status);
  }
});

test("a credential id that is known already is refused", async ({ company, mail }) => {
  const [employee, other] = [await employ(company.boss, mail), await employ(company.boss, mail)];
  const { status } = await refused(addKey(employee, { ...newKey(), credId: other.key.credId }, "Stolen id"));
  expect([400, 409]).toContain(status);
});
