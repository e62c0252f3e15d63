import { expect, test } from "../support/fixtures.ts";
import { closeReceipt, dialogOn, review, reviewRefused, sign } from "../support/office.ts";
import { Authenticator } from "../support/passkey.ts";
import { createOrganization, expectComplaint, expectDashboard, open, ready, signInByButton, signOut } from "../support/wizard.ts";
import { group, groupFields, readKitCode, readQr } from "../support/kit.ts";
import type { Locator, Page } from "@playwright/test";

const card = (page: Page, name: string): Locator =>
  page.locator("#passkeys").getByRole("listitem").filter({ has: page.getByRole("heading", { name, exact: true }) });

/** Makes a passkey on this authenticator, up to the field with its name. */
async function make(page: Page, device: Authenticator): Promise<Locator> {
  await ready(page);
  await device.approve(() => page.getByRole("button", { name: "Add a passkey on this device" }).click());
  const name = page.getByLabel("How to call it");
  await expect(name).toBeFocused();
  return name;
}

/** For `addInitScript`: keeps what the browser is told of passkeys. */
function keepSignals(): void {
  const told: [string, unknown][] = [];
  Object.assign(globalThis, { told });
  for (const method of ["signalAllAcceptedCredentials", "signalCurrentUserDetails"]) {
    Object.assign(PublicKeyCredential, {
      [method]: (options: unknown) => {
        told.push([method, options]);
        return Promise.resolve();
      },
    });
  }
}

const signals = (page: Page): Promise<[string, Record<string, unknown>][]> =>
  page.evaluate(() => (globalThis as unknown as { told: [string, Record<string, unknown>][] }).told);

