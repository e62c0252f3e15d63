import type { Page } from "@playwright/test";
import { expect, test } from "../support/fixtures.ts";
import { closeReceipt, dialogOn, enterAs, invite, join, newColleague, review, sign, signedChange } from "../support/office.ts";
import { Authenticator } from "../support/passkey.ts";
import { readInvitation, type Invitation } from "../support/smtp.ts";
import {
  activate,
  alertOn,
  expectHeading,
  expectPasskeyStep,
  giveAccount,
  makePasskey,
  open,
  receiveInvitation,
  reload,
  saveKit,
  typeCode,
  typeWrongCode,
} from "../support/wizard.ts";

/** Link and code in the receipt, to be passed on by hand. */
async function shownInvitation(page: Page): Promise<Invitation> {
  const link = await dialogOn(page).locator(".handed-text").innerText();
  const code = await dialogOn(page).locator(".handed-code").innerText();
  return { link, code: code.replaceAll(" ", "") };
}

async function showInvitation(page: Page, passkey: Authenticator): Promise<Invitation> {
  await review(page, () => page.getByRole("button", { name: "Show link and code" }).click());
  await sign(page, passkey, "Show and sign");
  const invitation = await shownInvitation(page);
  await closeReceipt(page);
  return invitation;
}

test("sent again: a new code comes, and the old one is dead", async ({ page, anotherBrowser, mail, office, passkey, trouble }) => {
  trouble.allow(400, "/rpc/activate");
  await enterAs(page, passkey, office.admin);
  const grace = newColleague(office.admin.person);
  await invite(page, passkey, grace.email);
  const old = await receiveInvitation(mail, grace);
  await signedChange(page, passkey, "Send again", "Send and sign");
  const fresh = await receiveInvitation(mail, grace, 2);
  expect(fresh.code).not.toBe(old.code);

  const other = await anotherBrowser();
  await open(other, old.link);
  await typeWrongCode(other, old.code);
  await expectHeading(other, "Enter the code");
  await typeCode(other, fresh.code);
  await expectPasskeyStep(other);
});

test("link and code are shown once, and work; the mailed code is dead", async ({ page, context, anotherBrowser, mail, office, passkey, trouble }) => {
  trouble.allow(400, "/rpc/activate");
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await enterAs(page, passkey, office.admin);
  const grace = newColleague(office.admin.person);
  await invite(page, passkey, grace.email);
  const mailed = await receiveInvitation(mail, grace);

  const dialog = await review(page, () => page.getByRole("button", { name: "Show link and code" }).click());
  await expect(dialog).toContainText("You will see a link and a code, once");
  await expect(dialog).not.toContainText(/\d{4} \d{4} \d{4} \d{4}/);
  await sign(page, passkey, "Show and sign");
  const shown = dialog.getByRole("region", { name: "Invitation" });
  await expect(shown).toContainText("Both are shown only now.");
  const { link, code } = await shownInvitation(page);
  expect(link).not.toContain(code);
  expect(code).toMatch(/^\d{16}$/);

  await test.step("each can be copied by itself", async () => {
    for (const [what, text] of [
      ["the link", link],
      ["the code", code],
    ] as const) {
      await shown.getByRole("button", { name: `Copy ${what}` }).click();
      await expect(shown.getByRole("status").filter({ hasText: "Copied" }).first()).toBeVisible();
      expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(text);
    }
  });

  await closeReceipt(page);
  expect(await page.content()).not.toContain(code);
  expect(mail.to(grace.email), "nothing was mailed").toHaveLength(1);

  const other = await anotherBrowser();
  await open(other, mailed.link);
  await typeWrongCode(other, mailed.code);
  await expectHeading(other, "Enter the code");
  await activate(other, { link, code });
});

