import { expect, test } from "../support/fixtures.ts";
import { readKitCode } from "../support/kit.ts";
import { Authenticator } from "../support/passkey.ts";
import { newPerson } from "../support/person.ts";
import {
  activate,
  alertOn,
  comeToKit,
  comeToPasskey,
  createOrganization,
  expectCheckMail,
  expectDashboard,
  expectHeading,
  expectKitStep,
  expectPasskeyStep,
  fillAccount,
  giveAccount,
  makePasskey,
  open,
  ORGANIZATION_ID,
  ready,
  receiveInvitation,
  reload,
  saveKit,
  signInByButton,
  signOut,
  typeCode,
} from "../support/wizard.ts";

test("from the first page to the dashboard, out, and in again", async ({ page, mail, person, passkey }) => {
  await open(page, "/");
  await expectHeading(page, "Every change, signed");
  await page.getByRole("main").getByRole("link", { name: /create an organization/i }).first().click();
  await expectHeading(page, "Create an organization");

  await fillAccount(page, person);
  await page.getByRole("button", { name: "Continue" }).click();
  await expectCheckMail(page);
  await expect(page.getByRole("main")).toContainText(person.email);

  const { code, link } = await receiveInvitation(mail, person);
  await page.goto(link);
  await ready(page);
  await expect(page.getByRole("main")).toContainText(person.email);
  const organization = ORGANIZATION_ID.exec(link)?.[0] ?? "";
  await expect(page.getByRole("main")).toContainText(organization);
  await typeCode(page, code);

  await expectPasskeyStep(page);
  await makePasskey(page, passkey);
  await saveKit(page, person);

  const main = page.getByRole("main");
  await expect(main).toContainText(organization);
  await expect(page.locator("body")).toContainText(person.email);
  await expect(main).toContainText(/invite/i);
  await expect(main).toContainText(/second passkey|another passkey/i);
  expect(await passkey.passkeys()).toHaveLength(1);

  await signOut(page);
  await page.goto("/org");
  await expect(page).toHaveURL(/\/login/);

  await signInByButton(page, passkey);
  await expectDashboard(page, person);
});

test("the way by the page's own link, with the code typed by hand", async ({ page, mail, person }) => {
  await giveAccount(page, person);
  const { code } = await receiveInvitation(mail, person);
  await page.getByRole("link", { name: "Enter the code" }).click();
  await expectHeading(page, "Enter the code");
  await expect(page.getByLabel("Code from the mail")).toHaveAttribute("autocomplete", "one-time-code");
  await page.getByLabel("Code from the mail").pressSequentially((code.match(/\d{4}/g) ?? []).join("-"));
  await page.getByRole("button", { name: "Continue" }).click();
  await expectPasskeyStep(page);
});

test("reloading at any step loses nothing", async ({ page, mail, person, passkey }) => {
  await open(page, "/get-started");
  await reload(page);
  await giveAccount(page, person);

  await reload(page);
  await expectCheckMail(page);
  await expect(page.getByRole("main")).toContainText(person.email);
  const invitation = await receiveInvitation(mail, person);

  await open(page, invitation.link);
  await reload(page);
  await expect(page.getByRole("main")).toContainText(person.email);
  await typeCode(page, invitation.code);
  await expectPasskeyStep(page);

  await reload(page);
  await expectPasskeyStep(page);
  await makePasskey(page, passkey);

  const code = await readKitCode(page);
  await reload(page);
  await expectKitStep(page);
  expect(await saveKit(page, person), "a kit that is already printed stays good").toBe(code);

  await reload(page);
  await expectDashboard(page, person);
  expect(mail.to(person.email), "one mail for all of it").toHaveLength(1);
  expect(await passkey.passkeys(), "one passkey for all of it").toHaveLength(1);
});

test("closing the tab and coming back goes on at the same step", async ({ page, context, mail, person }) => {
  await comeToPasskey(page, mail, person);
  await page.close();
  const later = await context.newPage();
  await open(later, "/get-started/passkey");
  await expectPasskeyStep(later);
});

