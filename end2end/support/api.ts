import { DfnsError, type CredentialSigner, type UserActionChallenge } from "@dfns/sdk";
import type { CreatePersonalAccessTokenResponse, GetServiceAccountResponse } from "@dfns/sdk/generated/auth";
import type { CreatePermissionBody, CreatePermissionResponse } from "@dfns/sdk/generated/permissions";
import { basename } from "node:path";
import { expect, found, test as browserTest, type Office } from "./fixtures.ts";
import { keySigner, newCredentials, newKey, passkeySigner, recoveryAssertion, type Key } from "./keys.ts";
import { unique } from "./office.ts";
import { newPerson } from "./person.ts";
import { expectDeclared, rememberFile, validatedClient, type Client } from "./sdk.ts";
import type { Server } from "./server.ts";
import { readInvitation, type MailServer } from "./smtp.ts";
import { ORGANIZATION_ID } from "./wizard.ts";

/** The HTTP API as programs use it: those who call it, and the calls that nearly every test makes. */

export type Operation = CreatePermissionBody["operations"][number];

/** An organization on a server. */
export interface Place {
  readonly origin: string;
  readonly orgId: string;
}

/** Somebody of an organization, by whatever they sign with. */
export interface Identity extends Place {
  readonly username: string;
  readonly signer: CredentialSigner;
}

/** The same with a token: a person who has logged in, or a program. */
export interface Caller extends Identity {
  readonly userId: string;
  readonly token: string;
  readonly api: Client;
}

/** A person who signed up by the API, without any browser. */
export interface Employee extends Caller {
  readonly key: Key;
  readonly recovery: Key;
}

/** A program, with the key that it signs with and the id of its token. */
export interface Program extends Caller {
  readonly tokenId: string;
}

/** An organization that was founded in the browser, and its admin's way into the API. */
export interface Company extends Office, Place {
  /** The admin, signing with the passkey that the browser made. */
  readonly boss: Caller;
}

export const test = browserTest.extend<{ remembered: void }, { company: Company }>({
  company: [
    async ({ browser, server, mail }, use) => {
      await use(await enterApi(await found(browser, server, mail), server, mail));
    },
    { scope: "worker", timeout: 60_000 },
  ],

  remembered: [
    async ({}, use, testInfo) => {
      await use();
      if (testInfo.status === testInfo.expectedStatus) rememberFile(basename(testInfo.file));
    },
    { auto: true },
  ],
});

export async function enterApi(office: Office, { origin }: Server, mail: MailServer): Promise<Company> {
  const { person, passkey } = office.admin;
  const orgId = ORGANIZATION_ID.exec((await mail.next(person.email)).text)?.[0] ?? "";
  const boss = await logIn({ origin, orgId, username: person.email, signer: passkeySigner(passkey, origin) });
  return { ...office, origin, orgId, boss };
}

/** The client of somebody without an account, or in the middle of something that a temporary token stands for. */
export function clientAt({ origin, orgId }: Place, authToken?: string): Client {
  return validatedClient({ baseUrl: origin, orgId, ...(authToken === undefined ? {} : { authToken }) });
}

export async function logIn(identity: Identity): Promise<Caller> {
  const { orgId, username, signer } = identity;
  const { auth } = clientAt(identity);
  const challenge = await auth.createLoginChallenge({ body: { username, orgId } });
  const firstFactor = await signer.sign(challenge as UserActionChallenge);
  const answer = await auth.login({ body: { challengeIdentifier: challenge.challengeIdentifier, firstFactor } });
  if (!("token" in answer)) throw new Error("logging in led to single sign-on, which isn't there");
  return callerWith(identity, answer.token);
}

/** What somebody is who has this token. */
export function callerWith({ origin, orgId, username, signer }: Identity, token: string): Caller {
  const api = validatedClient({ baseUrl: origin, orgId, authToken: token, signer });
  return { origin, orgId, username, signer, token, userId: claimsOf(token).userId, api };
}

