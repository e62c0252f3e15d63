import { allow, clientAt, employ, expect, logIn, programOf, recover, refused, test, type Employee } from "../../support/api.ts";
import { ENCRYPTED_PRIVATE_KEY, keySigner, newKey } from "../../support/keys.ts";
import { findCode, type MailServer } from "../../support/smtp.ts";

/** Asks for a code, which is mailed, and for a challenge with it. */
async function challengeFor({ origin, orgId, username, recovery }: Employee, mail: MailServer) {
  const { auth } = clientAt({ origin, orgId });
  await auth.sendRecoveryCode({ body: { username, orgId } });
  const verificationCode = findCode((await mail.next(username, 2)).text) ?? "";
  return auth.createRecoveryChallenge({ body: { username, verificationCode, orgId, credentialId: recovery.credId } });
}

test("mail and recovery key bring somebody back, and everything before ends", async ({ company, mail }) => {
  const employee = await employ(company.boss, mail);
  await allow(company.boss, employee.userId, ["Auth:Pats:Create"]);
  const tokenKey = newKey();
  const pat = await employee.api.auth.createPersonalAccessToken({ body: { name: "Laptop", publicKey: tokenKey.publicKey } });
  const program = programOf(company, employee.username, pat, tokenKey);
  await program.api.auth.listCredentials();

  const challenge = await challengeFor(employee, mail);
  expect(challenge.allowedRecoveryCredentials).toContainEqual({ id: employee.recovery.credId, encryptedRecoveryKey: ENCRYPTED_PRIVATE_KEY });
  const { key, recovery } = await recover(company, employee.recovery, challenge);
  for (const { api } of [employee, program]) expect((await refused(api.auth.listCredentials())).status).toBe(401);

  const { allowCredentials } = await clientAt(company).auth.createLoginChallenge({ body: { username: employee.username, orgId: company.orgId } });
  expect(allowCredentials.key.map(({ id }) => id)).toEqual([key.credId]);
  const back = await logIn({ ...employee, signer: keySigner(key) });
  expect(back.userId).toBe(employee.userId);
  const active = (await back.api.auth.listCredentials()).items.filter(({ isActive }) => isActive);
  expect(active.map(({ credentialId }) => credentialId).toSorted()).toEqual([key.credId, recovery.credId].toSorted());
});

test("another key than the recovery key brings nobody back, and nothing ends", async ({ company, mail }) => {
  const employee = await employ(company.boss, mail);
  const challenge = await challengeFor(employee, mail);
  await refused(recover(company, { ...newKey(), credId: employee.recovery.credId }, challenge));
  await employee.api.auth.listCredentials();
});

test("a code that isn't right leads to no challenge", async ({ company, mail }) => {
  const { username, orgId, recovery } = await employ(company.boss, mail);
  const { auth } = clientAt(company);
  await auth.sendRecoveryCode({ body: { username, orgId } });
  const code = findCode((await mail.next(username, 2)).text) ?? "";
  const verificationCode = code.slice(0, -1) + String((Number(code.slice(-1)) + 1) % 10);
  await refused(auth.createRecoveryChallenge({ body: { username, verificationCode, orgId, credentialId: recovery.credId } }));
});
