import { expect, type Locator, type Page } from "@playwright/test";
import { group, groupFields, readKitCode } from "./kit.ts";
import type { Authenticator } from "./passkey.ts";
import type { Person } from "./person.ts";
import { readInvitation, type Invitation, type MailServer } from "./smtp.ts";

/** The steps as a person takes them. Each ends when the page it leads to is there and answers. */

/** An organization's id, as pages and links show it. */
export const ORGANIZATION_ID = /or-[0-9a-z]{5}-[0-9a-z]{5}-[0-9a-z]{16}/;

/** Waits until the page answers to clicks by script: the frontend marks the document at the end of `hydrate()`. */
export async function ready(page: Page): Promise<void> {
  await page.locator('html[data-hydrated="true"]').waitFor({ state: "attached" });
}

/** Opens a page and waits until it can be used. */
export async function open(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await ready(page);
}

export async function reload(page: Page): Promise<void> {
  await page.reload();
  await ready(page);
}

/** Expects to be on the page with this heading. */
export async function expectHeading(page: Page, name: string | RegExp): Promise<void> {
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(name);
}

/** What the page has to say first of all: the sentence of an alert, not an empty region that waits for one. */
export function alertOn(page: Page): Locator {
  return page.getByRole("alert").filter({ hasText: /\S/, visible: true }).first();
}

export async function fillAccount(page: Page, person: Person): Promise<void> {
  await page.getByLabel("Work email").fill(person.email);
  await page.getByLabel("Your name").fill(person.name);
  await page.getByLabel("Organization's name").fill(person.organization);
}

/** Step 1: from nothing to "Check your mail". */
export async function giveAccount(page: Page, person: Person): Promise<void> {
  await open(page, "/get-started");
  await expectHeading(page, "Create an organization");
  await fillAccount(page, person);
  await page.getByRole("button", { name: "Continue" }).click();
  await expectCheckMail(page);
}

export async function expectCheckMail(page: Page): Promise<void> {
  await expect(page).toHaveURL(/\/get-started\/mail\?/);
  await expectHeading(page, "Check your mail");
}

/** Step 2: the mail arrives. */
export async function receiveInvitation(mail: MailServer, person: Person, count = 1): Promise<Invitation> {
  return readInvitation(await mail.next(person.email, count));
}

/** Step 3: follows the link, types the code, and gets to the passkey. */
export async function activate(page: Page, invitation: Invitation): Promise<void> {
  await open(page, invitation.link);
  await typeCode(page, invitation.code);
  await expectPasskeyStep(page);
}

export async function typeCode(page: Page, code: string): Promise<void> {
  await expectHeading(page, "Enter the code");
  await page.getByLabel("Code from the mail").fill(code);
  await page.getByRole("button", { name: "Continue" }).click();
}

export async function expectPasskeyStep(page: Page): Promise<void> {
  await expect(page).toHaveURL(/\/get-started\/passkey$/);
  await expectHeading(page, "Make a passkey");
}

/** A code that is as well formed as the right one. */
export function wrongCode(right: string, turn = 1): string {
  const last = (Number(right.slice(-1)) + turn) % 10;
  return right.slice(0, -1) + String(last);
}

/** Sends the form of the first page, and waits until it was refused. */
export async function continueRefused(page: Page): Promise<void> {
  const answered = page.waitForResponse((response) => response.url().includes("/rpc/create_organization"));
  await page.getByRole("button", { name: "Continue" }).click();
  expect((await answered).status()).toBe(422);
}

/** Asks for a new code, which ends the one before, and waits for the page that says so. */
export async function sendNewCode(page: Page): Promise<void> {
  await ready(page);
  await page.getByRole("button", { name: "Send a new code" }).click();
  await expect(page).toHaveURL(/\/get-started\/mail\?.*sent=again/);
  await ready(page);
}

/** Types a wrong code and waits for the answer to it. */
export async function typeWrongCode(page: Page, code: string): Promise<void> {
  const answered = page.waitForResponse((response) => response.url().includes("/rpc/activate"));
  await page.getByLabel("Code from the mail").fill(code);
  await page.getByRole("button", { name: "Continue" }).click();
  await answered;
  await expect(alertOn(page)).toBeVisible();
}

/** Step 4: makes a passkey and gets to the recovery kit. */
export async function makePasskey(page: Page, passkey: Authenticator): Promise<void> {
  await ready(page);
  await passkey.approve(() => page.getByRole("button", { name: "Make a passkey" }).click());
  await expectKitStep(page);
}