/** What a token says of whoever has it; times are in seconds. */
export interface Claims {
  readonly orgId: string;
  readonly userId: string;
  readonly tokenId: string;
  readonly issued: number;
  readonly expires: number;
}

export function claimsOf(token: string): Claims {
  const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8")) as Record<string, unknown>;
  const about = claims["https://custom/app_metadata"] as Pick<Claims, "orgId" | "userId" | "tokenId">;
  return { ...about, issued: Number(claims["iat"]), expires: Number(claims["exp"]) };
}

/**
 * Looks whether the token ends so many seconds after it was asked for, at `askedAt`. The end is a part of what is signed: it is
 * counted from when the action was prepared, and not from when it was executed, which `issued` tells and may be a second later.
 */
export function expectLife(token: string, seconds: number, askedAt: number): void {
  const { issued, expires } = claimsOf(token);
  const [asked, now] = [askedAt, Date.now()].map((time) => Math.floor(time / 1000)) as [number, number];
  for (const [name, begin] of Object.entries({ issued, begin: expires - seconds })) {
    expect(begin, name).toBeGreaterThanOrEqual(asked);
    expect(begin, name).toBeLessThanOrEqual(now);
  }
}

/** Creates somebody, who gets a mail. */
export async function inviteByApi(boss: Caller, mail: MailServer): Promise<{ userId: string; email: string; code: string }> {
  const { email } = newPerson();
  const { userId } = await boss.api.auth.createUser({ body: { email, kind: "CustomerEmployee" } });
  return { userId, email, code: readInvitation(await mail.next(email)).code };
}

/** An invited person's way in, from the code to their token. */
export async function register(place: Place, username: string, registrationCode: string, key = newKey()): Promise<Employee> {
  const { orgId } = place;
  const recovery = newKey();
  const challenge = await clientAt(place).auth.createRegistrationChallenge({ body: { orgId, username, registrationCode } });
  await clientAt(place, challenge.temporaryAuthenticationToken).auth.register({ body: newCredentials(key, recovery, challenge.challenge) });
  return { ...(await logIn({ ...place, username, signer: keySigner(key) })), key, recovery };
}

/** A new employee. They have no permission. */
export async function employ(boss: Caller, mail: MailServer, key = newKey()): Promise<Employee> {
  const { email, code } = await inviteByApi(boss, mail);
  return register(boss, email, code, key);
}

/** Defines a permission, for whoever is to have it. */
export function definePermission(boss: Caller, operations: Operation[]): Promise<CreatePermissionResponse> {
  return boss.api.permissions.createPermission({ body: { name: unique("Permission"), operations } });
}

/** Lets somebody do this, too. */
export async function allow(boss: Caller, identityId: string, operations: Operation[]): Promise<void> {
  const { id: permissionId } = await definePermission(boss, operations);
  await boss.api.permissions.createAssignment({ permissionId, body: { identityId } });
}

/** A new service account that may do this. */
export async function newServiceAccount(boss: Caller, operations: Operation[]): Promise<Program> {
  const { id: permissionId } = await definePermission(boss, operations);
  const key = newKey("Ed25519");
  const account = await boss.api.auth.createServiceAccount({ body: { name: unique("Robot"), publicKey: key.publicKey, permissionId } });
  return programOf(boss, account.userInfo.username, account.accessTokens[0], key);
}

type AccessToken = GetServiceAccountResponse["accessTokens"][number] | CreatePersonalAccessTokenResponse;

/** What somebody's program is that was given this token and signs with this key. */
export function programOf(place: Place, username: string, made: AccessToken | undefined, key: Key): Program {
  if (made?.accessToken === undefined) throw new Error(`${username} was given no token`);
  const signer = keySigner({ ...key, credId: made.credId });
  return { ...callerWith({ ...place, username, signer }, made.accessToken), tokenId: made.tokenId };
}

