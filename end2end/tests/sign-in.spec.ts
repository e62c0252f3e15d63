import { expect, test } from "../support/fixtures.ts";
import { Authenticator, failingGet, strayPasskey, withoutWebAuthn } from "../support/passkey.ts";
import { alertOn, createOrganization, expectDashboard, expectHeading, open, signInByAutofill, signInByButton, signOut, switchOffAutofill } from "../support/wizard.ts";

test("by autofill, without a click", async ({ page, mail, person, passkey }) => {
  await createOrganization(page, mail, person, passkey);
  await signOut(page);
  await signInByAutofill(page, passkey);
  await expectDashboard(page, person);
});

test("the field for autofill says so to the browser", async ({ page }) => {
  await open(page, "/login");
  await expect(page.locator('input[autocomplete="username webauthn"]')).toBeVisible();
});

test("by the button, cancelled, then again", async ({ page, mail, person, passkey }) => {
  await createOrganization(page, mail, person, passkey);
  await signOut(page);
  await switchOffAutofill(page);
  await open(page, "/login");
  await passkey.refuse(async () => {
    await page.getByRole("button", { name: "Sign in with a passkey" }).click();
    await expect(alertOn(page)).toBeVisible();
  });
  await passkey.approve(() => page.getByRole("button", { name: "Sign in with a passkey" }).click());
  await expectDashboard(page, person);
});

test("in another browser that has the same passkey", async ({ page, anotherBrowser, mail, person, passkey }) => {
  await createOrganization(page, mail, person, passkey);
  const [made] = await passkey.passkeys();
  if (made === undefined) throw new Error("no passkey");
  const other = await anotherBrowser();
  const synchronised = await Authenticator.in(other);
  await synchronised.add(made);
  await signInByButton(other, synchronised);
  await expectDashboard(other, person);
  await page.reload();
  await expectDashboard(page, person);
});

test("signing out ends the session on the server; opening the sign-in page does not", async ({ page, anotherBrowser, mail, person, passkey }) => {
  await createOrganization(page, mail, person, passkey);
  const before = await page.context().storageState();
  await page.goto("/login");
  await page.goto("/org");
  await expectDashboard(page, person);
  await signOut(page);
  const thief = await anotherBrowser({ storageState: before });
  await thief.goto("/org");
  await expect(thief).toHaveURL(/\/login/);
});

test("signing out everywhere ends the sessions of other browsers too", async ({ page, anotherBrowser, mail, person, passkey }) => {
  await createOrganization(page, mail, person, passkey);
  const [made] = await passkey.passkeys();
  if (made === undefined) throw new Error("no passkey");
  const other = await anotherBrowser();
  const synchronised = await Authenticator.in(other);
  await synchronised.add(made);
  await signInByButton(other, synchronised);
  await expectDashboard(other, person);

  await open(page, "/account");
  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await expect(page).toHaveURL(/\/login/);
  await other.reload();
  await expect(other).toHaveURL(/\/login/);
  await signInByButton(page, passkey);
  await expectDashboard(page, person);
});

test("a passkey that nobody here has is told so", async ({ page, passkey, trouble }) => {
  trouble.allow(401, "/rpc/finish_sign_in");
  await page.addInitScript(() => {
    Object.assign(PublicKeyCredential, {
      signalUnknownCredential: (options: unknown) => {
        Object.assign(globalThis, { signalled: options });
        return Promise.resolve();
      },
    });
  });
  const stray = strayPasskey();
  await passkey.add(stray);
  await signInByButton(page, passkey);
  await expect(alertOn(page)).toContainText(/unknown|not known|n.t know|nobody|not registered|n.t belong/i);
  await expect(page).toHaveURL(/\/login/);
  await expect
    .poll(() => page.evaluate(() => (globalThis as { signalled?: unknown }).signalled), { message: "the browser is told too" })
    .toEqual({ rpId: "localhost", credentialId: Buffer.from(stray.credentialId, "base64").toString("base64url") });
});

test("a passkey of an organization on another server is told so", async ({ page, anotherBrowser, startServer, mail, person, passkey, trouble }) => {
  trouble.allow(401, "/rpc/finish_sign_in");
  await createOrganization(page, mail, person, passkey);
  const [made] = await passkey.passkeys();
  if (made === undefined) throw new Error("no passkey");
  const elsewhere = await startServer({ smtpPort: mail.port });
  const other = await anotherBrowser({ baseURL: elsewhere.origin });
  const device = await Authenticator.in(other);
  await device.add(made);
  await signInByButton(other, device);
  await expect(alertOn(other)).toBeVisible();
  await expect(other).toHaveURL(/\/login/);
});

test("nobody signs in with an answer that doesn't hold", async ({ page, mail, person, passkey, trouble }) => {
  trouble.allow(401, "/rpc/finish_sign_in");
  trouble.allow(422, "/rpc/finish_sign_in");
  await createOrganization(page, mail, person, passkey);
  await signOut(page);
  for (const bits of [{ isBogusSignature: true }, { isBadUV: true }, { isBadUP: true }]) {
    await passkey.tamper({ isBogusSignature: false, isBadUV: false, isBadUP: false, ...bits });
    await signInByButton(page, passkey);
    await expect(alertOn(page), JSON.stringify(bits)).toBeVisible();
    await expect(page).toHaveURL(/\/login/);
    await page.goto("/org");
    await expect(page, JSON.stringify(bits)).toHaveURL(/\/login/);
  }
  await passkey.tamper({ isBogusSignature: false, isBadUV: false, isBadUP: false });
  await signInByButton(page, passkey);
  await expectDashboard(page, person);
});

test("cancelled: nothing was changed, and again", async ({ page }) => {
  await page.addInitScript(failingGet, "NotAllowedError");
  await open(page, "/login");
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await expect(alertOn(page)).toContainText(/nothing was changed|not signed in|cancelled/i);
  await expect(page.getByRole("button", { name: "Sign in with a passkey" })).toBeEnabled();
});

test("a browser without WebAuthn is told so, with ways out", async ({ page }) => {
  await page.addInitScript(withoutWebAuthn);
  await open(page, "/login");
  const main = page.getByRole("main");
  await expect(main).toContainText(/can.t|cannot|does not|doesn.t/);
  await expect(main).toContainText(/phone|another browser|other browser/i);
});

test("links to what people without a passkey look for", async ({ page }) => {
  await open(page, "/login");
  await page.getByText(/lost your passkey/i).click();
  await expect(page.getByRole("main")).toContainText(/recovery kit/i);
  await page.getByRole("link", { name: /create an organization/i }).first().click();
  await expect(page).toHaveURL(/\/get-started$/);
});

test("a dashboard asked for while signed out leads to the sign-in page", async ({ page }) => {
  await page.goto("/org");
  await expect(page).toHaveURL(/\/login/);
  await expectHeading(page, "Sign in");
});