test("revoked: the code is dead and nobody comes in, until it is sent again", async ({ page, anotherBrowser, mail, office, passkey, trouble }) => {
  trouble.allow(400, "/rpc/activate");
  trouble.allow(401, /^\/(rpc|get-started)\//);
  await enterAs(page, passkey, office.admin);
  const grace = newColleague(office.admin.person);
  await invite(page, passkey, grace.email);
  const old = await receiveInvitation(mail, grace);
  const other = await anotherBrowser();
  const theirs = await Authenticator.in(other);
  await activate(other, old);

  await signedChange(page, passkey, "Revoke invitation", "Revoke and sign");
  const main = page.getByRole("main");
  await expect(main).toContainText("Invitation revoked");
  await expect(main).toContainText("Nobody can sign up with it until it is sent again.");
  await expect(page.getByRole("button", { name: "Revoke invitation" })).toBeHidden();

  await test.step("who had typed the code already can't go on", async () => {
    await other.getByRole("button", { name: "Make a passkey" }).click();
    await expect(alertOn(other)).toContainText(/no registration|code/i);
    await other.goto("/org");
    await expect(other).toHaveURL(/\/login/);
  });
  await test.step("nor who types it now", async () => {
    const third = await anotherBrowser();
    await open(third, old.link);
    await expect(third.getByRole("main")).toContainText(/no code is waiting/i);
  });

  await signedChange(page, passkey, "Send again", "Send and sign");
  await expect(main).toContainText("Invited");
  await join(other, grace, theirs, await receiveInvitation(mail, grace, 2));
});

test("the mail server refuses the address: the page says so with its words, and the way on works", async ({ page, anotherBrowser, mail, office, passkey }) => {
  await enterAs(page, passkey, office.admin);
  const grace = newColleague(office.admin.person);
  mail.policy(grace.email, { refuse: 550 });
  await invite(page, passkey, grace.email);
  await mail.tried(grace.email, 1);
  const main = page.getByRole("main");
  await expect(async () => {
    await reload(page);
    await expect(main).toContainText("The mail didn't go out.", { timeout: 500 });
  }).toPass();
  await expect(main).toContainText(/The mail server said: “.*refused by the test.*”/);

  await activate(await anotherBrowser(), await showInvitation(page, passkey));
});

test("the mail server can't take it now: the page says that it waits", async ({ page, mail, office, passkey }) => {
  await enterAs(page, passkey, office.admin);
  const grace = newColleague(office.admin.person);
  mail.policy(grace.email, { refuse: 451 });
  await invite(page, passkey, grace.email);
  await mail.tried(grace.email, 1);
  const main = page.getByRole("main");
  await expect(async () => {
    await reload(page);
    await expect(main).toContainText(/The mail waits to be sent.*refused by the test/, { timeout: 500 });
  }).toPass();
  mail.policy(grace.email, "accept");
  await mail.next(grace.email, 1, 30);
  await expect(async () => {
    await reload(page);
    await expect(main).toContainText("The mail server has taken the mail.", { timeout: 500 });
  }).toPass();
});

test("without a mail server the page says where the mail is, and link and code can be passed on", async ({ anotherBrowser, startServer, person }) => {
  const server = await startServer({});
  const page = await anotherBrowser({ baseURL: server.origin });
  const passkey = await Authenticator.in(page);
  await giveAccount(page, person);
  await open(page, "/dev/mail");
  await activate(page, readInvitation({ text: await page.getByRole("article").innerText() }));
  await makePasskey(page, passkey);
  await saveKit(page, person);

  await invite(page, passkey, newColleague(person).email);
  await expect(page.getByRole("main")).toContainText("This server has no mail server set up");
  await expect(page.getByRole("main")).toContainText("Show link and code, and pass them on yourself, separately.");
  const invitation = await showInvitation(page, passkey);
  await activate(await anotherBrowser({ baseURL: server.origin }), invitation);
});

test("the dialog that shows a code can't be sent twice for two codes", async ({ page, mail, office, passkey }) => {
  await enterAs(page, passkey, office.admin);
  const grace = newColleague(office.admin.person);
  await invite(page, passkey, grace.email);
  await review(page, () => page.getByRole("button", { name: "Send again" }).click());
  await passkey.approve(() => dialogOn(page).getByRole("button", { name: "Send and sign" }).dblclick());
  await expect(dialogOn(page).getByRole("heading", { name: "Signed and done" })).toBeVisible();
  await mail.next(grace.email, 2);
  await page.waitForTimeout(500);
  expect(mail.to(grace.email)).toHaveLength(2);
  expect(readInvitation(mail.to(grace.email)[1] ?? { text: "" }).code).not.toBe(readInvitation(mail.to(grace.email)[0] ?? { text: "" }).code);
});
