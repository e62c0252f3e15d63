import { DfnsAuthenticator, type CredentialSigner, type CredentialStore } from "@dfns/sdk";
import type { Page } from "@playwright/test";
import { callerWith, claimsOf, clientAt, enterApi, expect, inviteByApi, logIn, newServiceAccount, test, type Identity } from "../../support/api.ts";
import { found } from "../../support/fixtures.ts";
import { newCredentials, newKey } from "../../support/keys.ts";
import { enterAs, unique } from "../../support/office.ts";
import { Authenticator } from "../../support/passkey.ts";
import { newPerson } from "../../support/person.ts";
import { expectDashboard, open, signInByButton } from "../../support/wizard.ts";

/** The client runs here, as in somebody's server; what asks the person for their passkey runs in their browser. */
type PageSigner = CredentialSigner & CredentialStore;

function signerIn(page: Page, passkey: Authenticator): PageSigner {
  return {
    sign: async ({ challenge, allowCredentials, userVerification }) => {
      const allowed = allowCredentials.webauthn.map(({ id }) => id);
      return asked(passkey, () => page.evaluate(assertInPage, { challenge, allowed, userVerification }));
    },
    create: async (challenge) => {
      if (!("excludeCredentials" in challenge)) throw new Error("a challenge for something else than a passkey");
      return asked(passkey, () => page.evaluate(attestInPage, challenge));
    },
  };
}

/** The person approves what `act` asks of them. */
async function asked<Answer>(passkey: Authenticator, act: () => Promise<Answer>): Promise<Answer> {
  let answer: Promise<Answer> | undefined;
  await passkey.approve(() => (answer = act()));
  if (answer === undefined) throw new Error("nothing was asked");
  return answer;
}

/** For `evaluate`. */
async function assertInPage({
  challenge,
  allowed,
  userVerification,
}: {
  challenge: string;
  allowed: string[];
  userVerification: UserVerificationRequirement;
}) {
  const bytes = (text: string) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (symbol) => symbol.charCodeAt(0));
  const text = (buffer: ArrayBuffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const credential = (await navigator.credentials.get({
    publicKey: {
      challenge: bytes(challenge),
      allowCredentials: allowed.map((id) => ({ type: "public-key", id: bytes(id) })),
      rpId: location.hostname,
      userVerification,
    },
  })) as PublicKeyCredential;
  const response = credential.response as AuthenticatorAssertionResponse;
  return {
    kind: "Fido2" as const,
    credentialAssertion: {
      credId: credential.id,
      clientData: text(response.clientDataJSON),
      authenticatorData: text(response.authenticatorData),
      signature: text(response.signature),
      ...(response.userHandle === null ? {} : { userHandle: text(response.userHandle) }),
    },
  };
}

/** What is there to make a passkey from. */
interface Creation {
  challenge: string;
  user: { id: string; name: string; displayName: string };
  rp?: { id: string; name: string } | undefined;
  attestation: AttestationConveyancePreference;
  authenticatorSelection: { residentKey: ResidentKeyRequirement; requireResidentKey: boolean; userVerification: UserVerificationRequirement };
  pubKeyCredParams: { type: "public-key"; alg: number }[];
  excludeCredentials: { type: "public-key"; id: string }[];
}

/** For `evaluate`. */
async function attestInPage({ challenge, user, rp, attestation, authenticatorSelection, pubKeyCredParams, excludeCredentials }: Creation) {
  const bytes = (text: string) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (symbol) => symbol.charCodeAt(0));
  const text = (buffer: ArrayBuffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const { residentKey, requireResidentKey, userVerification } = authenticatorSelection;
  const credential = (await navigator.credentials.create({
    publicKey: {
      challenge: bytes(challenge),
      rp: rp ?? { id: location.hostname, name: location.hostname },
      user: { id: new TextEncoder().encode(user.id), name: user.name, displayName: user.displayName },
      attestation,
      authenticatorSelection: { residentKey, requireResidentKey, userVerification },
      pubKeyCredParams,
      excludeCredentials: excludeCredentials.map(({ type, id }) => ({ type, id: bytes(id) })),
    },
  })) as PublicKeyCredential;
  const response = credential.response as AuthenticatorAttestationResponse;
  return {
    credentialKind: "Fido2" as const,
    credentialInfo: { credId: credential.id, clientData: text(response.clientDataJSON), attestationData: text(response.attestationObject) },
  };
}

