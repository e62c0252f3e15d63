import { allow, definePermission, employ, everyPage, expect, lacking, refused, test } from "../../support/api.ts";
import { unique } from "../../support/office.ts";

test("a permission is defined, read, changed, archived, and brought back", async ({ company }) => {
  const { permissions } = company.boss.api;
  const [name, renamed] = [unique("Invites people"), unique("Office managers")];
  const created = await permissions.createPermission({ body: { name, operations: ["Auth:Users:Read", "Auth:Users:Create"] } });
  expect(created).toMatchObject({ name, isImmutable: false, isArchived: false, status: "Active" });
  expect(created.operations.toSorted()).toEqual(["Auth:Users:Create", "Auth:Users:Read"]);
  const { id: permissionId } = created;
  expect(permissionId).toMatch(/^pm-[a-z0-9]{5}-[a-z0-9]{5}-[a-z0-9]{16}$/);
  expect(await permissions.getPermission({ permissionId })).toEqual(created);

  const changed = await permissions.updatePermission({ permissionId, body: { name: renamed, operations: ["Auth:Logs:Read"] } });
  expect(changed).toMatchObject({ id: permissionId, name: renamed, operations: ["Auth:Logs:Read"] });
  expect(await permissions.updatePermission({ permissionId, body: { operations: ["Auth:Users:Read"] } })).toMatchObject({ name: renamed, operations: ["Auth:Users:Read"] });

  for (const isArchived of [true, false]) {
    expect(await permissions.archivePermission({ permissionId, body: { isArchived } })).toMatchObject({ id: permissionId, isArchived });
    expect((await permissions.getPermission({ permissionId })).isArchived).toBe(isArchived);
  }
});

test("a name is taken, also by an archived permission", async ({ company }) => {
  const { permissions } = company.boss.api;
  const { id: permissionId, name } = await definePermission(company.boss, ["Auth:Users:Read"]);
  const again = () => refused(permissions.createPermission({ body: { name, operations: ["Auth:Logs:Read"] } }));
  expect((await again()).status).toBe(409);
  await permissions.archivePermission({ permissionId, body: { isArchived: true } });
  expect((await again()).status).toBe(409);
});

test("the list comes in pages, and has what came with the organization", async ({ company }) => {
  const { permissions } = company.boss.api;
  await definePermission(company.boss, ["Auth:Users:Read"]);
  const { items } = await permissions.listPermissions({ query: { limit: 200 } });
  const managed = items.filter(({ isImmutable }) => isImmutable).map(({ name }) => name);
  expect(managed.toSorted()).toEqual(["ManagedDefaultEndUserAccess", "ManagedFullAdminAccess"]);
  const paged = await everyPage((query) => permissions.listPermissions({ query }));
  expect(paged.map(({ id }) => id)).toEqual(items.map(({ id }) => id));
});

test("full admin access can't be changed or put away", async ({ company }) => {
  const { permissions } = company.boss.api;
  const { items } = await permissions.listPermissions({ query: { limit: 200 } });
  const permissionId = items.find(({ name }) => name === "ManagedFullAdminAccess")?.id ?? "";
  expect((await refused(permissions.updatePermission({ permissionId, body: { operations: ["Auth:Users:Read"] } }))).status).toBe(422);
  expect((await refused(permissions.archivePermission({ permissionId, body: { isArchived: true } }))).status).toBe(422);
});

test("given to somebody, a permission works at once; taken back, it is gone at once", async ({ company, mail }) => {
  const { permissions } = company.boss.api;
  const employee = await employ(company.boss, mail);
  const { id: permissionId, name } = await definePermission(company.boss, ["Auth:Users:Read"]);
  expect((await refused(employee.api.auth.listUsers())).message).toContain("Auth:Users:Read");

  const assignment = await permissions.createAssignment({ permissionId, body: { identityId: employee.userId } });
  expect(assignment).toMatchObject({ permissionId, identityId: employee.userId, id: expect.stringMatching(/^as-/) });
  expect((await permissions.listAssignments({ permissionId })).items).toContainEqual(assignment);
  expect((await employee.api.auth.listUsers()).items.length).toBeGreaterThan(0);
  const { permissionAssignments } = await company.boss.api.auth.getUser({ userId: employee.userId });
  expect(permissionAssignments).toEqual([expect.objectContaining({ permissionId, permissionName: name, assignmentId: assignment.id })]);

  await permissions.deleteAssignment({ permissionId, assignmentId: assignment.id });
  expect((await permissions.listAssignments({ permissionId })).items).toEqual([]);
  expect((await refused(employee.api.auth.listUsers())).status).toBe(403);
});

test("assignments come in pages", async ({ company, mail }) => {
  const { permissions } = company.boss.api;
  const { id: permissionId } = await definePermission(company.boss, ["Auth:Users:Read"]);
  const given = [];
  for (let people = 0; people < 3; people += 1) {
    const { userId: identityId } = await employ(company.boss, mail);
    given.push((await permissions.createAssignment({ permissionId, body: { identityId } })).id);
  }
  const paged = await everyPage((query) => permissions.listAssignments({ permissionId, query }));
  expect(paged.map(({ id }) => id).toSorted()).toEqual(given.toSorted());
});

test("names that do nothing here yet are accepted, and old names mean what they are called now", async ({ company }) => {
  expect((await definePermission(company.boss, ["Webhooks:Read", "Swaps:Create"])).operations.toSorted()).toEqual(["Swaps:Create", "Webhooks:Read"]);
  const { operations } = await definePermission(company.boss, ["PermissionAssignments:Create", "PermissionAssignments:Revoke", "PermissionAssignments:Read"]);
  expect(operations.toSorted()).toEqual(["Permissions:Assign", "Permissions:Assignments:Read", "Permissions:Revoke"]);
});

test("nobody gives away more than they hold", async ({ company, mail }) => {
  const employee = await employ(company.boss, mail);
  await allow(company.boss, employee.userId, ["Permissions:Create", "Permissions:Assign", "Auth:Users:Read"]);
  const { permissions } = employee.api;
  const body = { name: unique("Powerful"), operations: ["Auth:Users:Delete" as const] };
  expect(await refused(permissions.createPermission({ body }))).toMatchObject(lacking("Auth:Users:Delete"));

  const { id: permissionId } = await definePermission(company.boss, ["Auth:Users:Delete"]);
  expect((await refused(permissions.createAssignment({ permissionId, body: { identityId: employee.userId } }))).status).toBe(403);
  await permissions.createPermission({ body: { ...body, operations: ["Auth:Users:Read"] } });
});

test("the last admin keeps full admin access", async ({ company }) => {
  const { auth, permissions } = company.boss.api;
  const { permissionAssignments } = await auth.getUser({ userId: company.boss.userId });
  const admin = permissionAssignments.find(({ permissionName }) => permissionName === "ManagedFullAdminAccess");
  const { permissionId = "", assignmentId = "" } = admin ?? {};
  expect((await refused(permissions.deleteAssignment({ permissionId, assignmentId }))).status).toBe(422);
});
