import { expect, test } from "../support/fixtures.ts";
import {
  cancel,
  closeReceipt,
  createPermission,
  dialogOn,
  enterAs,
  give,
  hire,
  newColleague,
  pick,
  review,
  reviewRefused,
  sign,
  signedChange,
  unique,
} from "../support/office.ts";
import { Authenticator } from "../support/passkey.ts";
import { alertOn, createOrganization, expectComplaint, expectHeading, open, ready, reload } from "../support/wizard.ts";

test("one is defined, changed, given, and put away once nobody has it", async ({ page, anotherBrowser, mail, office, passkey }) => {
  await enterAs(page, passkey, office.admin);
  const [name, renamed] = [unique("Invites people"), unique("Office managers")];
  const main = page.getByRole("main");

  const path = await createPermission(page, passkey, name, ["Auth:Users:Read", "Auth:Users:Create"]);
  await test.step("its page says what it lets someone do, and who has it", async () => {
    await expectHeading(page, name);
    await expect(main).toContainText("Invite people, send an invitation again, show its code, revoke it, and let someone enrol again who lost every passkey.");
    await expect(main.getByRole("heading", { name: "Users", level: 3 })).toBeVisible();
    await expect(main).toContainText("Nobody. It is given to someone on their own page.");
  });

  await test.step("changed: the dialog shows what was there before and what will be", async () => {
    await page.getByRole("link", { name: "Edit" }).click();
    await expectHeading(page, `Edit “${name}”`);
    await ready(page);
    await page.getByLabel("Name").fill(renamed);
    await pick(page, ["Auth:Users:Read", "Auth:Users:Deactivate"]);
    const dialog = await review(page, () => page.getByRole("button", { name: "Review and sign" }).click());
    await expect(dialog.locator(".sign-sentence")).toHaveText(`Change permission “${name}”, and call it “${renamed}”`);
    const line = (label: string) => dialog.locator(".particulars > div").filter({ has: page.getByText(label, { exact: true }) });
    await expect(line("Name").getByRole("deletion")).toHaveText(name);
    await expect(line("Name").getByRole("insertion")).toHaveText(renamed);
    await expect(line("Operations").getByRole("deletion")).toHaveText("Auth:Users:Read, Auth:Users:Create");
    await expect(line("Operations").getByRole("insertion")).toHaveText("Auth:Users:Read, Auth:Users:Deactivate");
    await sign(page, passkey, "Change and sign");
    await closeReceipt(page);
    await expect(page).toHaveURL(new RegExp(`${path}$`));
    await expectHeading(page, renamed);
    await expect(main).toContainText("Shut someone out at once");
    await expect(main).not.toContainText("Invite people");
  });

  const grace = newColleague(office.admin.person);
  const other = await anotherBrowser();
  const user = await hire({ page, passkey }, { page: other, passkey: await Authenticator.in(other), person: grace }, mail);
  await open(page, user);
  await give(page, passkey, renamed);

  await test.step("somebody has it: it says who, and can't be put away", async () => {
    await open(page, path);
    await expect(main.getByRole("link", { name: grace.email })).toBeVisible();
    await expect(main).toContainText("1 holder has it");
    await expect(page.getByRole("button", { name: "Archive" })).toBeHidden();
    await open(page, "/org/permissions");
    await expect(page.getByRole("row", { name: renamed })).toContainText("1 holder");
  });

  await test.step("taken away, it can", async () => {
    await open(page, user);
    await signedChange(page, passkey, `Revoke “${renamed}”`, "Revoke and sign");
    await open(page, path);
    await signedChange(page, passkey, "Archive", "Archive and sign");
    await expect(main).toContainText("Archived");
    await expect(page.getByRole("link", { name: "Edit" })).toBeHidden();
    await expect(page.getByRole("button", { name: "Archive" })).toBeHidden();
    await open(page, user);
    await expect(page.getByLabel("Permission", { exact: true })).not.toContainText(renamed);
  });
});

