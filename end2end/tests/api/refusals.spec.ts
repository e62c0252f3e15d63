import type { CredentialSigner } from "@dfns/sdk";
import { randomBytes } from "node:crypto";
import {
  allow,
  definePermission,
  employ,
  enterApi,
  expect,
  expectDone,
  expectRefused,
  inviteByApi,
  lacking,
  newServiceAccount,
  programOf,
  refused,
  send,
  signAction,
  test,
  type Request,
} from "../../support/api.ts";
import { challengeOf } from "../../support/document.ts";
import { found } from "../../support/fixtures.ts";
import { newKey } from "../../support/keys.ts";
import { newPerson } from "../../support/person.ts";
import { decode } from "../../support/tamper.ts";

const LIST: Request = { method: "GET", path: "/auth/users" };

/** The request that creates somebody new. */
function creation(email = newPerson().email): Required<Request> {
  return { method: "POST", path: "/auth/users", body: JSON.stringify({ email, kind: "CustomerEmployee" }) };
}

test.describe("a token", () => {
  test("is missing, or isn't one", async ({ company: { origin, boss } }) => {
    expectRefused(await send(origin, LIST), 401);
    const [head, body] = boss.token.split(".");
    for (const token of ["garbage", "a.b.c", `${head}.${body}.${randomBytes(64).toString("base64url")}`, `${head}.${body}.`]) {
      expectRefused(await send(origin, LIST, { token }), 401);
    }
  });

  test("says that it isn't signed, or that it is somebody else's", async ({ company: { origin, boss } }) => {
    const [head = "", body = "", signature = ""] = boss.token.split(".");
    const unsigned = Buffer.from(JSON.stringify({ alg: "none", typ: "JWT" })).toString("base64url");
    expectRefused(await send(origin, LIST, { token: `${unsigned}.${body}.` }), 401);
    const claims = decode(body).toString("utf8").replace(boss.userId, "us-00000-00000-0000000000000000");
    expectRefused(await send(origin, LIST, { token: `${head}.${Buffer.from(claims).toString("base64url")}.${signature}` }), 401);
  });

  test("was ended by logging out", async ({ company, mail }) => {
    const { origin, api, token } = await employ(company.boss, mail);
    await api.auth.logout();
    expectRefused(await send(origin, { method: "GET", path: "/auth/credentials" }, { token }), 401);
  });

  test("is of somebody who was deactivated", async ({ company, mail }) => {
    const employee = await employ(company.boss, mail);
    await allow(company.boss, employee.userId, ["Auth:Pats:Create"]);
    const key = newKey();
    const made = await employee.api.auth.createPersonalAccessToken({ body: { name: "Laptop", publicKey: key.publicKey } });
    const program = programOf(company, employee.username, made, key);
    await program.api.auth.listCredentials();
    await company.boss.api.auth.deactivateUser({ userId: employee.userId });
    for (const { token } of [employee, program]) expectRefused(await send(company.origin, { method: "GET", path: "/auth/credentials" }, { token }), 401);
  });

  test("doesn't reach as far as what is asked for: the answer names the operation", async ({ company }) => {
    const { api } = await newServiceAccount(company.boss, ["Auth:Users:Read"]);
    const { email } = newPerson();
    expect(await refused(api.auth.createUser({ body: { email, kind: "CustomerEmployee" } }))).toMatchObject(lacking("Auth:Users:Create"));
    expect(await refused(api.permissions.listPermissions())).toMatchObject(lacking("Permissions:Read"));
  });

  test("is for the API, and the dashboard's cookie for the dashboard", async ({ company: { origin, boss, admin } }) => {
    const cookie = admin.cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
    expectRefused(await send(origin, LIST, { cookie }), 401);
    const { status, headers } = await send(origin, { method: "GET", path: "/org" }, { token: boss.token });
    expect([302, 303, 307]).toContain(status);
    expect(headers.get("location")).toMatch(/\/login/);
  });
});