test("a security key is added, named, renamed, used, and removed; the browser is told each time", async ({ page, mail, person, passkey, trouble }) => {
  trouble.allow(422, "/rpc/prepare_change");
  await page.addInitScript(keepSignals);
  await createOrganization(page, mail, person, passkey);
  await expect(page.getByRole("link", { name: "Add a second passkey" })).toBeVisible();
  await page.getByRole("link", { name: "Add a second passkey" }).click();
  await expect(page).toHaveURL(/\/account#passkeys$/);
  await ready(page);
  await expect(card(page, "Passkey")).toContainText("Your only passkey: it can't be removed.");

  const key = await passkey.securityKey();
  const name = await make(page, key);
  await expect(name).toHaveValue("Passkey 2");
  await name.fill("YubiKey <b>");
  await page.getByRole("button", { name: "Review and sign" }).click();
  await expectComplaint(name, /Leave out < and >/);
  await name.fill("YubiKey on my keys");
  const dialog = await review(page, () => page.getByRole("button", { name: "Review and sign" }).click());
  await expect(dialog).toContainText("Add the passkey “YubiKey on my keys” to your own account");
  await expect(dialog).toContainText("usb");
  await sign(page, passkey, "Add and sign");
  await closeReceipt(page);
  await expect(card(page, "YubiKey on my keys")).toContainText("Bound to one device");
  await expect.poll(() => signals(page)).toHaveLength(2);
  const [[, accepted], [, details]] = (await signals(page)) as [[string, Record<string, unknown>], [string, Record<string, unknown>]];
  expect(accepted["rpId"]).toBe("localhost");
  expect(accepted["userId"]).toMatch(/^[\w-]{22}$/);
  expect(accepted["allAcceptedCredentialIds"]).toHaveLength(2);
  expect(details).toMatchObject({ name: `${person.email} (${person.organization})`, displayName: `${person.name} (${person.organization})` });

  await card(page, "YubiKey on my keys").getByText("Rename", { exact: true }).click();
  await page.getByLabel("New name").last().fill("Passkey");
  const refused = await reviewRefused(page, () => card(page, "YubiKey on my keys").getByRole("button", { name: "Review" }).click());
  await expect(refused.getByRole("alert")).toContainText("Another passkey of yours is called “Passkey” already");
  await page.keyboard.press("Escape");
  await page.getByLabel("New name").last().fill("Spare key");
  await review(page, () => card(page, "YubiKey on my keys").getByRole("button", { name: "Review" }).click());
  await sign(page, passkey, "Rename and sign");
  await closeReceipt(page);
  await expect(card(page, "Spare key")).toBeVisible();

  await signOut(page);
  await signInByButton(page, key);
  await expectDashboard(page, person);
  await open(page, "/account");
  await review(page, () => card(page, "Passkey").getByRole("button", { name: "Remove" }).click());
  await expect(dialogOn(page)).toContainText("Remove the passkey “Passkey” from your own account");
  await sign(page, key, "Remove and sign");
  await closeReceipt(page);
  await expect(card(page, "Passkey")).toHaveCount(0);
  await expect(card(page, "Spare key")).toContainText("it can't be removed");
  await expect.poll(async () => (await signals(page))[0]?.[1]["allAcceptedCredentialIds"]).toHaveLength(1);

  await open(page, "/org/history");
  await expect(page.getByText("All 4 entries on this page are verified in this browser.")).toBeVisible();
  await expect(page.getByRole("main")).toContainText("Add the passkey “YubiKey on my keys” to your own account");
  for (const subject of ["added to", "renamed", "removed from"]) {
    const news = await mail.next(person.email, 2 + ["added to", "renamed", "removed from"].indexOf(subject));
    expect(news.subject).toContain(subject);
    expect(news.text).toMatch(/When:\s+20\d\d-\d\d-\d\d \d\d:\d\d UTC\nFrom:\s+Chrome on Linux, /);
  }
});

test("a device that has a passkey of this account says so, and nothing is changed", async ({ page, mail, person, passkey }) => {
  await createOrganization(page, mail, person, passkey);
  await open(page, "/account");
  await passkey.present(true);
  await page.getByRole("button", { name: "Add a passkey on this device" }).click();
  await expect(page.locator("#passkeys").getByRole("alert")).toContainText("This device already has a passkey for this account.");
  await expect(page.locator("#passkeys").getByRole("listitem")).toHaveCount(1);
});

test("the kit is replaced: the new one works, and the one before doesn't", async ({ page, mail, person, passkey, trouble }) => {
  const before = await createOrganization(page, mail, person, passkey);
  await open(page, "/account");
  await page.getByRole("link", { name: "Replace the kit" }).click();
  await ready(page);
  const code = await readKitCode(page);
  expect(code).not.toBe(before);
  await page.reload();
  await ready(page);
  expect(await readKitCode(page), "a printed kit stays good when the page is reloaded").toBe(code);
  for (const { field, number } of await groupFields(page)) await field.fill(group(code, number));
  const dialog = await review(page, () => page.getByRole("button", { name: "Review and sign" }).click());
  await expect(dialog).toContainText("The kit that you had stops working at once.");
  await sign(page, passkey, "Replace and sign");
  await closeReceipt(page);
  await expect(page).toHaveURL(/\/account#recovery-kit$/);
  expect(await page.evaluate(() => JSON.stringify(sessionStorage))).not.toContain(code.slice(0, 5));
  trouble.allow(422, "/rpc/finish_kit_test");
  for (const [typed, said] of [[before, "isn't of your present kit"], [code, "Your kit works"]] as const) {
    await page.getByLabel("Recovery code").fill(typed);
    await page.getByRole("button", { name: "Test my kit" }).click();
    await expect(page.locator("#recovery-kit")).toContainText(said);
  }
});

test("a passkey is made on another device with a short code, seen here, compared, and confirmed", async ({ page, anotherBrowser, mail, person, passkey, trouble }) => {
  await createOrganization(page, mail, person, passkey);
  await open(page, "/account");
  await page.getByRole("button", { name: "Add on another device" }).click();
  const code = (await page.locator(".device-code").innerText()).trim();
  expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{3}(-[0-9A-HJKMNP-TV-Z]{3}){2}$/);
  const square = readQr(await page.locator(".device-offer .qr").screenshot()) ?? "";
  expect(square).toContain(`/add-passkey#${person.email}/${code}`);

  const phone = await anotherBrowser();
  const device = await Authenticator.in(phone);
  await open(phone, square.slice(new URL(square).origin.length));
  await expect(phone.getByLabel("Work email")).toHaveValue(person.email);
  await expect(phone.getByLabel("Code from your other device")).toHaveValue(code);
  await phone.getByRole("button", { name: "Continue" }).click();
  await expect(phone).toHaveURL(/\/add-passkey\/make$/);
  await ready(phone);
  await expect(page.getByText("The code was typed.")).toBeVisible();
  await device.approve(() => phone.getByRole("button", { name: "Make a passkey" }).click());
  const mark = (await phone.locator(".device-mark").innerText()).trim();
  await expect(page.locator(".device-mark")).toHaveText(mark);
  await expect(page.locator(".device-offer")).toContainText("Chrome on Linux");
  await expect(page.getByLabel("How to call it")).toHaveValue("Passkey 2");
  await page.getByLabel("How to call it").fill("My phone");
  const dialog = await review(page, () => page.getByRole("button", { name: "Review and sign" }).click());
  await expect(dialog).toContainText("Add the passkey “My phone” to your own account");
  await sign(page, passkey, "Add and sign");
  await closeReceipt(page);
  await expect(card(page, "My phone")).toBeVisible();
  await expect(phone.getByText("Confirmed. You can sign in with this device now.")).toBeVisible();
  await signInByButton(phone, device);
  await expectDashboard(phone, person);

  trouble.allow(400, "/rpc/type_device_code");
  const thief = await anotherBrowser();
  await open(thief, "/add-passkey");
  await thief.getByLabel("Work email").fill(person.email);
  await thief.getByLabel("Code from your other device").fill(code);
  await thief.getByRole("button", { name: "Continue" }).click();
  await expectComplaint(thief.getByLabel("Code from your other device"), /isn't the code that the other device shows now/);
});

test("before a session ends, the page says so, and one can stay", async ({ page, mail, person, passkey }) => {
  await createOrganization(page, mail, person, passkey);
  await page.clock.install();
  await open(page, "/account");
  const word = page.locator(".session-word");
  await expect(word).toBeHidden();
  await page.clock.fastForward("11:56:00");
  await expect(word).toContainText("You will be signed out in five minutes");
  await word.getByRole("button", { name: "Stay signed in" }).click();
  await expect(word).toBeHidden();
  await page.clock.fastForward("12:01:00");
  await expect(word).toContainText("You are signed out.");
  await expect(word.getByRole("link", { name: "Sign in again" })).toBeVisible();
});
