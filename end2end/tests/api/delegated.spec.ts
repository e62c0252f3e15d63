import { callerWith, clientAt, expect, lacking, logIn, newServiceAccount, recover, refused, test, type Caller, type Employee, type Operation } from "../../support/api.ts";
import { keySigner, newCredentials, newKey } from "../../support/keys.ts";
import { newPerson } from "../../support/person.ts";

/** What a company's own server may do for its customers. */
const OPERATIONS: Operation[] = ["Auth:Register:Delegated", "Auth:Login:Delegated", "Auth:Recover:Delegated"];

/** A customer signs up in the company's own app, whose server is the service account. */
async function registerCustomer(robot: Caller): Promise<Employee> {
  const username = newPerson().email;
  const [key, recovery] = [newKey(), newKey()];
  const challenge = await robot.api.auth.createDelegatedRegistrationChallenge({ body: { email: username, kind: "EndUser", externalId: "customer 12" } });
  const answer = await clientAt(robot, challenge.temporaryAuthenticationToken).auth.registerEndUser({
    body: { ...newCredentials(key, recovery, challenge.challenge), wallets: [] },
  });
  expect(answer).toMatchObject({ user: { username, orgId: robot.orgId }, credential: { kind: "Key" }, wallets: [] });
  const { origin, orgId } = robot;
  return { ...callerWith({ origin, orgId, username, signer: keySigner(key) }, answer.authentication.token), key, recovery };
}

test("a customer is registered without any mail, and logs in with their own key", async ({ company, mail }) => {
  const customer = await registerCustomer(await newServiceAccount(company.boss, OPERATIONS));
  expect((await customer.api.auth.listCredentials()).items).toHaveLength(2);
  expect((await logIn(customer)).userId).toBe(customer.userId);
  const user = await company.boss.api.auth.getUser({ userId: customer.userId });
  expect(user).toMatchObject({ username: customer.username, kind: "EndUser", isRegistered: true });
  expect((await company.boss.api.auth.listUsers({ query: { kind: "EndUser", limit: 200 } })).items).toContainEqual(user);
  expect(mail.to(customer.username)).toHaveLength(0);
});

test("a customer is logged in by the service account, and signs with their own key", async ({ company }) => {
  const robot = await newServiceAccount(company.boss, OPERATIONS);
  const customer = await registerCustomer(robot);
  const { token } = await robot.api.auth.delegatedLogin({ body: { username: customer.username } });
  const { api, userId } = callerWith(customer, token);
  expect(userId).toBe(customer.userId);
  await api.auth.createCredentialCode({ body: { expiration: new Date(Date.now() + 120_000).toISOString() } });
});

test("a customer is recovered through the service account, with their own recovery key", async ({ company, mail }) => {
  const robot = await newServiceAccount(company.boss, OPERATIONS);
  const customer = await registerCustomer(robot);
  const challenge = await robot.api.auth.createDelegatedRecoveryChallenge({
    body: { username: customer.username, credentialId: customer.recovery.credId },
  });
  const { key } = await recover(company, customer.recovery, challenge);
  expect((await refused(customer.api.auth.listCredentials())).status).toBe(401);
  expect((await logIn({ ...customer, signer: keySigner(key) })).userId).toBe(customer.userId);
  expect(mail.to(customer.username)).toHaveLength(0);
});

test("nobody else is logged in or recovered for: employees aren't customers", async ({ company }) => {
  const robot = await newServiceAccount(company.boss, OPERATIONS);
  const { username } = company.boss;
  await refused(robot.api.auth.delegatedLogin({ body: { username } }));
  await refused(robot.api.auth.createDelegatedRecoveryChallenge({ body: { username, credentialId: newKey().credId } }));
});

test("each of these needs its operation", async ({ company }) => {
  const customer = await registerCustomer(await newServiceAccount(company.boss, OPERATIONS));
  const { auth } = (await newServiceAccount(company.boss, ["Auth:Users:Read"])).api;
  const { username } = customer;
  for (const [operation, call] of [
    ["Auth:Register:Delegated", () => auth.createDelegatedRegistrationChallenge({ body: { email: newPerson().email, kind: "EndUser" } })],
    ["Auth:Login:Delegated", () => auth.delegatedLogin({ body: { username } })],
    ["Auth:Recover:Delegated", () => auth.createDelegatedRecoveryChallenge({ body: { username, credentialId: customer.recovery.credId } })],
  ] as const) {
    expect(await refused(call())).toMatchObject(lacking(operation));
  }
});
