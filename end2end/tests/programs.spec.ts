import { callerWith, claimsOf, refused, type Caller } from "../support/api.ts";
import { expect, test } from "../support/fixtures.ts";
import { keySigner, newKey, type Key } from "../support/keys.ts";
import {
  closeReceipt,
  createPermission,
  createProgram,
  dialogOn,
  enterAs,
  fillNewProgram,
  give,
  hire,
  newColleague,
  review,
  sign,
  signedChange,
  unique,
  type Insider,
  type NewProgram,
} from "../support/office.ts";
import { Authenticator } from "../support/passkey.ts";
import { newPerson } from "../support/person.ts";

import { alertOn, expectComplaint, expectHeading, open } from "../support/wizard.ts";

/** What a person made on a page, as the program that gets its token and has its key: the published client. */
function programOf(origin: string, { person }: Insider, { token, keyId }: { token: string; keyId: string }, key: Key): Caller {
  const signer = keySigner({ ...key, credId: keyId });
  return callerWith({ origin, orgId: claimsOf(token).orgId, username: person.email, signer }, token);
}

test("a service account: made on a page, it calls and signs; shut out, it doesn't", async ({ page, mail, office, passkey, server }) => {
  await enterAs(page, passkey, office.admin);
  const main = page.getByRole("main");
  const key = newKey("Ed25519");
  const [name, inviting] = [unique("Personnel system"), unique("Invites people")];
  await createPermission(page, passkey, inviting, ["Auth:Users:Read", "Auth:Users:Create"]);

  await open(page, "/org/service-accounts");
  await page.getByRole("link", { name: "New service account" }).click();
  const made = await createProgram(page, passkey, { name, publicKey: key.publicKey, life: "90 days", permission: inviting, externalId: "4711" });
  await test.step("its page says what it is", async () => {
    await expectHeading(page, name);
    for (const words of ["Active", "4711", "Ed25519", made.keyId, inviting]) await expect(main).toContainText(words);
    await expect(main).toContainText("Never");
    await expect(page.locator("body")).not.toContainText(made.token);
  });

  const { api } = programOf(server.origin, office.admin, made, key);
  await test.step("it invites somebody, who is in the list, and the entry in history", async () => {
    const { email } = newPerson();
    await api.auth.createUser({ body: { email, kind: "CustomerEmployee" } });
    await mail.next(email);
    await open(page, made.path);
    await expect(main).toContainText(`Create user ${email} as Employee`);
    await page.getByRole("link", { name: `Create user ${email} as Employee` }).click();
    await expect(main).toContainText(`service account “${name}”`);
    await expect(main).toContainText("Verified in this browser");
  });

  await test.step("another permission, and one less", async () => {
    await open(page, made.path);
    await give(page, passkey, "End user");
    await signedChange(page, passkey, `Revoke “${inviting}”`, "Revoke and sign");
    expect((await refused(api.auth.listUsers())).status).toBe(403);
    await give(page, passkey, inviting);
    await api.auth.listUsers();
  });

  const renamed = unique("Payroll");
  await test.step("called something else", async () => {
    await page.getByLabel("Name").fill(renamed);
    await page.getByLabel("External id").fill("");
    const dialog = await review(page, () => page.getByRole("button", { name: "Change the name" }).click());
    await expect(dialog.locator(".sign-sentence")).toHaveText(`Change service account “${name}”, and call it “${renamed}”`);
    await sign(page, passkey, "Change and sign");
    await closeReceipt(page);
    await expectHeading(page, renamed);
    await expect(main).not.toContainText("4711");
  });

  await test.step("deactivated at once, and activated", async () => {
    await signedChange(page, passkey, "Deactivate", "Deactivate and sign");
    await expect(main).toContainText("Deactivated");
    expect((await refused(api.auth.listUsers())).status).toBe(401);
    await signedChange(page, passkey, "Activate", "Activate and sign");
    await api.auth.listUsers();
  });

  await test.step("deleted for good", async () => {
    await open(page, "/org/service-accounts");
    await expect(page.getByRole("row", { name: renamed })).toContainText("Active");
    await page.getByRole("link", { name: renamed }).click();
    await signedChange(page, passkey, "Delete", "Delete and sign");
    await expect(page).toHaveURL(/\/org\/service-accounts$/);
    await expect(main).not.toContainText(renamed);
    expect((await refused(api.auth.listUsers())).status).toBe(401);
  });
});

