import { generateKeyPairSync } from "node:crypto";
import { definePermission, expect, expectLife, newServiceAccount, programOf, refused, test } from "../../support/api.ts";
import { ALGORITHMS, newKey } from "../../support/keys.ts";
import { unique } from "../../support/office.ts";
import { newPerson } from "../../support/person.ts";

for (const algorithm of ALGORITHMS) {
  test(`a program signs with its ${algorithm} key`, async ({ company, mail }) => {
    const { id: permissionId } = await definePermission(company.boss, ["Auth:Users:Read", "Auth:Users:Create"]);
    const key = newKey(algorithm);
    const made = await company.boss.api.auth.createServiceAccount({ body: { name: unique("Robot"), publicKey: key.publicKey, permissionId } });
    const { api } = programOf(company, made.userInfo.username, made.accessTokens[0], key);
    const { email } = newPerson();
    await api.auth.createUser({ body: { email, kind: "CustomerEmployee" } });
    await mail.next(email);
  });
}

test("a service account is created, read, listed, and called something else", async ({ company }) => {
  const { auth } = company.boss.api;
  const name = unique("Robot");
  const { publicKey } = newKey();
  const askedAt = Date.now();
  const created = await auth.createServiceAccount({ body: { name, publicKey, daysValid: 30 } });
  expect(created.userInfo).toMatchObject({ name, isServiceAccount: true, isActive: true, orgId: company.orgId });
  const { userId: serviceAccountId } = created.userInfo;
  const [token] = created.accessTokens;
  expectLife(token?.accessToken ?? "", 30 * 86_400, askedAt);

  const read = await auth.getServiceAccount({ serviceAccountId });
  expect(read.userInfo).toEqual(created.userInfo);
  expect(read.accessTokens.map(({ tokenId }) => tokenId)).toEqual([token?.tokenId]);
  expect(JSON.stringify([read, await auth.listServiceAccounts()]), "the token is shown once").not.toContain(token?.accessToken);
  expect((await auth.listServiceAccounts()).items).toContainEqual(read);

  const renamed = unique("Robot");
  expect((await auth.updateServiceAccount({ serviceAccountId, body: { name: renamed } })).userInfo.name).toBe(renamed);
  expect((await auth.getServiceAccount({ serviceAccountId })).userInfo.name).toBe(renamed);
});

test("deactivated, a program is shut out at once; activated, its token works again", async ({ company }) => {
  const { auth } = company.boss.api;
  const { userId: serviceAccountId, api } = await newServiceAccount(company.boss, ["Auth:Users:Read"]);
  await api.auth.listUsers();
  expect((await auth.deactivateServiceAccount({ serviceAccountId, body: {} })).userInfo.isActive).toBe(false);
  expect((await refused(api.auth.listUsers())).status).toBe(401);
  expect((await auth.activateServiceAccount({ serviceAccountId })).userInfo.isActive).toBe(true);
  await api.auth.listUsers();
});

test("archived, a program is gone", async ({ company }) => {
  const { auth } = company.boss.api;
  const { userId: serviceAccountId, api } = await newServiceAccount(company.boss, ["Auth:Users:Read"]);
  expect((await auth.archiveServiceAccount({ serviceAccountId })).userInfo.userId).toBe(serviceAccountId);
  expect((await refused(api.auth.listUsers())).status).toBe(401);
  expect((await refused(auth.getServiceAccount({ serviceAccountId }))).status).toBe(404);
  expect((await auth.listServiceAccounts()).items.map(({ userInfo }) => userInfo.userId)).not.toContain(serviceAccountId);
});

test("a token lasts two years at most, and a key must be strong enough", async ({ company }) => {
  const { auth } = company.boss.api;
  const { publicKey } = newKey();
  for (const body of [
    { name: unique("Robot"), publicKey, daysValid: 731 },
    { name: unique("Robot"), publicKey, daysValid: 0 },
    { name: unique("Robot"), publicKey: weakKey() },
    { name: unique("Robot"), publicKey: "not a key" },
  ]) {
    expect((await refused(auth.createServiceAccount({ body }))).status, JSON.stringify(body)).toBe(400);
  }
});

/** RSA with half as many bits as are enough. */
function weakKey(): string {
  return generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ type: "spki", format: "pem" }).toString();
}
