import type { Page } from "@playwright/test";
import { expect, test } from "../support/fixtures.ts";
import {
  closeReceipt,
  createPermission,
  dialogOn,
  enterAs,
  fillNewUser,
  give,
  hire,
  invite,
  join,
  newColleague,
  openUser,
  review,
  sign,
  signedChange,
  unique,
} from "../support/office.ts";
import { Authenticator } from "../support/passkey.ts";
import { readInvitation } from "../support/smtp.ts";
import {
  activate,
  alertOn,
  createOrganization,
  expectComplaint,
  expectDashboard,
  expectHeading,
  makePasskey,
  open,
  ready,
  reload,
  saveKit,
  signInByButton,
  switchOffAutofill,
} from "../support/wizard.ts";

/** The places that the side bar leads to. */
async function places(page: Page): Promise<string[]> {
  const links = await page.getByRole("navigation", { name: "Organization" }).getByRole("link").allInnerTexts();
  return links.map((text) => text.trim());
}

/** Opens a page that may not be seen, and expects that it says kindly what is missing. */
async function expectNotPermitted(page: Page, path: string, operation: string): Promise<void> {
  await open(page, path);
  await expectHeading(page, "You can't open this page");
  await expect(page.getByRole("main")).toContainText(`You need the operation ${operation}`);
  await expect(page.getByRole("main")).toContainText(/ask an admin/i);
}

test("an admin invites a coworker, who comes in by the mail and may do nothing yet", async ({ page, anotherBrowser, mail, person, passkey, trouble }) => {
  trouble.allow(403, "/org/users");
  await createOrganization(page, mail, person, passkey);
  const grace = newColleague(person);

  await test.step("alone, and told so", async () => {
    await page.getByRole("navigation", { name: "Organization" }).getByRole("link", { name: "Users" }).click();
    await expectHeading(page, "Users");
    await expect(page.getByRole("main")).toContainText("You are the only one here so far, and you are an admin");
    await page.getByRole("link", { name: "New user" }).click();
    await expectHeading(page, "New user");
  });

  await test.step("reviewed, signed, and only then created", async () => {
    await ready(page);
    await fillNewUser(page, grace.email, "4711");
    const dialog = await review(page, () => page.getByRole("button", { name: "Review and sign" }).click());
    await expect(dialog.locator(".sign-sentence")).toHaveText(`Create user ${grace.email} as Employee, external id 4711`);
    await expect(dialog).toContainText("A mail with a code goes to this address");
    await expect(dialog).toContainText(person.email);
    expect(mail.to(grace.email), "before the signature").toHaveLength(0);
    const fingerprint = await dialog.locator(".fingerprint").innerText();

    await sign(page, passkey, "Create and sign");
    await expect(dialog.locator(".sign-sentence")).toHaveText(`Done: Create user ${grace.email} as Employee, external id 4711`);
    await expect(dialog.locator(".fingerprint")).toHaveText(fingerprint);
    await expect(dialog.getByRole("link", { name: "Entry 1", exact: true }), "the entry's number in history").toHaveAttribute("href", "/org/history/1");
    await closeReceipt(page);
  });

  await test.step("their page says that they are invited, and that the mail is sent", async () => {
    await expectHeading(page, grace.email);
    await expect(page.getByRole("main")).toContainText("Invited");
    await expect(page.getByRole("main")).toContainText(/hours left/);
    await expect(page.getByRole("main")).toContainText("4711");
    const invitation = readInvitation(await mail.next(grace.email));
    expect(invitation.code).toMatch(/^\d{16}$/);
    await expect(async () => {
      await reload(page);
      await expect(page.getByRole("main")).toContainText("The mail server has taken the mail.", { timeout: 500 });
    }).toPass();
  });

  await test.step("the list shows both", async () => {
    await page.getByRole("link", { name: "Users" }).first().click();
    const row = page.getByRole("row", { name: grace.email });
    await expect(row).toContainText("Invited");
    await expect(row).toContainText("None");
    await expect(page.getByRole("row", { name: person.email })).toContainText("Full admin");
    await expect(page.getByRole("main")).not.toContainText("You are the only one");
  });

  const other = await anotherBrowser();
  const theirs = await Authenticator.in(other);
  await test.step("the coworker comes in by the same mail and wizard", async () => {
    const letter = await mail.next(grace.email);
    expect(letter.text).toContain(`${person.email} invites you to the organization`);
    await activate(other, readInvitation(letter));
    await expect(other.getByRole("main")).toContainText(person.organization);
    await makePasskey(other, theirs);
    await saveKit(other, grace);
  });

  await test.step("and has no permission: no places to go to, and a kind refusal", async () => {
    await expect(other.getByRole("main")).toContainText("You have no permission yet");
    expect(await places(other)).toEqual(["Home", "Account"]);
    await expectNotPermitted(other, "/org/users", "Auth:Users:Read");
    expect(await places(other)).toEqual(["Home", "Account"]);
  });

  await test.step("the admin sees them as active, with their passkey and what they did", async () => {
    await openUser(page, grace.email);
    const main = page.getByRole("main");
    await expect(main).toContainText("Active");
    await expect(main).toContainText("Synced by its provider");
    await expect(main).toContainText("Signed up with a passkey and a recovery kit");
    await expect(main).toContainText(`Create user ${grace.email} as Employee`);
    await expect(page.getByRole("button", { name: "Send again" })).toBeHidden();
  });
});