test("a step that isn't due sends to the one that is", async ({ page, mail, person, passkey, trouble }) => {
  trouble.allow(401, /^\/(rpc\/registration|get-started\/.*)$/);
  await test.step("the passkey's page without a typed code says what to do", async () => {
    await open(page, "/get-started/passkey");
    await expect(page.getByRole("main")).toContainText(/code/i);
    await expect(page.getByRole("button", { name: "Make a passkey" })).toBeHidden();
  });
  await test.step("the kit's page before there is a passkey leads back to it", async () => {
    await comeToPasskey(page, mail, person);
    await open(page, "/get-started/recovery-kit");
    await page.getByRole("main").getByRole("link", { name: /passkey/ }).click();
    await expectPasskeyStep(page);
  });
  await test.step("the passkey's page after it was made leads on to the kit", async () => {
    await makePasskey(page, passkey);
    await open(page, "/get-started/passkey");
    await expect(page.getByRole("button", { name: "Make a passkey" })).toBeHidden();
    await page.getByRole("main").getByRole("link", { name: /recovery kit/ }).click();
    await expectKitStep(page);
  });
});

test("passkey and recovery kit are registered together or not at all", async ({ page, mail, person, passkey, trouble }) => {
  trouble.allow(401, "/rpc/finish_sign_in");
  await comeToKit(page, mail, person, passkey);
  await page.goto("/org");
  await expect(page, "nobody is signed in before the kit is saved").toHaveURL(/\/login/);

  await signInByButton(page, passkey);
  await expect(alertOn(page), "the passkey that is kept aside signs nobody in").toBeVisible();
  await expect(page).toHaveURL(/\/login/);

  await open(page, "/get-started/recovery-kit");
  await saveKit(page, person);
});

test("submitting twice sends one mail", async ({ page, mail, person }) => {
  await open(page, "/get-started");
  await fillAccount(page, person);
  await page.getByRole("button", { name: "Continue" }).dblclick();
  await expectCheckMail(page);
  await mail.next(person.email);

  // A second mail would be in the same outbox, so a later person's mail comes after it.
  const later = newPerson();
  await giveAccount(page, later);
  await mail.next(later.email);
  await page.waitForTimeout(500);
  expect(mail.to(person.email)).toHaveLength(1);
});

test("pressing Enter twice sends one mail", async ({ page, mail, person }) => {
  await open(page, "/get-started");
  await fillAccount(page, person);
  await page.getByLabel("Organization's name").focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await expectCheckMail(page);
  await mail.next(person.email);
  const later = newPerson();
  await giveAccount(page, later);
  await mail.next(later.email);
  await page.waitForTimeout(500);
  expect(mail.to(person.email)).toHaveLength(1);
});

test("one address may found two organizations, each with its own passkey", async ({ page, anotherBrowser, mail, person, passkey }) => {
  await createOrganization(page, mail, person, passkey);
  const second = newPerson({ email: person.email });
  const other = await anotherBrowser();
  const otherPasskey = await Authenticator.in(other);

  await giveAccount(other, second);
  const invitation = await receiveInvitation(mail, second, 2);
  await activate(other, invitation);
  await makePasskey(other, otherPasskey);
  await saveKit(other, second);

  await signOut(page);
  await signInByButton(page, passkey);
  await expectDashboard(page, person);
  await signOut(other);
  await signInByButton(other, otherPasskey);
  await expectDashboard(other, second);
});

test("the steps are visible, with the present one marked", async ({ page, mail, person, passkey }) => {
  const current = page.locator('[aria-current="step"]');
  await open(page, "/get-started");
  const seen = [await current.innerText()];
  await giveAccount(page, person);
  seen.push(await current.innerText());
  await activate(page, await receiveInvitation(mail, person));
  seen.push(await current.innerText());
  await makePasskey(page, passkey);
  seen.push(await current.innerText());
  expect(new Set(seen).size, `the marked steps: ${seen.join(" | ")}`).toBe(4);
});