/** Somebody with a passkey in this tab, which shows a page that asks for none by itself. */
async function atDesk(page: Page, passkey: Authenticator, { origin, orgId, username }: Omit<Identity, "signer">): Promise<Identity & { signer: PageSigner }> {
  await page.goto(`${origin}/`);
  return { origin, orgId, username, signer: signerIn(page, passkey) };
}

test("an admin logs in and signs with the passkey that the browser made", async ({ page, mail, company, passkey }) => {
  await enterAs(page, passkey, company.admin);
  const boss = await logIn(await atDesk(page, passkey, company.boss));
  expect(boss.userId).toBe(company.boss.userId);
  const { email } = newPerson();
  await boss.api.auth.createUser({ body: { email, kind: "CustomerEmployee" } });
  await mail.next(email);
  await newServiceAccount(boss, ["Auth:Users:Read"]);
});

test("an invited employee makes a passkey by the client's authenticator, and is at home in API and dashboard", async ({ page, mail, company, passkey }) => {
  const { email: username, code: registrationCode } = await inviteByApi(company.boss, mail);
  const { origin: baseUrl, orgId } = company;
  const identity = await atDesk(page, passkey, { origin: baseUrl, orgId, username });
  const authenticator = new DfnsAuthenticator({ baseUrl, orgId, signer: identity.signer });
  await authenticator.register({ orgId, username, registrationCode });
  const { token } = await authenticator.login({ orgId, username });
  const [credential] = (await callerWith(identity, token).api.auth.listCredentials()).items;
  expect(credential).toMatchObject({ kind: "Fido2", isActive: true, relyingPartyId: "localhost", origin: baseUrl });

  await signInByButton(page, passkey);
  await expectDashboard(page, { ...company.admin.person, email: username });
});

test("a second passkey is added, signed with the first", async ({ page, anotherBrowser, browser, server, mail, passkey }) => {
  const { admin, boss } = await enterApi(await found(browser, server, mail), server, mail);
  await enterAs(page, passkey, admin);
  const identity = await atDesk(page, passkey, boss);
  const { api } = await logIn(identity);

  const other = await anotherBrowser();
  await other.goto("/");
  const device = signerIn(other, await Authenticator.in(other));
  const challenge = await api.auth.createCredentialChallenge({ body: { kind: "Fido2" } });
  const attestation = await device.create(challenge);
  if (attestation.credentialKind !== "Fido2") throw new Error("not a passkey");
  const { challengeIdentifier } = challenge;
  const made = await api.auth.createCredential({ body: { ...attestation, credentialName: "Phone", challengeIdentifier } });
  expect(made).toMatchObject({ kind: "Fido2", name: "Phone", credentialId: attestation.credentialInfo.credId });
  await logIn({ ...identity, signer: device });
  await open(page, "/account");
  await expect(page.getByRole("heading", { name: "Phone", exact: true })).toBeVisible();
});

test("an answer without the person's being verified is refused", async ({ page, company, passkey }) => {
  await enterAs(page, passkey, company.admin);
  const identity = await atDesk(page, passkey, company.boss);
  for (const bits of [{ isBadUV: true }, { isBadUP: true }, { isBogusSignature: true }]) {
    await passkey.tamper({ isBogusSignature: false, isBadUV: false, isBadUP: false, ...bits });
    await expect(logIn(identity), JSON.stringify(bits)).rejects.toMatchObject({ name: "DfnsError" });
  }
  await passkey.tamper({ isBogusSignature: false, isBadUV: false, isBadUP: false });
  await logIn(identity);
});