test("nothing of another organization is there", async ({ browser, server, mail, company }) => {
  const other = await enterApi(await found(browser, server, mail), server, mail);
  const theirs = other.boss;
  const { userId } = await employ(theirs, mail);
  const { id: permissionId } = await definePermission(theirs, ["Auth:Users:Read"]);
  const { id: assignmentId } = await theirs.api.permissions.createAssignment({ permissionId, body: { identityId: userId } });
  const { userId: serviceAccountId } = await newServiceAccount(theirs, ["Auth:Users:Read"]);
  const { tokenId } = await theirs.api.auth.createPersonalAccessToken({ body: { name: "Laptop", publicKey: newKey().publicKey } });
  const credentialUuid = (await theirs.api.auth.listCredentials()).items[0]?.credentialUuid ?? "";
  const csv = await theirs.api.auth.listAuditLogs({ query: { startTime: "2020-01-01T00:00:00.000Z", endTime: new Date(Date.now() + 60_000).toISOString() } });
  const entry = /uj-[a-z0-9-]+/.exec(csv)?.[0] ?? "";

  const { auth, permissions } = company.boss.api;
  const ours = await definePermission(company.boss, ["Auth:Users:Read"]);
  const calls: Record<string, () => Promise<unknown>> = {
    getUser: () => auth.getUser({ userId }),
    updateUser: () => auth.updateUser({ userId, body: { isSSORequired: false } }),
    activateUser: () => auth.activateUser({ userId }),
    deactivateUser: () => auth.deactivateUser({ userId }),
    archiveUser: () => auth.archiveUser({ userId }),
    getPermission: () => permissions.getPermission({ permissionId }),
    updatePermission: () => permissions.updatePermission({ permissionId, body: { name: "Ours now" } }),
    archivePermission: () => permissions.archivePermission({ permissionId, body: { isArchived: true } }),
    listAssignments: () => permissions.listAssignments({ permissionId }),
    "createAssignment of their permission": () => permissions.createAssignment({ permissionId, body: { identityId: company.boss.userId } }),
    "createAssignment to their user": () => permissions.createAssignment({ permissionId: ours.id, body: { identityId: userId } }),
    deleteAssignment: () => permissions.deleteAssignment({ permissionId, assignmentId }),
    "deleteAssignment of our permission": () => permissions.deleteAssignment({ permissionId: ours.id, assignmentId }),
    getServiceAccount: () => auth.getServiceAccount({ serviceAccountId }),
    updateServiceAccount: () => auth.updateServiceAccount({ serviceAccountId, body: { name: "Ours now" } }),
    activateServiceAccount: () => auth.activateServiceAccount({ serviceAccountId }),
    deactivateServiceAccount: () => auth.deactivateServiceAccount({ serviceAccountId, body: {} }),
    archiveServiceAccount: () => auth.archiveServiceAccount({ serviceAccountId }),
    "createServiceAccount with their permission": () => auth.createServiceAccount({ body: { name: "Robot", publicKey: newKey().publicKey, permissionId } }),
    getPersonalAccessToken: () => auth.getPersonalAccessToken({ tokenId }),
    updatePersonalAccessToken: () => auth.updatePersonalAccessToken({ tokenId, body: { name: "Ours now" } }),
    activatePersonalAccessToken: () => auth.activatePersonalAccessToken({ tokenId }),
    deactivatePersonalAccessToken: () => auth.deactivatePersonalAccessToken({ tokenId }),
    archivePersonalAccessToken: () => auth.archivePersonalAccessToken({ tokenId }),
    "createPersonalAccessToken with their permission": () => auth.createPersonalAccessToken({ body: { name: "Laptop", publicKey: newKey().publicKey, permissionId } }),
    activateCredential: () => auth.activateCredential({ body: { credentialUuid } }),
    deactivateCredential: () => auth.deactivateCredential({ body: { credentialUuid } }),
    getAuditLog: () => auth.getAuditLog({ id: entry }),
  };
  for (const [name, call] of Object.entries(calls)) expect((await refused(call())).status, name).toBe(404);
});

