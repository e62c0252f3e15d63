import { DfnsAuthenticator, type CredentialSigner, type CredentialStore, type UserActionChallenge } from "@dfns/sdk";
import { callerWith, claimsOf, clientAt, employ, expect, inviteByApi, logIn, refused, register, test } from "../../support/api.ts";
import { ALGORITHMS, keySigner, newCredentials, newKey } from "../../support/keys.ts";
import { enterAs, invite, newColleague } from "../../support/office.ts";
import { newPerson } from "../../support/person.ts";
import { base } from "../../support/sdk.ts";
import { readInvitation } from "../../support/smtp.ts";

for (const algorithm of ALGORITHMS) {
  test(`an invited employee registers a ${algorithm} key and a recovery key, and logs in`, async ({ company, mail }) => {
    const { userId, email, code } = await inviteByApi(company.boss, mail);
    const employee = await register(company, email, code, newKey(algorithm));
    expect(employee.userId).toBe(userId);
    expect(claimsOf(employee.token)).toMatchObject({ orgId: company.orgId, userId: expect.stringMatching(/^us-/), tokenId: expect.stringMatching(/^to-/) });
    expect(claimsOf(employee.token).expires).toBeGreaterThan(Date.now() / 1000);

    const { items } = await employee.api.auth.listCredentials();
    expect(items.map(({ kind, credentialId }) => ({ kind, credentialId }))).toEqual(
      expect.arrayContaining([
        { kind: "Key", credentialId: employee.key.credId },
        { kind: "RecoveryKey", credentialId: employee.recovery.credId },
      ]),
    );
    expect(await company.boss.api.auth.getUser({ userId })).toMatchObject({ username: email, isRegistered: true, isActive: true });
  });
}

test("somebody who was invited in the browser signs up by the API", async ({ page, mail, company, passkey }) => {
  await enterAs(page, passkey, company.admin);
  const grace = newColleague(company.admin.person);
  const path = await invite(page, passkey, grace.email);
  const employee = await register(company, grace.email, readInvitation(await mail.next(grace.email)).code);
  expect(path).toBe(`/org/users/${employee.userId}`);
});

test("a code that is sent again ends the one before", async ({ mail, company }) => {
  const { email, code } = await inviteByApi(company.boss, mail);
  await clientAt(company).auth.resendRegistrationCode({ body: { username: email, orgId: company.orgId } });
  const fresh = readInvitation(await mail.next(email, 2)).code;
  expect(fresh).not.toBe(code);
  await refused(register(company, email, code));
  await register(company, email, fresh);
});

test("a code is good for one registration", async ({ mail, company }) => {
  const { email, code } = await inviteByApi(company.boss, mail);
  await register(company, email, code);
  await refused(register(company, email, code));
});

test("a key that somebody else attested isn't registered", async ({ mail, company }) => {
  const { email, code } = await inviteByApi(company.boss, mail);
  const { challenge, temporaryAuthenticationToken } = await clientAt(company).auth.createRegistrationChallenge({
    body: { orgId: company.orgId, username: email, registrationCode: code },
  });
  const { auth } = clientAt(company, temporaryAuthenticationToken);
  const right = newCredentials(newKey(), newKey(), challenge);
  const other = newCredentials(newKey(), newKey(), challenge);
  const { credentialInfo } = right.firstFactorCredential;
  const stolen = { ...credentialInfo, attestationData: swapPublicKey(credentialInfo.attestationData, other.firstFactorCredential.credentialInfo.attestationData) };
  await refused(auth.register({ body: { ...right, firstFactorCredential: { ...right.firstFactorCredential, credentialInfo: stolen } } }));
  await refused(auth.register({ body: newCredentials(newKey(), newKey(), `${challenge.slice(1)}A`) }));
});

/** An attestation that claims another's public key. */
function swapPublicKey(attestationData: string, another: string): string {
  const parse = (data: string): Record<string, string> => JSON.parse(Buffer.from(data, "base64url").toString("utf8")) as Record<string, string>;
  return Buffer.from(JSON.stringify({ ...parse(attestationData), publicKey: parse(another)["publicKey"] })).toString("base64url");
}

test("nothing tells whether somebody has an account", async ({ mail, company }) => {
  const { email } = await inviteByApi(company.boss, mail);
  const stranger = newPerson().email;
  const { auth } = clientAt(company);
  for (const send of ["resendRegistrationCode", "sendRecoveryCode"] as const) {
    const answers = [];
    for (const username of [email, stranger]) answers.push(await auth[send]({ body: { username, orgId: company.orgId } }));
    expect(answers[1], send).toEqual(answers[0]);
  }
  await auth.createLoginChallenge({ body: { username: stranger, orgId: company.orgId } });
  await mail.next(email, 2);
  expect(mail.to(stranger)).toHaveLength(0);
});

test("logging out ends one token, or all of them", async ({ mail, company }) => {
  const first = await employ(company.boss, mail);
  const [second, third] = [await logIn(first), await logIn(first)];
  await first.api.auth.logout();
  expect((await refused(first.api.auth.listCredentials())).status).toBe(401);
  await second.api.auth.listCredentials();

  await second.api.auth.logout({ body: { allSessions: true } });
  for (const { api } of [second, third]) expect((await refused(api.auth.listCredentials())).status).toBe(401);
  await (await logIn(first)).api.auth.listCredentials();
});

test("a challenge for logging in is good for one answer", async ({ mail, company }) => {
  const { orgId, username, signer } = await employ(company.boss, mail);
  const { auth } = clientAt(company);
  const challenge = await auth.createLoginChallenge({ body: { username, orgId } });
  const answer = { challengeIdentifier: challenge.challengeIdentifier, firstFactor: await signer.sign(challenge as UserActionChallenge) };
  await auth.login({ body: answer });
  expect((await refused(auth.login({ body: answer }))).status).toBe(400);
});

test("the client's older ways in and out work, too", async ({ mail, company }) => {
  const { email, code } = await inviteByApi(company.boss, mail);
  const { origin: baseUrl, orgId } = company;
  const key = newKey();
  const signer: CredentialSigner & CredentialStore = {
    sign: (challenge) => keySigner(key).sign(challenge),
    create: async (challenge) => newCredentials(key, newKey(), "challenge" in challenge ? challenge.challenge : "").firstFactorCredential,
  };
  const authenticator = new DfnsAuthenticator({ baseUrl, orgId, signer });
  await authenticator.register({ orgId, username: email, registrationCode: code });
  const { token } = await authenticator.login({ orgId, username: email });

  const challenge = await base.createUserLoginChallenge({ orgId, username: email }, { baseUrl });
  const { challengeIdentifier } = challenge;
  const other = await base.createUserLogin({ challengeIdentifier, firstFactor: await signer.sign(challenge) }, { baseUrl });
  await base.userLogout({ baseUrl, authToken: token });
  const identity = { origin: baseUrl, orgId, username: email, signer };
  expect((await refused(callerWith(identity, token).api.auth.listCredentials())).status).toBe(401);
  await callerWith(identity, other.token).api.auth.listCredentials();
});