test("every kind of change is signed with a passkey in the browser, and each entry of the log says so", async ({ page, mail, company, passkey }) => {
  await enterAs(page, passkey, company.admin);
  const { api } = await logIn(await atDesk(page, passkey, company.boss));

  const { userId } = await inviteByApi(company.boss, mail);
  const { id: permissionId } = await api.permissions.createPermission({ body: { name: unique("Reads"), operations: ["Auth:Users:Read"] } });
  await test.step("permissions and assignments", async () => {
    await api.permissions.updatePermission({ permissionId, body: { name: unique("Reads users") } });
    const { userId: identityId } = (await api.auth.createServiceAccount({ body: { name: unique("Robot"), publicKey: newKey().publicKey } })).userInfo;
    const { id: assignmentId } = await api.permissions.createAssignment({ permissionId, body: { identityId } });
    await api.permissions.deleteAssignment({ permissionId, assignmentId });
    await api.permissions.archivePermission({ permissionId, body: { isArchived: true } });
    await api.permissions.archivePermission({ permissionId, body: { isArchived: false } });
  });
  await test.step("users", async () => {
    expect((await api.auth.deactivateUser({ userId })).isActive).toBe(false);
    await api.auth.activateUser({ userId });
    await api.auth.archiveUser({ userId });
  });
  await test.step("access tokens", async () => {
    const { tokenId } = await api.auth.createPersonalAccessToken({ body: { name: unique("Script"), publicKey: newKey().publicKey } });
    await api.auth.updatePersonalAccessToken({ tokenId, body: { name: unique("Report") } });
    await api.auth.deactivatePersonalAccessToken({ tokenId });
    await api.auth.activatePersonalAccessToken({ tokenId });
    await api.auth.archivePersonalAccessToken({ tokenId });
  });
  await test.step("service accounts", async () => {
    const { userId: serviceAccountId } = (await api.auth.createServiceAccount({ body: { name: unique("Robot"), publicKey: newKey().publicKey } })).userInfo;
    await api.auth.updateServiceAccount({ serviceAccountId, body: { name: unique("Payroll") } });
    await api.auth.deactivateServiceAccount({ serviceAccountId, body: {} });
    await api.auth.activateServiceAccount({ serviceAccountId });
    await api.auth.archiveServiceAccount({ serviceAccountId });
  });
  await test.step("a code for one more credential", async () => {
    const { code } = await api.auth.createCredentialCode({ body: { expiration: new Date(Date.now() + 120_000).toISOString() } });
    expect(code).not.toBe("");
  });
  await test.step("customers", async () => {
    const { email } = newPerson();
    const { orgId } = company;
    const made = await api.auth.createDelegatedRegistrationChallenge({ body: { email, kind: "EndUser" } });
    const key = newKey();
    const recovery = newKey();
    await clientAt(company, made.temporaryAuthenticationToken).auth.registerEndUser({ body: { ...newCredentials(key, recovery, made.challenge), wallets: [] } });
    const { token } = await api.auth.delegatedLogin({ body: { username: email } });
    expect(claimsOf(token).orgId).toBe(orgId);
    await api.auth.createDelegatedRecoveryChallenge({ body: { username: email, credentialId: recovery.credId } });
  });
  await test.step("the log", async () => {
    const within = (minutes: number): string => new Date(Date.now() + minutes * 60_000).toISOString();
    const csv = await api.auth.listAuditLogs({ query: { startTime: within(-2), endTime: within(1), userId: company.boss.userId } });
    const ids = csv.match(/uj-[a-z0-9]{5}-[a-z0-9]{5}-[a-z0-9]{16}/g) ?? [];
    expect(ids.length).toBeGreaterThanOrEqual(20);
    const newest = await api.auth.getAuditLog({ id: ids.at(-1) ?? "" });
    expect(newest.firstFactorCredential).toMatchObject({ kind: "Fido2" });
  });
});