test.describe("a signature", () => {
  test("is for the document that comes with the challenge", async ({ company: { boss } }) => {
    const { method, path, body } = creation();
    const challenge = await boss.api.auth.createUserActionChallenge({ body: { userActionHttpMethod: method, userActionHttpPath: path, userActionPayload: body } });
    const { action } = challenge as typeof challenge & { action: string };
    expect(challenge.challenge).toBe(challengeOf(decode(action)).toString("base64url"));
    expect(challenge.externalAuthenticationUrl).toBe("");
    const document = JSON.parse(decode(action).toString("utf8")) as { organization: string; operation: string };
    expect(document).toMatchObject({ organization: boss.orgId, operation: "Auth:Users:Create" });
  });

  test("is missing", async ({ company: { origin, boss }, mail }) => {
    const email = newPerson().email;
    expectRefused(await send(origin, creation(email), { token: boss.token }), 403);
    const { status } = await send(origin, creation(email), { token: boss.token, userAction: "garbage" });
    expect([400, 403]).toContain(status);
    expect(mail.to(email)).toHaveLength(0);
  });

  test("is used again, or twice at once", async ({ company: { origin, boss } }) => {
    const request = creation();
    const signed = { token: boss.token, userAction: await signAction(boss, request) };
    const replies = await Promise.all([send(origin, request, signed), send(origin, request, signed)]);
    const [done = 0, again = 0] = replies.map(({ status }) => status).toSorted();
    expect([done < 300, again]).toEqual([true, 400]);
    expectRefused(await send(origin, request, signed), 400);
  });

  test("is for another request", async ({ company: { origin, boss }, mail }) => {
    const { userId } = await inviteByApi(boss, mail);
    const userAction = await signAction(boss, creation());
    expectRefused(await send(origin, { method: "PUT", path: `/auth/users/${userId}/deactivate`, body: "{}" }, { token: boss.token, userAction }), 403);
    expect((await boss.api.auth.getUser({ userId })).isActive).toBe(true);
  });

  test("is for the same thing with another body", async ({ company: { origin, boss } }) => {
    const userAction = await signAction(boss, creation());
    expectRefused(await send(origin, creation(), { token: boss.token, userAction }), 403);
  });

  test("is for the same thing of somebody else", async ({ company: { origin, boss }, mail }) => {
    const [one, other] = [await inviteByApi(boss, mail), await inviteByApi(boss, mail)];
    const deactivation = (userId: string): Request => ({ method: "PUT", path: `/auth/users/${userId}/deactivate`, body: "{}" });
    const userAction = await signAction(boss, deactivation(one.userId));
    expectRefused(await send(origin, deactivation(other.userId), { token: boss.token, userAction }), 403);
  });

  test("is for the same thing with another query", async ({ company: { origin, boss }, mail }) => {
    const { userId } = await employ(boss, mail);
    const { id: permissionId } = await definePermission(boss, ["Auth:Users:Read"]);
    const { id } = await boss.api.permissions.createAssignment({ permissionId, body: { identityId: userId } });
    const deletion = (query: string): Request => ({ method: "DELETE", path: `/permissions/${permissionId}/assignments/${id}${query}`, body: "{}" });
    for (const query of ["?force=false", ""]) {
      const userAction = await signAction(boss, deletion("?force=true"));
      expectRefused(await send(origin, deletion(query), { token: boss.token, userAction }), 403);
    }
    expect((await boss.api.permissions.listAssignments({ permissionId })).items).toHaveLength(1);
  });

  test("is somebody else's", async ({ company: { origin, boss }, mail }) => {
    const employee = await employ(boss, mail);
    await allow(boss, employee.userId, ["Auth:Users:Create"]);
    const request = creation();
    const userAction = await signAction(employee, request);
    expectRefused(await send(origin, request, { token: boss.token, userAction }), 403);
  });

  test("is by a key of somebody else", async ({ company: { boss }, mail }) => {
    const [employee, other] = [await employ(boss, mail), await employ(boss, mail)];
    await allow(boss, employee.userId, ["Auth:Users:Create"]);
    const key = [{ type: "public-key" as const, id: other.key.credId }];
    const signer: CredentialSigner = { sign: (challenge) => other.signer.sign({ ...challenge, allowCredentials: { key, webauthn: [] } }) };
    await refused(signAction({ ...employee, signer }, creation()));
  });
});

