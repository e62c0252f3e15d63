import { allow, claimsOf, definePermission, employ, expect, expectLife, lacking, programOf, refused, test, type Caller, type Program } from "../../support/api.ts";
import { newKey } from "../../support/keys.ts";
import { unique } from "../../support/office.ts";
import { newPerson } from "../../support/person.ts";

/** Makes a token for one's own programs. */
async function newToken(owner: Caller, permissionId?: string): Promise<Program> {
  const key = newKey();
  const permission = permissionId === undefined ? {} : { permissionId };
  const made = await owner.api.auth.createPersonalAccessToken({ body: { name: unique("Token"), publicKey: key.publicKey, ...permission } });
  return programOf(owner, owner.username, made, key);
}

test("a token is made, read, listed, and called something else", async ({ company }) => {
  const { auth } = company.boss.api;
  const name = unique("Laptop");
  const askedAt = Date.now();
  const made = await auth.createPersonalAccessToken({ body: { name, publicKey: newKey().publicKey, daysValid: 7 } });
  expect(made).toMatchObject({ name, kind: "Pat", isActive: true, linkedUserId: company.boss.userId, orgId: company.orgId });
  const { tokenId, accessToken } = made;
  expect(claimsOf(accessToken)).toMatchObject({ orgId: company.orgId, userId: company.boss.userId, tokenId });
  expectLife(accessToken, 7 * 86_400, askedAt);

  const read = await auth.getPersonalAccessToken({ tokenId });
  expect(read).toMatchObject({ name, tokenId });
  const { items } = await auth.listPersonalAccessTokens();
  expect(items).toContainEqual(read);
  expect(JSON.stringify([read, items]), "the token is shown once").not.toContain(accessToken);

  const renamed = unique("Laptop");
  expect(await auth.updatePersonalAccessToken({ tokenId, body: { name: renamed } })).toMatchObject({ tokenId, name: renamed });
});

test("its rights are its owner's", async ({ company, mail }) => {
  const employee = await employ(company.boss, mail);
  await allow(company.boss, employee.userId, ["Auth:Users:Read", "Auth:Pats:Create"]);
  const { api } = await newToken(employee);
  await api.auth.listUsers();
  expect(await refused(api.permissions.listPermissions())).toMatchObject(lacking("Permissions:Read"));
});

test("a permission narrows its rights", async ({ company }) => {
  const { id: permissionId, name } = await definePermission(company.boss, ["Auth:Users:Read"]);
  const { api, tokenId } = await newToken(company.boss, permissionId);
  const { permissionAssignments } = await company.boss.api.auth.getPersonalAccessToken({ tokenId });
  expect(permissionAssignments).toEqual([expect.objectContaining({ permissionId, permissionName: name })]);
  await api.auth.listUsers();
  expect(await refused(api.permissions.listPermissions())).toMatchObject(lacking("Permissions:Read"));
});

test("it signs changes, but makes no users, credentials or tokens", async ({ company }) => {
  const program = await newToken(company.boss);
  const { auth } = program.api;
  await definePermission(program, ["Auth:Users:Read"]);
  for (const make of [
    () => auth.createUser({ body: { email: newPerson().email, kind: "CustomerEmployee" } }),
    () => auth.createCredentialCode({ body: { expiration: new Date(Date.now() + 120_000).toISOString() } }),
    () => auth.createCredentialChallenge({ body: { kind: "Key" } }),
    () => auth.createPersonalAccessToken({ body: { name: unique("Token"), publicKey: newKey().publicKey } }),
  ]) {
    expect((await refused(make())).status, String(make)).toBe(403);
  }
});

test("deactivated, it is refused at once; activated, it works again; archived, it is gone", async ({ company }) => {
  const { auth } = company.boss.api;
  const { api, tokenId } = await newToken(company.boss);
  expect(await auth.deactivatePersonalAccessToken({ tokenId })).toMatchObject({ tokenId, isActive: false });
  expect((await refused(api.auth.listUsers())).status).toBe(401);
  expect(await auth.activatePersonalAccessToken({ tokenId })).toMatchObject({ tokenId, isActive: true });
  await api.auth.listUsers();

  await auth.archivePersonalAccessToken({ tokenId });
  expect((await refused(api.auth.listUsers())).status).toBe(401);
  expect((await auth.listPersonalAccessTokens()).items.map((token) => token.tokenId)).not.toContain(tokenId);
});

test("it lasts as long as was asked for, two years at most", async ({ company }) => {
  const { auth } = company.boss.api;
  const body = { name: unique("Token"), publicKey: newKey().publicKey };
  const askedAt = Date.now();
  expectLife((await auth.createPersonalAccessToken({ body: { ...body, secondsValid: 90 } })).accessToken, 90, askedAt);
  expect((await refused(auth.createPersonalAccessToken({ body: { ...body, name: unique("Token"), daysValid: 731 } }))).status).toBe(400);
});