test("somebody got it in the meantime: putting it away is refused, and says why", async ({ page, anotherBrowser, staff, passkey, trouble }) => {
  trouble.allow(409, "/rpc/prepare_change");
  await enterAs(page, passkey, staff.admin);
  const name = unique("Interns");
  const path = await createPermission(page, passkey, name, ["Auth:Users:Read"]);
  const second = await anotherBrowser();
  const same = await Authenticator.in(second);
  await enterAs(second, same, staff.admin);
  await open(second, staff.active.path);
  await give(second, same, name);

  const dialog = await reviewRefused(page, () => page.getByRole("button", { name: "Archive" }).click());
  await expect(dialog.getByRole("alert")).toContainText(`1 holder still has “${name}”`);
  const loaded = page.waitForEvent("load");
  await dialog.getByRole("button", { name: "Reload the page" }).click();
  await loaded;
  await expect(page.getByRole("main")).toContainText("1 holder has it");
  await expect(page).toHaveURL(new RegExp(`${path}$`));

  await signedChange(second, same, `Revoke “${name}”`, "Revoke and sign");
});

test("two change the same one: the second is told what has changed, and nothing is lost", async ({ page, anotherBrowser, office, passkey, trouble }) => {
  trouble.allow(409, /^\/rpc\/(prepare|commit)_change$/);
  await enterAs(page, passkey, office.admin);
  const name = unique("Auditors");
  const path = await createPermission(page, passkey, name, ["Auth:Logs:Read"]);
  const second = await anotherBrowser();
  const same = await Authenticator.in(second);
  await enterAs(second, same, office.admin);

  await open(page, `${path}/edit`);
  await pick(page, ["Auth:Logs:Read", "Permissions:Read"]);
  const dialog = await review(page, () => page.getByRole("button", { name: "Review and sign" }).click());
  await open(second, `${path}/edit`);
  await pick(second, ["Auth:Logs:Read", "Auth:Users:Read"]);
  await signedChange(second, same, "Review and sign", "Change and sign");

  await test.step("at the signature", async () => {
    await passkey.approve(() => dialog.getByRole("button", { name: "Change and sign" }).click());
    await expect(dialog.getByRole("alert")).toContainText("The permission was changed since you looked at it");
    await expect(dialog.getByRole("alert")).toContainText("Auth:Users:Read, Auth:Logs:Read");
  });
  await test.step("and when it is reviewed again", async () => {
    await dialog.getByRole("button", { name: "Review again" }).click();
    await expect(dialog.getByRole("alert")).toContainText("The permission was changed since you looked at it");
    await expect(dialog.locator(".fingerprint")).toBeHidden();
    await cancel(page);
    await expect(page.getByRole("checkbox", { name: "Permissions:Read" })).toBeChecked();
  });
  await open(page, path);
  await expect(page.getByRole("main")).toContainText("See the organization's people");
  await expect(page.getByRole("main")).not.toContainText("See which permissions there are");
});

test("the managed ones can't be changed or put away", async ({ page, office, passkey }) => {
  await enterAs(page, passkey, office.admin);
  for (const [name, says] of [
    ["Full admin", "Every operation, also those that later versions bring"],
    ["End user", "Make transactions with wallets"],
  ] as const) {
    await open(page, "/org/permissions");
    const row = page.getByRole("row", { name });
    await expect(row).toContainText("Managed");
    await row.getByRole("link", { name }).click();
    await expectHeading(page, name);
    await ready(page);
    await expect(page.getByRole("main")).toContainText(says);
    await expect(page.getByRole("link", { name: "Edit" })).toBeHidden();
    await expect(page.getByRole("button", { name: "Archive" })).toBeHidden();
    await open(page, `${new URL(page.url()).pathname}/edit`);
    await expect(page.getByRole("main")).toContainText("It came with the organization and can't be changed.");
    await expect(page.getByRole("button", { name: "Review and sign" })).toBeHidden();
  }
});

test("a name that is taken, or looks like one, comes back at its field; what was picked stays", async ({ page, office, passkey, trouble }) => {
  trouble.allow(422, "/rpc/prepare_change");
  await enterAs(page, passkey, office.admin);
  const name = unique("Auditors");
  await createPermission(page, passkey, name, ["Auth:Logs:Read"]);
  await open(page, "/org/permissions/new");
  await pick(page, ["Auth:Users:Read"]);
  for (const taken of [name, name.toUpperCase(), name.replace("o", "о"), "full admin"]) {
    await page.getByLabel("Name").fill(taken);
    await page.getByRole("button", { name: "Review and sign" }).click();
    await expectComplaint(page.getByLabel("Name"), /There is a permission called|name/);
    await expect(dialogOn(page)).toBeHidden();
    await expect(alertOn(page), taken).toBeFocused();
    await expect(page.getByLabel("Name")).toHaveValue(taken);
    await expect(page.getByRole("checkbox", { name: "Auth:Users:Read" })).toBeChecked();
  }
  await page.getByLabel("Name").fill(unique("Other auditors"));
  await signedChange(page, passkey, "Review and sign", "Create and sign");
});