test("an access token: it acts in one's own name, within its permission", async ({ page, anotherBrowser, office, mail, passkey, server }) => {
  await enterAs(page, passkey, office.admin);
  const [making, reading] = [unique("Makes tokens"), unique("Reads users")];
  await createPermission(page, passkey, making, ["Auth:Pats:Create", "Auth:Users:Read", "Auth:Logs:Read"]);
  await createPermission(page, passkey, reading, ["Auth:Users:Read"]);
  const grace = newColleague(office.admin.person);
  const other = await anotherBrowser();
  const theirs = await Authenticator.in(other);
  const user = await hire({ page, passkey }, { page: other, passkey: theirs, person: grace }, mail);
  await open(page, user);
  await give(page, passkey, making);
  await give(page, passkey, reading);

  const main = other.getByRole("main");
  await open(other, "/account");
  await other.getByRole("link", { name: "See your access tokens" }).click();
  await expectHeading(other, "Access tokens");
  await expect(main).toContainText("You have no access token.");
  await other.getByRole("link", { name: "New access token" }).click();
  const key = newKey();
  const [name, narrow] = [unique("Script"), unique("Report")];
  const made = await createProgram(other, theirs, { name, publicKey: key.publicKey, life: "7 days" });
  await expectHeading(other, name);
  await expect(main).toContainText("It may do whatever you may");

  const { api } = programOf(server.origin, { ...office.admin, person: grace }, made, key);
  await api.auth.listUsers();
  const everything = { query: { startTime: new Date(0).toISOString(), endTime: new Date().toISOString() } };
  expect((await api.auth.listAuditLogs(everything)).length).toBeGreaterThan(0);

  await test.step("with a permission it may do only that", async () => {
    await open(other, "/account/access-tokens/new");
    const second = newKey();
    const { path, ...shown } = await createProgram(other, theirs, { name: narrow, publicKey: second.publicKey, life: "7 days", permission: reading });
    const narrowed = programOf(server.origin, { ...office.admin, person: grace }, shown, second).api;
    await narrowed.auth.listUsers();
    expect((await refused(narrowed.auth.listAuditLogs(everything))).status).toBe(403);
    await open(other, path);
    await expect(main).toContainText("in 7 days");
    await expect(main).toContainText("just now");
  });

  await test.step("both are listed, to their owner alone, and end with them", async () => {
    await open(other, "/account/access-tokens");
    for (const words of [name, narrow]) await expect(main.getByRole("link", { name: words })).toBeVisible();
    await open(page, "/account/access-tokens");
    await expect(page.getByRole("main")).not.toContainText(name);
    await open(page, user);
    await signedChange(page, passkey, "Deactivate", "Deactivate and sign");
    expect((await refused(api.auth.listUsers())).status).toBe(401);
  });
});

test("an admin's own token: the copy button, one permission that stays, and a colleague's token deleted", async ({ page, context, anotherBrowser, office, mail, passkey }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await enterAs(page, passkey, office.admin);
  const main = page.getByRole("main");
  const [name, narrow, also] = [unique("Report"), unique("Reads users"), unique("Reads history")];
  await createPermission(page, passkey, narrow, ["Auth:Users:Read"]);
  await createPermission(page, passkey, also, ["Auth:Logs:Read"]);
  await open(page, "/account/access-tokens/new");
  await fillNewProgram(page, { name, publicKey: newKey("Ed25519").publicKey, life: "30 days", permission: narrow });
  await expect(main).toContainText("Of what you may do, it may do only this:");
  await review(page, () => page.getByRole("button", { name: "Review and sign" }).click());
  const receipt = await sign(page, passkey, "Create and sign");
  const token = await receipt.locator(".handed-text").first().innerText();
  await receipt.getByRole("button", { name: "Copy the token" }).click();
  await expect(receipt.getByRole("status").filter({ hasText: "Copied" })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(token);
  await closeReceipt(page);

  await expect(main).toContainText("Its only permission can't be taken from it");
  await expect(main.getByRole("button", { name: /Revoke/ })).toBeHidden();
  const dialog = await review(page, async () => {
    await page.getByLabel("Permission", { exact: true }).selectOption({ label: also });
    await page.getByRole("button", { name: "Give permission" }).click();
  });
  await expect(dialog).toContainText("From now on it may do no more than the permissions that it has allow");
  await sign(page, passkey, "Give and sign");
  await closeReceipt(page);
  await signedChange(page, passkey, `Revoke “${narrow}”`, "Revoke and sign");

  await test.step("somebody else's is seen on their page, and can be deleted there", async () => {
    const grace = newColleague(office.admin.person);
    const other = await anotherBrowser();
    const theirs = await Authenticator.in(other);
    const making = unique("Makes tokens");
    await createPermission(page, passkey, making, ["Auth:Pats:Create"]);
    const user = await hire({ page, passkey }, { page: other, passkey: theirs, person: grace }, mail);
    await open(page, user);
    await give(page, passkey, making);
    await open(other, "/account/access-tokens/new");
    const script = unique("Script");
    await createProgram(other, theirs, { name: script, publicKey: newKey().publicKey, life: "7 days" });
    await open(page, user);
    await expect(main.getByRole("heading", { name: "Access tokens" })).toBeVisible();
    await signedChange(page, passkey, `Delete “${script}”`, "Delete and sign");
    await expect(main).not.toContainText(`Delete “${script}”`);
    await open(other, "/account/access-tokens");
    await expect(other.getByRole("main")).toContainText("You have no access token.");
  });
});

test("what is wrong is said at its field, and nothing typed is lost", async ({ page, office, passkey, trouble }) => {
  trouble.allow(422, "/rpc/prepare_change");
  await enterAs(page, passkey, office.admin);
  await open(page, "/org/service-accounts/new");
  await page.getByRole("button", { name: "Review and sign" }).click();
  await expectComplaint(page.getByLabel("Name"), /Fill in this field/);
  await expectComplaint(page.getByLabel("Its public key"), /isn't a public key in PEM/);
  await expectComplaint(page.getByLabel("Its token counts for"), /Choose how long/);
  await expect(alertOn(page)).toBeFocused();

  const { publicKey, privateKey } = newKey();
  await page.getByLabel("Its public key").fill(privateKey);
  await page.getByRole("button", { name: "Review and sign" }).click();
  await expectComplaint(page.getByLabel("Its public key"), /private half: keep it where the program runs/);

  const name = unique("Robot");
  const twice: NewProgram = { name, publicKey, life: "30 days" };
  await createProgram(page, passkey, twice);
  await open(page, "/org/service-accounts/new");
  await fillNewProgram(page, { ...twice, name: name.toUpperCase() });
  await page.getByRole("button", { name: "Review and sign" }).click();
  await expectComplaint(page.getByLabel("Name"), /is there already. Choose another name/);
  await expect(dialogOn(page)).toBeHidden();
  await expect(page.getByLabel("Its public key")).toHaveValue(publicKey.replace(/\r/g, ""));
});
