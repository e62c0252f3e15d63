import type { Page } from "@playwright/test";
import { expect, test } from "../support/fixtures.ts";
import { ask } from "../support/http.ts";
import { Authenticator } from "../support/passkey.ts";
import { newPerson } from "../support/person.ts";
import {
  activate,
  alertOn,
  comeToPasskey,
  expectComplaint,
  expectDashboard,
  expectHeading,
  expectPasskeyStep,
  giveAccount,
  makePasskey,
  open,
  ORGANIZATION_ID,
  ready,
  receiveInvitation,
  saveKit,
  sendNewCode,
  signInByButton,
  signOut,
  typeCode,
  typeWrongCode,
  wrongCode,
} from "../support/wizard.ts";

test.describe("the link in the mail", () => {
  test("opened by scanners beforehand, uses nothing up and signs nobody in", async ({ page, anotherBrowser, server, mail, person }) => {
    await giveAccount(page, person);
    const { code, link } = await receiveInvitation(mail, person);
    for (const method of ["HEAD", "GET", "HEAD", "GET", "GET", "HEAD"] as const) {
      const answer = await ask(link, { method, headers: { "user-agent": "mail scanner" } });
      expect(answer.status, `${method} of the link`).toBe(200);
      const cookies = (answer.headers["set-cookie"] ?? []).map((cookie) => cookie.split(";")[0]).join("; ");
      const dashboard = await ask(`${server.origin}/org`, { headers: cookies === "" ? {} : { cookie: cookies } });
      expect(dashboard.status, "the dashboard for who opened it").toBeGreaterThanOrEqual(300);
      expect(dashboard.headers.location).toMatch(/\/login/);
    }
    const scanner = await anotherBrowser();
    await open(scanner, link);
    await scanner.goto("/org");
    await expect(scanner).toHaveURL(/\/login/);

    await activate(page, { code, link });
  });

  test("has no code in it, and pre-fills who it is for", async ({ page, mail, person }) => {
    await giveAccount(page, person);
    const { code, link } = await receiveInvitation(mail, person);
    expect(link.replace(/\D/g, "")).not.toContain(code);
    await open(page, link);
    await expect(page.getByRole("main")).toContainText(person.email);
    await expect(page.getByLabel("Code from the mail")).toHaveValue("");
    await expect(page.getByRole("main").locator("time[datetime]").first(), "until when the code works").toBeVisible();
  });
});

test.describe("a code", () => {
  test("is taken with spaces, with hyphens, and without either", async ({ page, mail, person, anotherBrowser }) => {
    await giveAccount(page, person);
    const { code, link } = await receiveInvitation(mail, person);
    const groups = code.match(/\d{4}/g) ?? [];
    for (const spelling of [` ${groups.join(" ")} `, groups.join("-"), code]) {
      const browser = await anotherBrowser();
      await activate(browser, { link, code: spelling });
    }
  });

  test("that is malformed is told so and costs no try", async ({ page, mail, person, trouble }) => {
    trouble.allow(400, "/rpc/activate");
    trouble.allow(422, "/rpc/activate");
    await giveAccount(page, person);
    const { code, link } = await receiveInvitation(mail, person);
    await open(page, link);
    for (const malformed of ["12", "not a code", "1234 5678 9012 345", `${code}1`, "0".repeat(5000), "１２３４"]) {
      await typeWrongCode(page, malformed);
      await expectComplaint(page.getByLabel("Code from the mail"), /digits/);
      await expectHeading(page, "Enter the code");
    }
    await typeCode(page, code);
    await expectPasskeyStep(page);
  });

  test("is dead after five wrong ones; the person is not", async ({ page, mail, person, trouble }) => {
    trouble.allow(400, "/rpc/activate");
    await giveAccount(page, person);
    const { code, link } = await receiveInvitation(mail, person);
    await open(page, link);
    for (let turn = 1; turn <= 5; turn += 1) await typeWrongCode(page, wrongCode(code, turn));
    await expect(alertOn(page)).toContainText(/new (code|one)/i);

    await typeWrongCode(page, code);
    await expectHeading(page, "Enter the code");
    await expect(alertOn(page), "the right code, too late").toContainText(/new code/i);

    await sendNewCode(page);
    const fresh = await receiveInvitation(mail, person, 2);
    expect(fresh.code).not.toBe(code);
    await activate(page, fresh);
  });

  test("works after four wrong ones", async ({ page, mail, person, trouble }) => {
    trouble.allow(400, "/rpc/activate");
    await giveAccount(page, person);
    const { code, link } = await receiveInvitation(mail, person);
    await open(page, link);
    for (let turn = 1; turn <= 4; turn += 1) await typeWrongCode(page, wrongCode(code, turn));
    await typeCode(page, code);
    await expectPasskeyStep(page);
  });

  test("is dead as soon as a new one was asked for", async ({ page, mail, person, trouble }) => {
    trouble.allow(400, "/rpc/activate");
    await giveAccount(page, person);
    const old = await receiveInvitation(mail, person);
    await sendNewCode(page);
    const fresh = await receiveInvitation(mail, person, 2);

    await open(page, old.link);
    await typeWrongCode(page, old.code);
    await expectHeading(page, "Enter the code");
    await typeCode(page, fresh.code);
    await expectPasskeyStep(page);
  });

  test("is dead after the registration is finished", async ({ page, anotherBrowser, mail, person, passkey }) => {
    const invitation = await comeToPasskey(page, mail, person);
    await makePasskey(page, passkey);
    await saveKit(page, person);

    const other = await anotherBrowser();
    await open(other, invitation.link);
    await expectHeading(other, "Enter the code");
    await expect(other.getByRole("main")).toContainText(/no code is waiting/i);
    const organization = ORGANIZATION_ID.exec(invitation.link)?.[0] ?? "";
    const answer = await other.request.post("/rpc/activate", { form: { email: person.email, organization, code: invitation.code } });
    expect(answer.status()).toBe(400);
    await page.reload();
    await expect(page.getByRole("button", { name: "Sign out", exact: true }), "the first browser stays signed in").toBeVisible();
  });

  test("of somebody else doesn't work for this address", async ({ page, anotherBrowser, mail, person, trouble }) => {
    trouble.allow(400, "/rpc/activate");
    const somebodyElse = newPerson();
    const other = await anotherBrowser();
    await giveAccount(other, somebodyElse);
    const theirs = await receiveInvitation(mail, somebodyElse);
    await giveAccount(page, person);
    const mine = await receiveInvitation(mail, person);
    await open(page, mine.link);
    await typeWrongCode(page, theirs.code);
    await expectHeading(page, "Enter the code");
    await activate(page, mine);
  });
});