/** From a challenge for recovery to new credentials, by the old recovery key. */
export async function recover(
  place: Place,
  lost: Key,
  { challenge, temporaryAuthenticationToken }: { readonly challenge: string; readonly temporaryAuthenticationToken: string },
): Promise<{ key: Key; recovery: Key }> {
  const [key, recovery] = [newKey(), newKey("Ed25519")];
  const credentials = newCredentials(key, recovery, challenge);
  const body = { recovery: recoveryAssertion(lost, credentials), newCredentials: credentials };
  await clientAt(place, temporaryAuthenticationToken).auth.recover({ body });
  return { key, recovery };
}

/** Everything on a list, one page after the other, each with a single item. */
export async function everyPage<Item>(
  list: (query: { limit: number; paginationToken?: string }) => Promise<{ items: Item[]; nextPageToken?: string | undefined }>,
): Promise<Item[]> {
  const items: Item[] = [];
  for (let token: string | undefined; ; ) {
    const page = await list({ limit: 1, ...(token === undefined ? {} : { paginationToken: token }) });
    expect(page.items.length, "items on a page of one").toBeLessThanOrEqual(1);
    items.push(...page.items);
    token = page.nextPageToken;
    if (token === undefined) return items;
  }
}

/** A request as it goes over the wire. */
export interface Request {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** With its query. */
  readonly path: string;
  /** JSON text. */
  readonly body?: string;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Sends what the client never would. */
export async function send(
  origin: string,
  { method, path, body }: Omit<Request, "method"> & { readonly method: string },
  { token, userAction, ...headers }: { readonly token?: string; readonly userAction?: string } & Readonly<Record<string, string>> = {},
): Promise<Reply> {
  const answer = await fetch(new URL(path, origin), {
    method,
    redirect: "manual",
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(userAction === undefined ? {} : { "x-dfns-useraction": userAction }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** Asks for a challenge for a request, and signs it. */
export async function signAction({ api, signer }: Caller, { method, path, body = "" }: Request): Promise<string> {
  const challenge = await api.auth.createUserActionChallenge({
    body: { userActionHttpMethod: method, userActionHttpPath: path, userActionPayload: body },
  });
  const firstFactor = await signer.sign(challenge as UserActionChallenge);
  const { userAction } = await api.auth.createUserActionSignature({ body: { challengeIdentifier: challenge.challengeIdentifier, firstFactor } });
  return userAction;
}

/** Why the server refused. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly code: string;
  readonly id: string;
}

/** Expects that the client is refused. */
export async function refused(call: Promise<unknown>): Promise<Refusal> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error === undefined) throw new Error("this was expected to be refused");
  if (!(error instanceof DfnsError)) throw error;
  return refusalIn(error.httpStatus, (error.context as { body?: unknown } | undefined)?.body);
}

/** The refusal of somebody who may not do this: it says what they would have to be allowed. */
export function lacking(operation: Operation): { status: number; message: unknown } {
  return { status: 403, message: expect.stringContaining(operation) };
}

/** Expects that a request was refused with this status. */
export function expectRefused({ status, text }: Reply, expected: number): Refusal {
  expect(status, text).toBe(expected);
  return refusalIn(status, JSON.parse(text));
}

/** Expects that a request was answered as the client's method of this name is. */
export function expectDone({ status, text }: Reply, method: string): void {
  expect(status, text).toBeGreaterThanOrEqual(200);
  expect(status, text).toBeLessThan(300);
  expectDeclared("auth", method, JSON.parse(text));
}

/** Every error has the same form. */
function refusalIn(status: number, body: unknown): Refusal {
  expect(status, JSON.stringify(body)).toBeGreaterThanOrEqual(400);
  expect(status, JSON.stringify(body)).toBeLessThan(500);
  const text = expect.stringMatching(/\S/);
  // What was done already tells as what.
  const { details: _details, receipt: _receipt, ...error } = (body as { error: Refusal & { details?: unknown; receipt?: unknown } }).error;
  expect(body).toEqual({ error: expect.anything() });
  expect(error).toEqual({ message: text, code: expect.stringMatching(/^\S+$/), id: text });
  return { ...error, status };
}

export { expect };
