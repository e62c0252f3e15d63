import { employ, everyPage, expect, inviteByApi, logIn, refused, test } from "../../support/api.ts";
import { newPerson } from "../../support/person.ts";

test("a user is created, read and listed, and gets a mail", async ({ company, mail }) => {
  const { api } = company.boss;
  const { email } = newPerson();
  const user = await api.auth.createUser({ body: { email, kind: "CustomerEmployee", externalId: "4711" } });
  expect(user).toMatchObject({ username: email, kind: "CustomerEmployee", orgId: company.orgId, isServiceAccount: false, isRegistered: false });
  expect(user.userId).toMatch(/^us-[a-z0-9]{5}-[a-z0-9]{5}-[a-z0-9]{16}$/);
  expect(user.permissionAssignments).toEqual([]);
  await mail.next(email);

  expect(await api.auth.getUser({ userId: user.userId })).toEqual(user);
  expect((await api.auth.listUsers({ query: { kind: "CustomerEmployee", limit: 200 } })).items).toContainEqual(user);
  expect((await api.auth.listUsers({ query: { kind: "EndUser", limit: 200 } })).items).not.toContainEqual(user);
});

test("the list comes in pages, each person once", async ({ company, mail }) => {
  const { auth } = company.boss.api;
  await inviteByApi(company.boss, mail);
  const { items, nextPageToken } = await auth.listUsers({ query: { limit: 200 } });
  expect(nextPageToken).toBeUndefined();
  const paged = await everyPage((query) => auth.listUsers({ query }));
  expect(paged.map(({ userId }) => userId)).toEqual(items.map(({ userId }) => userId));
  expect(new Set(paged.map(({ userId }) => userId)).size).toBe(paged.length);
});

test("deactivated, somebody is shut out at once; activated, they come back", async ({ company, mail }) => {
  const { auth } = company.boss.api;
  const employee = await employ(company.boss, mail);
  const { userId } = employee;
  expect(await auth.deactivateUser({ userId })).toMatchObject({ userId, isActive: false });
  expect((await refused(employee.api.auth.listCredentials())).status).toBe(401);
  expect(await auth.activateUser({ userId })).toMatchObject({ userId, isActive: true });
  expect((await auth.getUser({ userId })).isActive).toBe(true);
  await (await logIn(employee)).api.auth.listCredentials();
});

test("deleted, somebody is gone", async ({ company, mail }) => {
  const { auth } = company.boss.api;
  const employee = await employ(company.boss, mail);
  const { userId } = employee;
  expect(await auth.archiveUser({ userId })).toMatchObject({ userId, username: employee.username });
  expect((await refused(auth.getUser({ userId }))).status).toBe(404);
  expect((await refused(employee.api.auth.listCredentials())).status).toBe(401);
  expect((await auth.listUsers({ query: { limit: 200 } })).items.map((user) => user.userId)).not.toContain(userId);
});

test("a user is updated", async ({ company, mail }) => {
  const { auth } = company.boss.api;
  const { userId } = await inviteByApi(company.boss, mail);
  expect(await auth.updateUser({ userId, body: { isSSORequired: false } })).toMatchObject({ userId, isSSORequired: false });
});

test("an address that is taken, or isn't one, is refused, and nothing is mailed", async ({ company, mail }) => {
  const { auth } = company.boss.api;
  const { email } = await inviteByApi(company.boss, mail);
  expect((await refused(auth.createUser({ body: { email, kind: "CustomerEmployee" } }))).status).toBe(409);
  expect((await refused(auth.createUser({ body: { email: "not an address", kind: "CustomerEmployee" } }))).status).toBe(400);
  expect(mail.to(email)).toHaveLength(1);
});

test("the last admin can't be shut out or removed", async ({ company }) => {
  const { api, userId } = company.boss;
  expect((await refused(api.auth.deactivateUser({ userId }))).status).toBe(422);
  expect((await refused(api.auth.archiveUser({ userId }))).status).toBe(422);
  expect((await api.auth.getUser({ userId })).isActive).toBe(true);
});
