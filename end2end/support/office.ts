import { expect, type BrowserContext, type Locator, type Page } from "@playwright/test";
import type { Authenticator, Passkey } from "./passkey.ts";
import { newPerson, type Person } from "./person.ts";
import { readInvitation, type Invitation, type MailServer } from "./smtp.ts";
import { makePasskey, open, ORGANIZATION_ID, ready, saveKit, submit } from "./wizard.ts";

/** What those do who are signed in, as a person does it. Each step ends when the page that it leads to answers. */

/** Eight symbols of Crockford's base32, as dialog, receipt and history show them. */
export const FINGERPRINT = /^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/;

/** A session's cookies, as a context takes them. */
export type Cookies = Awaited<ReturnType<BrowserContext["cookies"]>>;

/** Somebody of an organization: what another browser needs to be theirs, too. */
export interface Insider {
  readonly person: Person;
  readonly cookies: Cookies;
  readonly passkey: Passkey;
}

/** The signing dialog, while it is open. */
export function dialogOn(page: Page): Locator {
  return page.getByRole("dialog");
}

/** Reads back whoever is signed in in this tab. */
export async function insider(page: Page, passkey: Authenticator, person: Person): Promise<Insider> {
  const [made] = await passkey.passkeys();
  if (made === undefined) throw new Error(`${person.email} has no passkey`);
  return { person, cookies: await page.context().cookies(), passkey: made };
}

/** Makes this tab one of theirs: their session, and their passkey as a password manager would bring it. */
export async function enterAs(page: Page, passkey: Authenticator, { cookies, passkey: made }: Insider): Promise<void> {
  await page.context().addCookies(cookies);
  await passkey.add(made);
}

/** Does what opens the signing dialog, and waits until there is something to sign. */
export async function review(page: Page, act: () => Promise<unknown>): Promise<Locator> {
  await ready(page);
  await act();
  const dialog = dialogOn(page);
  await expect(dialog.getByRole("heading", { name: "Review and sign" })).toBeVisible();
  await expect(dialog.locator(".fingerprint")).toHaveText(FINGERPRINT);
  return dialog;
}

/** Does what opens the signing dialog, and waits until it says that there is nothing to sign. */
export async function reviewRefused(page: Page, act: () => Promise<unknown>): Promise<Locator> {
  await ready(page);
  await act();
  const dialog = dialogOn(page);
  await expect(dialog.getByRole("alert")).toBeVisible();
  await expect(dialog.locator(".fingerprint")).toBeHidden();
  return dialog;
}

/** Signs what was reviewed, and waits for the receipt. */
export async function sign(page: Page, passkey: Authenticator, verb: string): Promise<Locator> {
  await passkey.approve(() => dialogOn(page).getByRole("button", { name: verb }).click());
  return expectReceipt(page);
}

export async function expectReceipt(page: Page): Promise<Locator> {
  const dialog = dialogOn(page);
  await expect(dialog.getByRole("heading", { name: "Signed and done" })).toBeVisible();
  return dialog;
}

/** Dismisses the receipt, which leads to the next page, or to the same one as it is now. */
export async function closeReceipt(page: Page): Promise<void> {
  const loaded = page.waitForEvent("load");
  await dialogOn(page).getByRole("button", { name: "Close", exact: true }).click();
  await loaded;
  await ready(page);
}

/** Cancels the dialog. */
export async function cancel(page: Page): Promise<void> {
  await dialogOn(page).getByRole("button", { name: "Cancel" }).click();
  await expect(dialogOn(page)).toBeHidden();
}

/** From a button of the page to the page after the receipt. */
export async function signedChange(page: Page, passkey: Authenticator, button: string | RegExp, verb: string): Promise<void> {
  await review(page, () => page.getByRole("button", { name: button }).click());
  await sign(page, passkey, verb);
  await closeReceipt(page);
}

/** Fills the form for a new user. */
export async function fillNewUser(page: Page, email: string, externalId?: string): Promise<void> {
  await page.getByLabel("Work email").fill(email);
  if (externalId !== undefined) await page.getByLabel("External id").fill(externalId);
}

/** Invites somebody, and gets to their page. Returns its path. */
export async function invite(page: Page, passkey: Authenticator, email: string, externalId?: string): Promise<string> {
  await open(page, "/org/users/new");
  await fillNewUser(page, email, externalId);
  await signedChange(page, passkey, "Review and sign", "Create and sign");
  await expect(page).toHaveURL(/\/org\/users\/us-[0-9a-z-]+$/);
  return new URL(page.url()).pathname;
}

