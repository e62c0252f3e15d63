import { expect, test } from "../support/fixtures.ts";
import { enterAs } from "../support/office.ts";
import { findCode, readInvitation } from "../support/smtp.ts";
import { alertOn, comeToPasskey, createOrganization, expectCheckMail, expectHeading, expectPasskeyStep, fillAccount, makePasskey, open, receiveInvitation, wrongCode } from "../support/wizard.ts";

const noScript = { javaScriptEnabled: false } as const;

for (const [path, heading] of [
  ["/", "Every change, signed"],
  ["/login", "Sign in"],
  ["/get-started", "Create an organization"],
  ["/get-started/mail?email=ada%40example.org", "Check your mail"],
  ["/get-started/activate?email=ada%40example.org", "Enter the code"],
  ["/recover", "Recover your account"],
  ["/recover/code?email=ada%40example.org", "Enter the code"],
  ["/add-passkey", "Add a passkey on this device"],
] as const) {
  test(`${path} reads without JavaScript`, async ({ anotherBrowser }) => {
    const page = await anotherBrowser(noScript);
    await page.goto(path);
    await expectHeading(page, heading);
    await expect(page.getByRole("main")).toBeVisible();
    expect((await page.getByRole("main").innerText()).length).toBeGreaterThan(60);
    await expect(page.locator("header, [role=banner]").first()).toBeVisible();
  });
}

test("account, mail and code work without JavaScript; the passkey's page says that it is needed", async ({ anotherBrowser, mail, person }) => {
  const page = await anotherBrowser(noScript);
  await page.goto("/get-started");
  await fillAccount(page, person);
  await page.getByRole("button", { name: "Continue" }).click();
  await expectCheckMail(page);
  const { code, link } = await receiveInvitation(mail, person);
  await page.goto(link);
  await page.getByLabel("Code from the mail").fill(code);
  await page.getByRole("button", { name: "Continue" }).click();
  await expectPasskeyStep(page);
  await expect(page.getByRole("main")).toContainText(/JavaScript/, { useInnerText: true });
});

test("a new code can be sent without JavaScript", async ({ anotherBrowser, mail, person }) => {
  const page = await anotherBrowser(noScript);
  await page.goto("/get-started");
  await fillAccount(page, person);
  await page.getByRole("button", { name: "Continue" }).click();
  await expectCheckMail(page);
  await mail.next(person.email);
  await page.getByRole("button", { name: "Send a new code" }).click();
  const fresh = readInvitation(await mail.next(person.email, 2));
  await expectCheckMail(page);
  await page.goto(fresh.link);
  await page.getByLabel("Code from the mail").fill(fresh.code);
  await page.getByRole("button", { name: "Continue" }).click();
  await expectPasskeyStep(page);
});

test("what is refused is said without JavaScript", async ({ anotherBrowser, mail, person, trouble }) => {
  trouble.allow(422, /./);
  trouble.allow(400, /./);
  const page = await anotherBrowser(noScript);
  await page.goto("/get-started");
  await fillAccount(page, { ...person, email: "ada@localhost" });
  await page.getByRole("button", { name: "Continue" }).click();
  await expectHeading(page, "Create an organization");
  await expect(alertOn(page)).toBeVisible();
  await expect(page.getByRole("main")).toContainText(/can.t be right/);

  await fillAccount(page, person);
  await page.getByRole("button", { name: "Continue" }).click();
  await expectCheckMail(page);
  const { code, link } = await receiveInvitation(mail, person);
  await page.goto(link);
  await page.getByLabel("Code from the mail").fill(wrongCode(code));
  await page.getByRole("button", { name: "Continue" }).click();
  await expectHeading(page, "Enter the code");
  await expect(alertOn(page)).toBeVisible();
  await expect(page.getByRole("main"), "still for the same address").toContainText(person.email);
  await page.getByLabel("Code from the mail").fill(code);
  await page.getByRole("button", { name: "Continue" }).click();
  await expectPasskeyStep(page);
});

test("the kit's page says without JavaScript that it is needed", async ({ page, anotherBrowser, mail, person, passkey }) => {
  await comeToPasskey(page, mail, person);
  await makePasskey(page, passkey);
  const kit = await anotherBrowser({ ...noScript, storageState: await page.context().storageState() });
  await kit.goto("/get-started/recovery-kit");
  await expectHeading(kit, "Save your recovery kit");
  await expect(kit.getByRole("main")).toContainText(/JavaScript/, { useInnerText: true });
});

test("a recovery begins without JavaScript; the kit's page says that it is needed", async ({ page, anotherBrowser, mail, person, passkey }) => {
  await createOrganization(page, mail, person, passkey);
  const plain = await anotherBrowser(noScript);
  await plain.goto("/recover");
  await plain.getByLabel("Work email").fill(person.email);
  await plain.getByRole("main").getByRole("button").click();
  await expectHeading(plain, "Enter the code");
  await plain.getByLabel("Code from the mail").fill(findCode((await mail.next(person.email, 2)).text) ?? "");
  await plain.getByRole("button", { name: "Continue" }).click();
  await expectHeading(plain, "Use your kit");
  await expect(plain.getByRole("main")).toContainText("Using the kit needs JavaScript.", { useInnerText: true });
  await expect(plain.getByRole("button", { name: "Continue" })).toBeDisabled();
});

