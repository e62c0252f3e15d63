import { expect, test } from "../support/fixtures.ts";
import { group, misread } from "../support/kit.ts";
import { closeReceipt, createPermission, enterAs, give, hire, join, newColleague, review, sign, unique } from "../support/office.ts";
import { Authenticator } from "../support/passkey.ts";
import { readInvitation } from "../support/smtp.ts";
import { alertOn, createOrganization, expectComplaint, expectDashboard, expectHeading, open, ready, reload, signInByButton, signOut } from "../support/wizard.ts";
import type { Page } from "@playwright/test";

const kitField = (page: Page) => page.getByLabel("Recovery code");
const sessions = (page: Page) => page.locator("#sessions").getByRole("listitem");

/** Types a code into the test of the kit and sends it. */
async function testKit(page: Page, code: string): Promise<void> {
  await kitField(page).fill(code);
  await page.getByRole("button", { name: "Test my kit" }).click();
}

test("the kit is tested, and isn't used up", async ({ page, mail, person, passkey }) => {
  const code = await createOrganization(page, mail, person, passkey);
  await expect(page.getByRole("link", { name: "Test your recovery kit" })).toBeVisible();
  await page.getByRole("link", { name: "Test your recovery kit" }).click();
  await expect(page).toHaveURL(/\/account#recovery-kit$/);
  await ready(page);
  await expect(page.locator("#recovery-kit")).toContainText("Never");
  for (const typed of [code, code.toLowerCase().replaceAll("-", " ")]) {
    await testKit(page, typed);
    await expect(page.getByText("Your kit works")).toBeVisible();
    await expect(kitField(page)).toHaveValue("");
    await reload(page);
    await expect(page.locator("#recovery-kit")).not.toContainText("Never");
  }
  await expect(page.getByText("Tested the recovery kit: it works")).toHaveCount(2);
  await open(page, "/org");
  await expect(page.getByRole("link", { name: "Test your recovery kit" })).toHaveCount(0);
});

test("a mistyped group is named before anything is sent; a wrong kit is told from it", async ({ page, anotherBrowser, mail, person, passkey, trouble }) => {
  const code = await createOrganization(page, mail, person, passkey);
  await open(page, "/account");
  const asked: string[] = [];
  page.on("request", (request) => {
    if (request.method() === "POST") asked.push(request.url());
  });
  await testKit(page, code.replace(group(code, 3), misread(group(code, 3))));
  await expectComplaint(kitField(page), /Group 3 isn't right/);
  await expect(alertOn(page)).toContainText("Nothing was sent");
  await testKit(page, code.slice(0, 20));
  await expectComplaint(kitField(page), /too short/);
  expect(asked).toEqual([]);

  const stranger = await anotherBrowser();
  const theirs = { ...person, email: `eve.${person.email}` };
  const another = await createOrganization(stranger, mail, theirs, await Authenticator.in(stranger));
  trouble.allow(422, "/rpc/finish_kit_test");
  await testKit(page, another);
  await expect(alertOn(page)).toContainText("isn't of your present kit");
  for (const url of asked) expect(url).not.toContain(code.slice(0, 5));
  await testKit(page, code);
  await expect(page.getByText("Your kit works")).toBeVisible();
});

test("the code of the kit is in no request", async ({ page, mail, person, passkey }) => {
  const code = await createOrganization(page, mail, person, passkey);
  await open(page, "/account");
  const sent: string[] = [];
  page.on("request", (request) => sent.push(request.url() + (request.postData() ?? "")));
  await testKit(page, code);
  await expect(page.getByText("Your kit works")).toBeVisible();
  expect(sent.length).toBeGreaterThanOrEqual(2);
  const bare = code.replaceAll("-", "");
  for (const text of sent) {
    for (const piece of [code, bare, group(code, 2), group(code, 7)]) expect(text).not.toContain(piece);
  }
});

test("passkeys are shown with what they are", async ({ page, mail, person, passkey }) => {
  await createOrganization(page, mail, person, passkey);
  await open(page, "/account");
  const card = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: "Passkey" }) });
  await expect(card).toContainText("Synced by its provider");
  await expect(card).toContainText("Made");
});

test("sessions are listed, one is ended, all others are ended", async ({ page, anotherBrowser, mail, person, passkey }) => {
  await createOrganization(page, mail, person, passkey);
  const [made] = await passkey.passkeys();
  if (made === undefined) throw new Error("no passkey");
  const others = [await anotherBrowser(), await anotherBrowser()];
  for (const other of others) {
    const synchronised = await Authenticator.in(other);
    await synchronised.add(made);
    await signInByButton(other, synchronised);
    await expectDashboard(other, person);
  }
  await open(page, "/account");
  await expect(sessions(page)).toHaveCount(3);
  await expect(sessions(page).filter({ hasText: "This browser" })).toHaveCount(1);
  await expect(sessions(page).filter({ hasText: "Chrome on Linux" })).toHaveCount(3);

  await page.getByRole("button", { name: /^End the session/ }).first().click();
  await expect(sessions(page)).toHaveCount(2);
  await page.getByRole("button", { name: "End all other sessions" }).click();
  await expect(sessions(page)).toHaveCount(1);
  await expect(page.getByRole("button", { name: /^End/ })).toHaveCount(0);
  for (const other of others) {
    await other.goto("/org");
    await expect(other).toHaveURL(/\/login/);
  }
  await reload(page);
  await expect(sessions(page)).toHaveCount(1);
});

test("what happened is told, also that somebody was refused", async ({ page, mail, person, passkey }) => {
  await createOrganization(page, mail, person, passkey);
  await signOut(page);
  await signInByButton(page, passkey);
  await expectDashboard(page, person);
  await open(page, "/account");
  const activity = page.locator("#activity").getByRole("listitem");
  await expect(activity.filter({ hasText: "Signed in" })).toHaveCount(2);
  await expect(activity.filter({ hasText: "Signed out" })).toHaveCount(1);
  await expect(activity.filter({ hasText: "A mail was sent" })).toHaveCount(1);
  await expect(activity.first()).toContainText("Chrome on Linux");
});

test("somebody who lost everything enrols again, and is who they were", async ({ page, anotherBrowser, office, mail, passkey }) => {
  await enterAs(page, passkey, office.admin);
  const tab = await anotherBrowser();
  const lost = await Authenticator.in(tab);
  const colleague = newColleague(office.admin.person);
  const path = await hire({ page, passkey }, { page: tab, passkey: lost, person: colleague }, mail);
  const permission = unique("Sees people");
  await createPermission(page, passkey, permission, ["Auth:Users:Read"]);
  await open(page, path);
  await give(page, passkey, permission);

  const dialog = await review(page, () => page.getByRole("button", { name: "Enrol again" }).click());
  await expect(dialog).toContainText(`Let ${colleague.email} enrol again with a new passkey`);
  await expect(dialog).toContainText("Their passkeys, keys, access tokens, recovery kit and sessions end at once");
  await sign(page, passkey, "End passkeys and sign");
  await closeReceipt(page);
  await expect(page.getByRole("main")).toContainText("Invited");
  await expect(page.getByRole("main")).toContainText(permission);
  await tab.goto("/org");
  await expect(tab).toHaveURL(/\/login/);

  const fresh = await anotherBrowser();
  await join(fresh, colleague, await Authenticator.in(fresh), readInvitation(await mail.next(colleague.email, 2)));
  await expect(fresh.getByRole("link", { name: "Users", exact: true })).toBeVisible();
  await open(fresh, path);
  await expectHeading(fresh, colleague.email);
  await expect(fresh.getByRole("main")).toContainText("Active");
});