export async function expectKitStep(page: Page): Promise<void> {
  await expect(page).toHaveURL(/\/get-started\/recovery-kit$/);
  await expectHeading(page, "Save your recovery kit");
}

/** Step 5: types two groups of the kit back, finishes, and gets to the dashboard. */
export async function saveKit(page: Page, person: Person): Promise<string> {
  await ready(page);
  const code = await readKitCode(page);
  for (const { field, number } of await groupFields(page)) await field.fill(group(code, number));
  await page.getByRole("button", { name: "Finish" }).click();
  await expectDashboard(page, person);
  return code;
}

export async function expectDashboard(page: Page, person: Person): Promise<void> {
  await expect(page).toHaveURL(/\/org$/);
  await expectHeading(page, person.organization);
}

/**
 * Steps 1 to 3 in a hurry, for tests of what comes after them: the forms are sent as they would be without script, so three
 * pages less have to be loaded. Tests of the steps themselves take them one by one.
 */
export async function comeToPasskey(page: Page, mail: MailServer, person: Person): Promise<Invitation> {
  const { email, name, organization } = person;
  await submit(page, "create_organization", { email, name, organization });
  const invitation = await receiveInvitation(mail, person);
  const id = ORGANIZATION_ID.exec(invitation.link)?.[0] ?? "";
  await submit(page, "activate", { email, organization: id, code: invitation.code });
  await open(page, "/get-started/passkey");
  await expectPasskeyStep(page);
  return invitation;
}

/** Sends a form with the page's cookies, and keeps those that come back. */
export async function submit(page: Page, form: string, fields: Record<string, string>): Promise<void> {
  const answer = await page.request.post(`/rpc/${form}`, { form: fields, headers: { accept: "text/html" }, maxRedirects: 0 });
  expect([302, 303], `the answer to ${form}: ${await answer.text()}`).toContain(answer.status());
}

/** Steps 1 to 4. */
export async function comeToKit(page: Page, mail: MailServer, person: Person, passkey: Authenticator): Promise<Invitation> {
  const invitation = await comeToPasskey(page, mail, person);
  await makePasskey(page, passkey);
  return invitation;
}

/** The whole way. Returns the recovery code. */
export async function createOrganization(page: Page, mail: MailServer, person: Person, passkey: Authenticator): Promise<string> {
  await comeToKit(page, mail, person, passkey);
  return saveKit(page, person);
}

export async function signOut(page: Page): Promise<void> {
  await ready(page);
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await expect(page).toHaveURL(/\/login(\?|$)/);
  await expectHeading(page, "Sign in");
}

/** A virtual authenticator answers the request behind the field as soon as presence is simulated, before any click. */
export async function switchOffAutofill(page: Page): Promise<void> {
  await page.addInitScript(() => {
    if ("PublicKeyCredential" in window) PublicKeyCredential.isConditionalMediationAvailable = () => Promise.resolve(false);
  });
}

/** Signs in by the button. */
export async function signInByButton(page: Page, passkey: Authenticator): Promise<void> {
  await switchOffAutofill(page);
  await open(page, "/login");
  await passkey.approve(() => page.getByRole("button", { name: "Sign in with a passkey" }).click());
}

/** Signs in by choosing the passkey that the browser offers at the sign-in page's field. */
export async function signInByAutofill(page: Page, passkey: Authenticator): Promise<void> {
  // Whoever comes from a sign-in page has a request of that page's waiting, which would be the one that is approved.
  await page.goto("/");
  await passkey.approve(() => page.goto("/login"));
}

/** Moves the focus by Tab until it is on this element. */
export async function tabTo(page: Page, target: Locator): Promise<void> {
  const element = target.first();
  for (let presses = 0; presses < 40; presses += 1) {
    if (await element.evaluate((node) => node === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`40 times Tab did not lead to ${String(target)}`);
}

/** What is said about a field to somebody who is in it: its description and its error message. */
export async function saidAbout(field: Locator): Promise<string> {
  return field.evaluate((element: HTMLInputElement) => {
    const ids = [element.getAttribute("aria-describedby"), element.getAttribute("aria-errormessage")].filter((id) => id !== null);
    return ids
      .flatMap((list) => list.split(/\s+/))
      .map((id) => document.getElementById(id)?.textContent ?? "")
      .join(" ");
  });
}

/** Expects that this field is marked as wrong, with a sentence that matches. */
export async function expectComplaint(field: Locator, sentence: RegExp): Promise<void> {
  await expect(field).toHaveAttribute("aria-invalid", "true");
  await expect.poll(() => saidAbout(field), { message: `what is said about ${String(field)}` }).toMatch(sentence);
}