test("another device takes a code without JavaScript, and says that a passkey needs it", async ({ page, anotherBrowser, staff, passkey }) => {
  await enterAs(page, passkey, staff.admin);
  await open(page, "/account");
  await page.getByRole("button", { name: "Add on another device" }).click();
  const code = await page.locator(".device-code").innerText();
  const plain = await anotherBrowser(noScript);
  await plain.goto("/add-passkey");
  await plain.getByLabel("Work email").fill(staff.admin.person.email);
  await plain.getByLabel("Code from your other device").fill(code);
  await plain.getByRole("button", { name: "Continue" }).click();
  await expectHeading(plain, "Make a passkey on this device");
  await expect(plain.getByRole("main")).toContainText("Making a passkey needs JavaScript.", { useInnerText: true });
  await expect(plain.getByRole("button", { name: "Make a passkey" })).toBeDisabled();
});

test("the dashboard reads without JavaScript, and signing out works", async ({ page, anotherBrowser, mail, person, passkey }) => {
  await createOrganization(page, mail, person, passkey);
  const plain = await anotherBrowser({ ...noScript, storageState: await page.context().storageState() });
  await plain.goto("/org");
  await expectHeading(plain, person.organization);
  await plain.getByRole("button", { name: "Sign out", exact: true }).click();
  await expectHeading(plain, "Sign in");
  await plain.goto("/org");
  await expect(plain).toHaveURL(/\/login/);
});

test("the organization's pages read without JavaScript, and say what needs it", async ({ page, anotherBrowser, staff, passkey }) => {
  await enterAs(page, passkey, staff.admin);
  const plain = await anotherBrowser({ ...noScript, storageState: await page.context().storageState() });
  for (const [path, heading, says] of [
    ["/org/users", "Users", staff.invited.email],
    ["/org/users/new", "New user", "Changes are signed with a passkey, and that needs JavaScript."],
    [staff.active.path, staff.active.person.email, "Changes are signed with a passkey, and that needs JavaScript."],
    [staff.invited.path, staff.invited.email, "The newest code works until"],
    ["/org/permissions", "Permissions", staff.permission.name],
    ["/org/permissions/new", "New permission", "Changes are signed with a passkey, and that needs JavaScript."],
    [staff.permission.path, staff.permission.name, "Invite people, send an invitation again"],
    [`${staff.permission.path}/edit`, `Edit “${staff.permission.name}”`, "Changes are signed with a passkey, and that needs JavaScript."],
    ["/org/service-accounts", "Service accounts", staff.serviceAccount.name],
    ["/org/service-accounts/new", "New service account", "Changes are signed with a passkey, and that needs JavaScript."],
    [staff.serviceAccount.path, staff.serviceAccount.name, "Changes are signed with a passkey, and that needs JavaScript."],
    ["/account/access-tokens", "Access tokens", staff.accessToken.name],
    ["/account/access-tokens/new", "New access token", "Changes are signed with a passkey, and that needs JavaScript."],
    [staff.accessToken.path, staff.accessToken.name, "Its only permission can't be taken from it"],
    ["/account", "Account", "Changing passkeys needs JavaScript."],
    ["/account/recovery-kit", "New recovery kit", "Making the kit needs JavaScript."],
    ["/org/history", "History", "Verifying in the browser needs JavaScript."],
    ["/org/history/1", "Entry 1", "Verifying in the browser needs JavaScript."],
  ] as const) {
    await plain.goto(path);
    await expectHeading(plain, heading);
    await expect(plain.getByRole("main"), path).toContainText(says, { useInnerText: true });
    for (const button of await plain.getByRole("main").getByRole("button").all()) {
      // What can't work doesn't look as if it could.
      const works = await button.evaluate((node) => (node as HTMLButtonElement).form?.hasAttribute("action") === true);
      if (works) continue;
      const what = `${path}: ${await button.innerText()}`;
      await expect(button, what).toBeDisabled();
      await expect(button, what).toHaveCSS("opacity", "0.5");
    }
  }
});

test("a list is searched, filtered and paged without JavaScript; nothing claims to be verified", async ({ page, anotherBrowser, staff, passkey }) => {
  await enterAs(page, passkey, staff.admin);
  const plain = await anotherBrowser({ ...noScript, storageState: await page.context().storageState() });
  await plain.goto("/org/users");
  await plain.getByLabel("Search").fill("4711");
  await plain.getByRole("button", { name: "Search" }).click();
  await expect(plain.getByRole("row", { name: staff.invited.email })).toBeVisible();
  await expect(plain.getByRole("row")).toHaveCount(2);
  await plain.goto("/org/history");
  await expect(plain.getByRole("main")).toContainText("This page isn't verified yet.");
  await expect(plain.getByText("Verified in this browser")).toHaveCount(0);
  await expect(plain.getByRole("main")).toContainText(`Create user ${staff.invited.email}`);
});

test("with WebAssembly blocked, every page of the way still reads and its forms work", async ({ page, mail, person, trouble }) => {
  await page.addInitScript(() => {
    Reflect.deleteProperty(globalThis, "WebAssembly");
  });
  trouble.allowAny(/WebAssembly/);
  await page.goto("/get-started");
  await expectHeading(page, "Create an organization");
  await fillAccount(page, person);
  await page.getByRole("button", { name: "Continue" }).click();
  await expectCheckMail(page);
  await page.goto((await receiveInvitation(mail, person)).link);
  await expectHeading(page, "Enter the code");
});