test.describe("the same change, told otherwise, is accepted", () => {
  test("with its members in another order, and white space", async ({ company: { origin, boss }, mail }) => {
    const email = newPerson().email;
    const userAction = await signAction(boss, creation(email));
    const body = `{\n  "kind": "CustomerEmployee",\n\t"email" : ${JSON.stringify(email)}\n}\n`;
    expectDone(await send(origin, { ...creation(), body }, { token: boss.token, userAction }), "createUser");
    await mail.next(email);
  });

  test("with nothing where an empty body was signed, and the other way round", async ({ company: { origin, boss }, mail }) => {
    const { userId } = await inviteByApi(boss, mail);
    const path = `/auth/users/${userId}`;
    const signed = { token: boss.token, userAction: await signAction(boss, { method: "PUT", path: `${path}/deactivate`, body: "{}" }) };
    expectDone(await send(origin, { method: "PUT", path: `${path}/deactivate` }, signed), "deactivateUser");

    const otherWay = { token: boss.token, userAction: await signAction(boss, { method: "PUT", path: `${path}/activate` }) };
    expectDone(await send(origin, { method: "PUT", path: `${path}/activate`, body: "{}" }, otherWay), "activateUser");
  });
});

test.describe("a request", () => {
  test("has a member that nobody knows: refused before anything is signed", async ({ company: { origin, orgId, boss } }) => {
    const body = JSON.stringify({ ...(JSON.parse(creation().body) as object), isAdmin: true });
    expect((await refused(signAction(boss, { ...creation(), body }))).status).toBe(400);
    const login = JSON.stringify({ orgId, username: boss.username, isAdmin: true });
    expectRefused(await send(origin, { method: "POST", path: "/auth/login/init", body: login }), 400);
  });

  test("isn't JSON, or not that of the call", async ({ company: { origin, boss } }) => {
    for (const body of ["{", "[]", "{}", '{"orgId":7}']) {
      expectRefused(await send(origin, { method: "POST", path: "/auth/login/init", body }), 400);
      expect((await refused(signAction(boss, { ...creation(), body }))).status, body).toBe(400);
    }
  });

  test("asks for a challenge for nothing that is signed here", async ({ company: { boss } }) => {
    for (const path of ["/auth/nothing", "/auth/users/", "//example.org/auth/users", "https://example.org/auth/users"]) {
      const { status } = await refused(signAction(boss, { ...creation(), path }));
      expect([400, 404], path).toContain(status);
    }
  });

  test("comes by a method that isn't there: the answer says which are", async ({ company: { origin, boss } }) => {
    const reply = await send(origin, { method: "PATCH", path: "/auth/users", body: "{}" }, { token: boss.token });
    expectRefused(reply, 405);
    const allowed = (reply.headers.get("allow") ?? "").split(/,\s*/);
    expect(allowed).toEqual(expect.arrayContaining(["GET", "POST"]));
    expect(allowed).not.toContain("PATCH");
  });

  test("goes to a path that isn't there", async ({ company: { origin, boss } }) => {
    expectRefused(await send(origin, { method: "GET", path: "/auth/nothing" }, { token: boss.token }), 404);
  });

  test("has another content type", async ({ company: { origin, orgId, boss } }) => {
    const body = JSON.stringify({ orgId, username: boss.username });
    for (const type of ["text/plain", "application/x-www-form-urlencoded"]) {
      expectRefused(await send(origin, { method: "POST", path: "/auth/login/init", body }, { "content-type": type }), 415);
    }
  });

  test("asks for a page that is too small or too large", async ({ company: { origin, boss } }) => {
    for (const query of ["limit=0", "limit=201", "limit=many", "paginationToken=garbage"]) {
      expectRefused(await send(origin, { method: "GET", path: `/auth/users?${query}` }, { token: boss.token }), 400);
    }
  });

  test("is refused with a number that the server's log knows", async ({ company: { origin }, server }) => {
    const { id } = expectRefused(await send(origin, LIST), 401);
    await expect.poll(() => server.output).toContain(id);
  });
});