test.describe("going on in another browser", () => {
  const TOLD = /(an)?other browser|another device|already|no longer|has ended|is over|too long|no registration/i;

  /** The first browser is told that it can't go on, and how it can; nothing it does is registered. */
  async function expectToldToGoOnElsewhere(first: Page, step: string): Promise<void> {
    await open(first, step);
    await expect(first.getByRole("main")).toContainText(TOLD);
    await expect(first.getByRole("main").getByRole("link").first(), "a way on").toBeVisible();
    await expect(first.getByRole("button", { name: /^(Make a passkey|Finish)$/ })).toBeHidden();
  }

  test("before the passkey: the code typed there again goes on there", async ({ page, anotherBrowser, mail, person, trouble }) => {
    trouble.allow(401, /^\/(rpc\/registration|get-started\/.*)$/);
    const invitation = await comeToPasskey(page, mail, person);

    const phone = await anotherBrowser({ viewport: { width: 390, height: 844 } });
    const face = await Authenticator.in(phone);
    await activate(phone, invitation);
    await makePasskey(phone, face);
    await saveKit(phone, person);

    await expectToldToGoOnElsewhere(page, "/get-started/passkey");
    await signOut(phone);
    await signInByButton(phone, face);
    await expectDashboard(phone, person);
  });

  test("after the passkey was made in the first: a new one is made there", async ({ page, anotherBrowser, mail, person, passkey, trouble }) => {
    trouble.allow(401, /^\/(rpc\/(registration|finish_sign_in)|get-started\/.*)$/);
    const invitation = await comeToPasskey(page, mail, person);
    await makePasskey(page, passkey);

    const phone = await anotherBrowser({ viewport: { width: 390, height: 844 } });
    const face = await Authenticator.in(phone);
    await activate(phone, invitation);
    await makePasskey(phone, face);
    await saveKit(phone, person);

    await expectToldToGoOnElsewhere(page, "/get-started/recovery-kit");
    await signInByButton(page, passkey);
    await expect(alertOn(page), "the passkey of the first browser was not registered").toBeVisible();
    await signOut(phone);
    await signInByButton(phone, face);
    await expectDashboard(phone, person);
  });

  test("while the first has the page open: it is told when it tries", async ({ page, anotherBrowser, mail, person, passkey, trouble }) => {
    trouble.allow(401, /^\/(rpc\/.*|get-started\/.*)$/);
    const invitation = await comeToPasskey(page, mail, person);
    await ready(page);

    const phone = await anotherBrowser();
    const face = await Authenticator.in(phone);
    await activate(phone, invitation);
    await makePasskey(phone, face);
    await saveKit(phone, person);

    await passkey.present(true);
    await page.getByRole("button", { name: "Make a passkey" }).click();
    await expect(page.getByRole("main")).toContainText(TOLD);
    await passkey.present(false);
    expect(await passkey.passkeys(), "no passkey is left behind").toHaveLength(0);
  });
});