test("without a name or an operation it says what is missing, each at its place", async ({ page, office, passkey }) => {
  await enterAs(page, passkey, office.admin);
  await open(page, "/org/permissions/new");
  await page.getByRole("button", { name: "Review and sign" }).click();
  await expectComplaint(page.getByLabel("Name"), /./);
  await expect(page.getByRole("group", { name: "Operations" })).toContainText("Pick at least one operation.");
  await expect(alertOn(page)).toBeFocused();
  await alertOn(page).getByRole("link", { name: /Operations/ }).click();
  await expect(page.locator("#operations")).toBeFocused();
});

test("what is picked is said in sentences beside the list", async ({ page, office, passkey }) => {
  await enterAs(page, passkey, office.admin);
  await open(page, "/org/permissions/new");
  const summary = page.getByRole("region", { name: "What this lets someone do" });
  await expect(summary).toContainText("Nothing yet");
  await page.getByRole("checkbox", { name: "Auth:Users:Delete" }).check();
  await expect(summary).toContainText("1 operation");
  await expect(summary).toContainText("Remove someone for good.");
  await page.getByText("Auth:Logs:Read").click();
  await expect(summary).toContainText("2 operations");
  await page.getByRole("checkbox", { name: "Auth:Users:Delete" }).uncheck();
  await expect(summary).not.toContainText("Remove someone for good.");
});

test("nobody gives away what they don't hold", async ({ page, anotherBrowser, mail, office, passkey, trouble }) => {
  trouble.allow(422, "/rpc/prepare_change");
  await enterAs(page, passkey, office.admin);
  const grace = newColleague(office.admin.person);
  const other = await anotherBrowser();
  const theirs = await Authenticator.in(other);
  const path = await hire({ page, passkey }, { page: other, passkey: theirs, person: grace }, mail);
  const name = unique("Permission makers");
  await createPermission(page, passkey, name, ["Auth:Users:Read", "Permissions:Read", "Permissions:Create", "Permissions:Assign"]);
  await open(page, path);
  await give(page, passkey, name);

  await open(other, "/org/permissions/new");
  const beyond = other.getByRole("checkbox", { name: "Auth:Users:Delete" });
  await expect(beyond).toBeDisabled();
  await expect(other.getByRole("main")).toContainText("You don't hold this yourself, so you can't give it.");

  await test.step("also not by a page that was tampered with", async () => {
    await other.getByLabel("Name").fill(unique("Powerful"));
    await beyond.evaluate((box: HTMLInputElement) => {
      box.disabled = false;
    });
    await beyond.check();
    await other.getByRole("button", { name: "Review and sign" }).click();
    await expect(alertOn(other)).toContainText("You can only give what you hold yourself");
    await expect(dialogOn(other)).toBeHidden();
  });

  await test.step("and full admin isn't among what they can give themselves", async () => {
    await open(other, path);
    const choice = other.getByLabel("Permission", { exact: true });
    await expect(choice).toContainText("End user");
    await expect(choice).not.toContainText("Full admin");
  });
});

test("the last admin can't be deactivated, deleted or stripped", async ({ page, mail, person, passkey, trouble }) => {
  trouble.allow(409, "/rpc/prepare_change");
  await createOrganization(page, mail, person, passkey);
  await open(page, "/org/users");
  await page.getByRole("link", { name: person.email }).click();
  await expectHeading(page, person.name);
  await expect(page.getByRole("main")).toContainText("This is you.");
  for (const button of ["Deactivate", "Delete", "Revoke “Full admin”"]) {
    const dialog = await reviewRefused(page, () => page.getByRole("button", { name: button, exact: true }).click());
    await expect(dialog.getByRole("alert"), button).toContainText(`${person.email} is the last active admin with every operation`);
    await cancel(page);
  }
  await reload(page);
  await expect(page.getByRole("main")).toContainText("Active");
});