/** Goes from the list to somebody's page. */
export async function openUser(page: Page, email: string): Promise<void> {
  await open(page, `/org/users?q=${encodeURIComponent(email)}`);
  await page.getByRole("link", { name: email }).click();
  await expect(page).toHaveURL(/\/org\/users\/us-/);
  await ready(page);
}

/** Somebody new for an organization that exists. */
export function newColleague({ organization }: Person): Person {
  return newPerson({ organization });
}

/** An invited person's way in, from the code to their dashboard; as `comeToPasskey`, with two pages less. */
export async function join(page: Page, person: Person, passkey: Authenticator, { code, link }: Invitation): Promise<void> {
  await submit(page, "activate", { email: person.email, organization: ORGANIZATION_ID.exec(link)?.[0] ?? "", code });
  await open(page, "/get-started/passkey");
  await makePasskey(page, passkey);
  await saveKit(page, person);
}

/** Invites a colleague, who comes in with their own browser. Returns the path of their page. */
export async function hire(
  admin: { readonly page: Page; readonly passkey: Authenticator },
  colleague: { readonly page: Page; readonly passkey: Authenticator; readonly person: Person },
  mail: MailServer,
): Promise<string> {
  const path = await invite(admin.page, admin.passkey, colleague.person.email);
  await join(colleague.page, colleague.person, colleague.passkey, readInvitation(await mail.next(colleague.person.email)));
  return path;
}

/** Picks these operations, and no other, in the form for a permission. */
export async function pick(page: Page, operations: readonly string[]): Promise<void> {
  for (const box of await page.getByRole("checkbox").all()) {
    const name = (await box.getAttribute("value")) ?? "";
    if ((await box.isChecked()) !== operations.includes(name)) await box.click();
  }
}

/** Defines a permission, and gets to its page. Returns its path. */
export async function createPermission(page: Page, passkey: Authenticator, name: string, operations: readonly string[]): Promise<string> {
  await open(page, "/org/permissions/new");
  await page.getByLabel("Name").fill(name);
  await pick(page, operations);
  await signedChange(page, passkey, "Review and sign", "Create and sign");
  await expect(page).toHaveURL(/\/org\/permissions\/pm-[0-9a-z-]+$/);
  return new URL(page.url()).pathname;
}

/** Gives the user whose page is open a permission. */
export async function give(page: Page, passkey: Authenticator, permission: string): Promise<void> {
  await page.getByLabel("Permission", { exact: true }).selectOption({ label: permission });
  await signedChange(page, passkey, "Give permission", "Give and sign");
  await expect(page.getByRole("button", { name: `Revoke “${permission}”` })).toBeVisible();
}

/** What the form for a service account or an access token asks for. */
export interface NewProgram {
  readonly name: string;
  /** PEM. */
  readonly publicKey: string;
  /** As the form says it. */
  readonly life: string;
  readonly permission?: string;
  readonly externalId?: string;
}

/** Fills the form for a new program. */
export async function fillNewProgram(page: Page, { name, publicKey, life, permission, externalId }: NewProgram): Promise<void> {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Its public key").fill(publicKey);
  await page.getByLabel("Its token counts for").selectOption({ label: life });
  if (permission !== undefined) await page.getByLabel(/permission/i).selectOption({ label: permission });
  if (externalId !== undefined) await page.getByLabel("External id").fill(externalId);
}

/** Makes a program by the form that is open, and gets to its page. Returns what was shown, and the page's path. */
export async function createProgram(page: Page, passkey: Authenticator, program: NewProgram): Promise<{ path: string; token: string; keyId: string }> {
  await ready(page);
  await fillNewProgram(page, program);
  await review(page, () => page.getByRole("button", { name: "Review and sign" }).click());
  const receipt = await sign(page, passkey, "Create and sign");
  const shown = receipt.getByRole("region", { name: "Token" });
  await expect(shown).toContainText("The token is shown only now.");
  const [token, keyId] = await shown.locator(".handed-text").allInnerTexts();
  await closeReceipt(page);
  await expect(page).toHaveURL(/\/(service-accounts|access-tokens)\/us-[0-9a-z-]+$/);
  return { path: new URL(page.url()).pathname, token: token ?? "", keyId: keyId ?? "" };
}

/** A name that no other test gives. */
export function unique(name: string): string {
  return `${name} ${newPerson().email.slice(4, 12)}`;
}