test("a permission lets somebody do what is in it and nothing else, until it is taken away", async ({ page, anotherBrowser, mail, office, passkey, trouble }) => {
  trouble.allow(403, /^\/org\//);
  await enterAs(page, passkey, office.admin);
  const grace = newColleague(office.admin.person);
  const other = await anotherBrowser();
  const theirs = await Authenticator.in(other);
  const path = await hire({ page, passkey }, { page: other, passkey: theirs, person: grace }, mail);
  const name = unique("Invites people");

  await test.step("defined in the browser and given", async () => {
    await createPermission(page, passkey, name, ["Auth:Users:Read", "Auth:Users:Create"]);
    await expect(page.getByRole("main")).toContainText("Nobody");
    await open(page, path);
    await page.getByLabel("Permission", { exact: true }).selectOption({ label: name });
    await expect(page.getByRole("main")).toContainText("Invite people, send an invitation again, show its code, revoke it, and let someone enrol again who lost every passkey.");
    await give(page, passkey, name);
  });

  const newcomer = newColleague(office.admin.person);
  await test.step("they see users, and can invite", async () => {
    await reload(other);
    expect(await places(other)).toEqual(["Home", "Users", "Account"]);
    await invite(other, theirs, newcomer.email);
    await expect(other.getByRole("main")).toContainText("Invited");
    await mail.next(newcomer.email);
  });

  await test.step("and nothing else is offered", async () => {
    for (const button of ["Deactivate", "Delete", "Give permission"]) await expect(other.getByRole("button", { name: button })).toBeHidden();
    await expect(other.getByRole("main")).toContainText("that needs the operation Permissions:Assignments:Read");
    await expect(other.getByRole("button", { name: "Send again" })).toBeVisible();
  });

  await test.step("or allowed", async () => {
    await expectNotPermitted(other, "/org/history", "Auth:Logs:Read");
    await expectNotPermitted(other, "/org/permissions", "Permissions:Read");
    await expectNotPermitted(other, "/org/permissions/new", "Permissions:Create");
    // The server ends a connection that idles as long as this one may have.
    const answer = await other.request.get("/org/history/export", { maxRetries: 1 });
    expect(answer.status()).toBe(403);
  });

  await test.step("taken away: it ends at once", async () => {
    await open(page, path);
    await signedChange(page, passkey, `Revoke “${name}”`, "Revoke and sign");
    await expect(page.getByRole("main")).toContainText("Whoever has no permission can sign in, and nothing else.");
    await expectNotPermitted(other, "/org/users", "Auth:Users:Read");
    await expectNotPermitted(other, "/org/users/new", "Auth:Users:Create");
    expect(await places(other)).toEqual(["Home", "Account"]);
  });
});

test("what isn't allowed any more is refused while it is being done", async ({ page, anotherBrowser, mail, office, passkey, trouble }) => {
  trouble.allow(403, "/rpc/prepare_change");
  trouble.allow(403, "/rpc/commit_change");
  await enterAs(page, passkey, office.admin);
  const grace = newColleague(office.admin.person);
  const other = await anotherBrowser();
  const theirs = await Authenticator.in(other);
  const path = await hire({ page, passkey }, { page: other, passkey: theirs, person: grace }, mail);
  const name = unique("Invites people");
  await createPermission(page, passkey, name, ["Auth:Users:Read", "Auth:Users:Create"]);
  await open(page, path);
  await give(page, passkey, name);

  const newcomer = newColleague(office.admin.person);
  await open(other, "/org/users/new");
  await fillNewUser(other, newcomer.email);
  const dialog = await review(other, () => other.getByRole("button", { name: "Review and sign" }).click());
  await signedChange(page, passkey, `Revoke “${name}”`, "Revoke and sign");
  await theirs.approve(() => dialog.getByRole("button", { name: "Create and sign" }).click());
  await expect(dialog.getByRole("alert")).toContainText("You need the operation Auth:Users:Create");
  await openUser(page, grace.email);
  await open(page, `/org/users?q=${encodeURIComponent(newcomer.email)}`);
  await expect(page.getByRole("main")).toContainText("Nobody here fits this search");
  expect(mail.to(newcomer.email)).toHaveLength(0);
});

test("deactivated while signed in: out at once, and not in again until activated", async ({ page, anotherBrowser, mail, office, passkey, trouble }) => {
  trouble.allow(401, "/rpc/finish_sign_in");
  await enterAs(page, passkey, office.admin);
  const grace = newColleague(office.admin.person);
  const other = await anotherBrowser();
  const theirs = await Authenticator.in(other);
  const path = await hire({ page, passkey }, { page: other, passkey: theirs, person: grace }, mail);

  await open(page, path);
  const dialog = await review(page, () => page.getByRole("button", { name: "Deactivate", exact: true }).click());
  await expect(dialog).toContainText("They are signed out everywhere at once");
  await sign(page, passkey, "Deactivate and sign");
  await closeReceipt(page);
  await expect(page.getByRole("main")).toContainText("Deactivated");

  await switchOffAutofill(other);
  await other.reload();
  await expect(other).toHaveURL(/\/login/);
  await signInByButton(other, theirs);
  await expect(alertOn(other)).toContainText(/deactivated/i);
  await other.goto("/org");
  await expect(other).toHaveURL(/\/login/);

  await signedChange(page, passkey, "Activate", "Activate and sign");
  await expect(page.getByRole("main")).toContainText("Active");
  await signInByButton(other, theirs);
  await expectDashboard(other, grace);
});

test("deleted: gone from the list, kept in history", async ({ page, anotherBrowser, mail, office, passkey, trouble }) => {
  trouble.allow(401, "/rpc/finish_sign_in");
  trouble.allow(404, /^\/org\/users\//);
  await enterAs(page, passkey, office.admin);
  const grace = newColleague(office.admin.person);
  const other = await anotherBrowser();
  const theirs = await Authenticator.in(other);
  const path = await hire({ page, passkey }, { page: other, passkey: theirs, person: grace }, mail);

  await open(page, path);
  await review(page, () => page.getByRole("button", { name: "Delete", exact: true }).click());
  await sign(page, passkey, "Delete and sign");
  await closeReceipt(page);
  await expect(page).toHaveURL(/\/org\/users$/);
  await expect(page.getByRole("main")).not.toContainText(grace.email);
  await open(page, path);
  await expectHeading(page, "Not found");
  await open(page, "/org/history");
  await expect(page.getByRole("main")).toContainText(`Delete ${grace.email}`);
  await expect(page.getByRole("main")).toContainText("Signed up with a passkey and a recovery kit");

  await switchOffAutofill(other);
  await other.reload();
  await expect(other).toHaveURL(/\/login/);
  await signInByButton(other, theirs);
  await expect(alertOn(other)).toBeVisible();
  await expect(other).toHaveURL(/\/login/);
});

test.describe("the list of users", () => {
  test("is searched by a part of the address, the name or the external id, and filtered by status", async ({ page, staff, passkey }) => {
    await enterAs(page, passkey, staff.admin);
    const rows = page.getByRole("rowgroup").last().getByRole("row");
    await open(page, "/org/users");
    await expect(rows).toHaveCount(4);
    for (const [text, email] of [
      [staff.invited.email.slice(0, 8).toUpperCase(), staff.invited.email],
      ["lovelace", staff.admin.person.email],
      ["471", staff.invited.email],
      ["grace.hopper@", staff.active.person.email],
    ] as const) {
      await page.getByLabel("Search").fill(text);
      await page.getByLabel("Search").press("Enter");
      await expect(page).toHaveURL(/[?&]q=/);
      await expect(rows, text).toHaveCount(1);
      await expect(rows.first()).toContainText(email);
      await expect(page.getByLabel("Search")).toHaveValue(text);
    }
    await page.getByRole("link", { name: "Show all" }).click();
    await expect(rows).toHaveCount(4);
    await page.getByLabel("Status").selectOption("Deactivated");
    await page.getByRole("button", { name: "Search" }).click();
    await expect(rows).toHaveCount(1);
    await expect(rows.first()).toContainText(staff.deactivated.email);
    await expect(page.getByLabel("Status")).toHaveValue("deactivated");
  });

  test("says so when nobody fits; what was searched for is only text", async ({ page, staff, passkey }) => {
    await enterAs(page, passkey, staff.admin);
    await open(page, "/org/users");
    const hostile = `"><img src=x onerror=alert(1)>%_\\'`;
    await page.getByLabel("Search").fill(hostile);
    await page.getByLabel("Search").press("Enter");
    await expect(page.getByRole("main")).toContainText("Nobody here fits this search");
    await expect(page.getByLabel("Search")).toHaveValue(hostile);
  });
});

test.describe("a new user", () => {
  test("who is there already, or whose address can't be one, is said at the field; what was typed stays", async ({ page, office, passkey, trouble }) => {
    trouble.allow(422, "/rpc/prepare_change");
    await enterAs(page, passkey, office.admin);
    await open(page, "/org/users/new");
    const email = page.getByLabel("Work email");

    await fillNewUser(page, "grace@localhost", "<b>4711</b>");
    await page.getByRole("button", { name: "Review and sign" }).click();
    await expectComplaint(email, /complete mail address/);
    await expectComplaint(page.getByLabel("External id"), /./);
    await expect(alertOn(page)).toBeFocused();
    await expect(dialogOn(page)).toBeHidden();

    await fillNewUser(page, office.admin.person.email.toUpperCase(), "4711");
    await page.getByRole("button", { name: "Review and sign" }).click();
    await expectComplaint(email, /is a user of this organization already/);
    await expect(dialogOn(page)).toBeHidden();
    await expect(alertOn(page)).toBeFocused();
    await expect(email).toHaveValue(office.admin.person.email.toUpperCase());
    await expect(page.getByLabel("External id")).toHaveValue("4711");
  });

  test("of another organization doesn't get in the way", async ({ page, anotherBrowser, mail, office, person, passkey }) => {
    await createOrganization(page, mail, person, passkey);
    const earlier = mail.to(office.admin.person.email).length;
    const path = await invite(page, passkey, office.admin.person.email);
    await expect(page.getByRole("main")).toContainText("Invited");
    const other = await anotherBrowser();
    const theirs = await Authenticator.in(other);
    const guest = { ...office.admin.person, organization: person.organization };
    await join(other, guest, theirs, readInvitation(await mail.next(guest.email, earlier + 1)));
    await open(page, path);
    await expect(page.getByRole("main")).toContainText("Active");
  });
});
